// Its buttons ask for a file: `select` with {what}; the value {name, kind, data, number}
// that comes is saved. "link" is the page's own address, which holds all settings.
const told = element.querySelector(".export-told");
let saved = 0;

element.addEventListener("click", async (event) => {
  const what = event.target.closest("[data-what]")?.dataset.what;
  if (what === "link") {
    try {
      await navigator.clipboard.writeText(location.href);
      told.textContent = "The link is copied: it holds the prompt and all settings.";
    } catch {
      told.textContent = "Copy the address of this page: it holds the prompt and all settings.";
    }
  } else if (what) {
    told.textContent = "";
    trigger("select", { what });
  }
});

function save() {
  const { name, kind, data, number = 0, fault = "" } = props.value || {};
  if (fault) told.textContent = fault;
  if (!data || number === saved) return;
  saved = number;
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  told.textContent = `${name} is saved.`;
}

watch("value", save);
