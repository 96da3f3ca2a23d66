// Ctrl+Enter (or Cmd+Enter) generates, Escape stops, wherever the focus is.
() => {
  document.addEventListener("keydown", (event) => {
    const press = (id) => document.getElementById(id)?.click();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("generate");
    } else if (event.key === "Escape") press("stop");
  });
};
