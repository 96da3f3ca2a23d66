// Draws the value {id, on, base, prompt, earlier, answer, live} of the output component. Prompt
// and answer are lines of JSON, a span for each token, [text, label, values, shades, special];
// the answer's come after the first `base` spans, which stand here from the values before: of
// the same `id`, or of `on`, the text before it. What was missed is asked for as `input`. Text is
// always set as text, never as HTML, and what does not change is not touched, so nothing
// flickers and a selection stays.
// A click or the arrow keys choose a token; Python hears of it as `select`, and says which one
// is in focus (focus.js). Its answer to an older choice than the last one is not drawn.
const NAMES = ["probability", "surprisal", "entropy", "rank", "kept"];
const box = element.querySelector(".output-box");
const parts = {
  prompt: element.querySelector(".output-prompt"),
  answer: element.querySelector(".output-answer"),
};
const earlier = element.querySelector(".output-earlier");
const copy = element.querySelector(".output-copy");
const voice = element.querySelector(".output-voice");
let focused = null;
let place = null; // of the token in focus: {part, index}
let choices = 0;

function describe([, label, values]) {
  const told = NAMES.map((name, i) => values[i] && `${name} ${values[i]}`).filter(Boolean);
  return [label, ...told].join(" · ");
}

function put(span, piece) {
  const [text, label, values, shades, special] = piece;
  if (span.textContent !== text) span.textContent = text;
  span.title = label && describe(piece);
  if (special) span.dataset.special = text ? "" : label;
  else delete span.dataset.special;
  NAMES.forEach((name, i) => {
    if (shades[i] === undefined) span.style.removeProperty(`--${name}`);
    else span.style.setProperty(`--${name}`, shades[i]);
  });
}

// What stands there of the value before: its lines, and where they begin.
const drawn = { id: 0, base: 0, prompt: "", answer: "" };

function drawPart(part, base, lines) {
  const added = document.createDocumentFragment();
  lines.forEach((line, i) => {
    let span = part.children[base + i];
    if (span && span.key === line) return;
    if (!span) span = added.appendChild(document.createElement("span"));
    span.key = line;
    put(span, JSON.parse(line));
  });
  part.append(added);
}

function drawLines(part, base, text, before) {
  const goesOn = before !== null && text.startsWith(before);
  const lines = (goesOn ? text.slice(before.length) : text).split("\n").slice(0, -1);
  if (goesOn) base = part.children.length;
  while (part.children.length > base + lines.length) part.lastChild.remove();
  drawPart(part, base, lines);
}

function isMissed({ id, on, base, prompt }) {
  const known = drawn.id === id || drawn.id === on;
  return known ? parts.answer.children.length < base : base > 0 || prompt === null;
}

function drawText(value) {
  const { id = 0, base = 0, prompt = "", answer = "" } = value;
  if (isMissed({ on: 0, ...value, id, base, prompt })) return trigger("input");
  if (prompt !== null && prompt !== drawn.prompt) {
    drawLines(parts.prompt, 0, prompt, null);
    drawn.prompt = prompt;
  }
  const same = id === drawn.id && base === drawn.base;
  drawLines(parts.answer, base, answer, same ? drawn.answer : null);
  Object.assign(drawn, { id, base, answer });
}

function tokens() {
  return [...parts.prompt.children, ...parts.answer.children].filter((span) => span.title);
}

function ring() {
  const span = place && parts[place.part].children[place.index];
  focused?.classList.remove("is-focused");
  focused = span?.title ? span : null;
  focused?.classList.add("is-focused");
}

function choose(span) {
  const spans = [...span.parentNode.children];
  const index = spans.indexOf(span);
  const inPrompt = span.parentNode === parts.prompt;
  place = { part: inPrompt ? "prompt" : "answer", index };
  ring();
  voice.textContent = `${inPrompt ? "Token" : "New token"} ${index}: ${span.title}`;
  tellSoon(index, inPrompt);
}

let timer;
function tellSoon(index, inPrompt) {
  const number = ++choices;
  clearTimeout(timer);
  timer = setTimeout(() => trigger("select", { index, prompt: inPrompt, number }), 120);
}

document.addEventListener("playground-focus", ({ detail }) => {
  if (detail && detail.number < choices) return;
  place = detail;
  ring();
});

// What is chosen beside the text stands in attributes: a `:has` around the text would match it
// again for every span whenever one comes, a second for some thousand.
function readChoices() {
  element.dataset.score = document.querySelector("#score input:checked")?.value || "";
  for (const id of ["special", "strip_prompt"])
    element.dataset[id] = Boolean(document.querySelector(`#${id} input:checked`));
}

document.addEventListener("change", readChoices);

function draw() {
  const value = props.value || {};
  readChoices();
  const wasAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  drawText(value);
  if (earlier.textContent !== (value.earlier || "")) earlier.textContent = value.earlier || "";
  const empty = ![parts.prompt, earlier, parts.answer].some((part) => part.textContent);
  element.dataset.state = value.live ? "live" : empty ? "empty" : "done";
  copy.hidden = empty;
  ring();
  if (wasAtEnd) box.scrollTop = box.scrollHeight;
}

box.addEventListener("click", (event) => {
  const span = event.target.closest(".output-text > * > span");
  if (span && span.title && getSelection().isCollapsed) choose(span);
});

box.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  const shown = tokens().filter((span) => span.checkVisibility());
  if (!shown.length) return;
  event.preventDefault();
  const at = shown.indexOf(focused);
  const next = at < 0 ? (step > 0 && step !== Infinity ? 0 : shown.length - 1) : at + step;
  const span = shown[Math.min(Math.max(next, 0), shown.length - 1)];
  span.scrollIntoView({ block: "nearest" });
  choose(span);
});

function visibleText() {
  const hidden = getComputedStyle(parts.prompt).display === "none";
  return (hidden ? "" : parts.prompt.textContent) + earlier.textContent + parts.answer.textContent;
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

// Values come as fast as the model writes. Where the text is so long, or the machine so busy, that
// drawing takes long, it is drawn less often, and the last value has all of it.
const QUICK = 10; // milliseconds
const LONGEST = 500;
let cost = 0;
let waiting;

function drawNow() {
  clearTimeout(waiting);
  waiting = undefined;
  const begun = performance.now();
  draw();
  cost = performance.now() - begun;
}

watch("value", () => {
  if (cost < QUICK || !props.value?.live) drawNow(); // the end at once
  else waiting ??= setTimeout(drawNow, Math.min(3 * cost, LONGEST));
});
draw();
