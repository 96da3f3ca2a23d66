// Its buttons ask for a file: `select` with {what}; the {files} that come, each {name, kind,
// data}, are saved. "link" asks by `submit` for one to what the form says now; {link} is
// its query. {fault, offer} says why nothing came, and which button to press instead.
const told = element.querySelector(".export-told");
let answered = 0;

element.addEventListener("click", (event) => {
  const what = event.target.closest("[data-what]")?.dataset.what;
  if (!what) return;
  told.textContent = "";
  if (what === "link") trigger("submit");
  else trigger("select", { what });
});

async function copy(query) {
  const link = new URL(location.pathname, location.href);
  link.search = query;
  try {
    await navigator.clipboard.writeText(link.href);
    told.textContent = "The link is copied: it holds the prompt and all settings.";
  } catch {
    told.textContent = `Copy this link, it holds the prompt and all settings: ${link.href}`;
  }
}

function refuse(fault, offer) {
  told.textContent = fault;
  const button = offer && element.querySelector(`.export [data-what="${offer}"]`);
  if (button) told.append(" ", button.cloneNode(true));
}

function save({ name, kind, data }) {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function draw() {
  const { number = 0, link, fault = "", offer, files = [] } = props.value || {};
  if (number === answered) return;
  answered = number;
  if (fault) return refuse(fault, offer);
  if (link !== undefined) return copy(link);
  for (const file of files) save(file);
  const names = files.map((file) => file.name).join(" and ");
  told.textContent = `${names} ${files.length > 1 ? "are" : "is"} saved.`;
}

watch("value", draw);
