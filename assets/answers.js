// Draws {number, count, live, parent, query}: which of the answers is shown. Continue is
// `click`, Step is `submit`, the arrows are `select` with {step}.
const goOn = element.querySelector(".answers-go-on");
const step = element.querySelector(".answers-step");
const turn = element.querySelector(".answers-turn");
const place = element.querySelector(".answers-place");
const [before, after] = element.querySelectorAll("[data-step]");

// The address holds prompt and settings, so a reload or a copied link finds them again;
// the browser keeps them for the next visit.
let remembered = null;
function remember(query) {
  if (query === remembered) return; // a browser refuses an address ten times a second
  remembered = query;
  const own = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("__"));
  const kept = new URLSearchParams(own).toString();
  try {
    if (query) localStorage.setItem("mistral-playground", query);
    else localStorage.removeItem("mistral-playground"); // too long: an older one is not it
  } catch {} // it may be switched off, or full
  history.replaceState(history.state, "", "?" + [query, kept].filter(Boolean).join("&"));
}

function draw() {
  const { number = 0, count = 0, live = false, parent = 0, query = null } = props.value || {};
  if (query !== null) remember(query);
  goOn.hidden = number === 0;
  goOn.disabled = step.disabled = live;
  turn.hidden = count < 2;
  place.textContent = `${number}/${count}`;
  place.title = parent ? `goes on from answer ${parent}` : "";
  before.disabled = live || number <= 1;
  after.disabled = live || number >= count;
}

goOn.addEventListener("click", () => trigger("click"));
step.addEventListener("click", () => trigger("submit"));
for (const button of [before, after])
  button.addEventListener("click", () => trigger("select", { step: Number(button.dataset.step) }));

watch("value", draw);
draw();
