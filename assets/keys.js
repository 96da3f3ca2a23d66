// Ctrl+Enter (or Cmd+Enter) generates, Escape stops, wherever the focus is.
// `playgroundSettled(what, sent)` gives `sent` if `what` stays for a moment, and never if it
// changes again: typing or dragging asks the server once, when it is over.
// Pictures are made for how the page looks: `playgroundAppearance()` tells "dark", "narrow", and the
// score that tokens are coloured by.
() => {
  document.addEventListener("keydown", (event) => {
    const press = (id) => document.getElementById(id)?.click();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("generate");
    } else if (event.key === "Escape") press("stop");
  });
  const latest = {};
  window.playgroundSettled = (what, sent) => {
    const number = (latest[what] = (latest[what] || 0) + 1);
    return new Promise((done) =>
      setTimeout(() => number === latest[what] && done(sent), 150),
    );
  };
  window.playgroundAppearance = () =>
    [
      document.body.classList.contains("dark") && "dark",
      innerWidth < 600 && "narrow",
      document.querySelector("#score input:checked")?.value,
    ].filter(Boolean).join(" ");
};
