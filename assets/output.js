// Draws the value {prompt, text, live} of the output component. Text is always set as
// text, never as HTML. While it streams only what is new is appended, so nothing
// flickers and a selection made meanwhile stays.
const box = element.querySelector(".output-box");
const prompt = element.querySelector(".output-prompt");
const answer = element.querySelector(".output-answer");
const copy = element.querySelector(".output-copy");

function put(node, text) {
  const shown = node.textContent;
  if (text === shown) return;
  if (shown && text.startsWith(shown)) node.firstChild.appendData(text.slice(shown.length));
  else node.textContent = text;
}

function draw() {
  const value = props.value || {};
  const wasAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  put(prompt, value.prompt || "");
  put(answer, value.text || "");
  const empty = !value.prompt && !value.text;
  element.dataset.state = value.live ? "live" : empty ? "empty" : "done";
  copy.hidden = empty;
  if (wasAtEnd) box.scrollTop = box.scrollHeight;
}

function visibleText() {
  const hidden = getComputedStyle(prompt).display === "none";
  return (hidden ? "" : prompt.textContent) + answer.textContent;
}

// The clipboard exists only on https and localhost; elsewhere copy as a selection.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  copy.focus();
}

copy.addEventListener("click", async () => {
  try {
    await write(visibleText());
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Not copied";
  }
  setTimeout(() => (copy.textContent = "Copy"), 1500);
});

watch("value", draw);
draw();
