// Ctrl+Enter (or Cmd+Enter) generates, Escape stops, wherever the focus is.
// Pictures are made for how the page looks: `playgroundLook()` tells "dark", "narrow".
() => {
  document.addEventListener("keydown", (event) => {
    const press = (id) => document.getElementById(id)?.click();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("generate");
    } else if (event.key === "Escape") press("stop");
  });
  window.playgroundLook = () =>
    [document.body.classList.contains("dark") && "dark", innerWidth < 600 && "narrow"]
      .filter(Boolean).join(" ");
};
