// The line that names the token in focus also says which it is; the text rings that one.
// An empty line lets go of it: the text that comes has other tokens.
function tell() {
  const { part, index, number } = element.querySelector("[data-index]")?.dataset || {};
  const detail = part && { part, index: Number(index), number: Number(number) };
  document.dispatchEvent(new CustomEvent("playground-focus", { detail }));
}

watch("value", tell);
