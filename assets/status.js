// Draws the value {phase, words, numbers, fraction} of the status component. The live
// region keeps its node and holds only the words, so a screen reader hears each phase
// once and not every change of the numbers.
const words = element.querySelector(".status-words");
const numbers = element.querySelector(".status-numbers");
const bar = element.querySelector(".status-bar div");

function draw() {
  const value = props.value || {};
  element.dataset.phase = value.phase || "";
  element.dataset.measured = value.fraction != null;
  if (words.textContent !== value.words) words.textContent = value.words || "";
  numbers.textContent = value.numbers || "";
  bar.style.width = `${100 * (value.fraction ?? 0)}%`;
}

watch("value", draw);
draw();
