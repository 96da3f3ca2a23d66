// Marks in the text what the focused token looks at (a bar below) and what looks at it
// (a bar above), as the panel's data says, until another tab is opened.
const KINDS = { at: "--looks-at", by: "--looked-by" };

function clear() {
  for (const span of document.querySelectorAll("#output .is-linked")) {
    span.classList.remove("is-linked");
    for (const name of Object.values(KINDS)) span.style.removeProperty(name);
  }
}

function mark() {
  clear();
  const data = element.querySelector(".links")?.dataset.links;
  if (!data) return;
  const links = JSON.parse(data);
  const prompt = document.querySelector("#output .output-prompt").children;
  const answer = document.querySelector("#output .output-answer").children;
  for (const [kind, name] of Object.entries(KINDS))
    for (const [position, weight] of links[kind]) {
      const span = position < links.prompt ? prompt[position] : answer[position - links.prompt];
      if (!span) continue;
      span.classList.add("is-linked");
      span.style.setProperty(name, weight);
    }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#tabs [role=tab]")) clear();
});
document.addEventListener("playground-focus", ({ detail }) => {
  if (!detail) clear();
});
watch("value", mark);
