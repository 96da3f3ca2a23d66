// A candidate's button writes on from it: `select` with {token}.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-token]");
  if (button) trigger("select", { token: Number(button.dataset.token) });
});
