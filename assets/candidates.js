// A candidate's button writes on from it: `select` with {token} and whose place it takes,
// new token {index} of {run}.
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-token]");
  if (!button) return;
  const { run, index } = button.closest("[data-run]").dataset;
  trigger("select", { token: Number(button.dataset.token), run: Number(run), index: Number(index) });
});
