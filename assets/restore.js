// What the page is asked for: its address, or else this browser's last run.
(tab) => {
  const asked = [...new URLSearchParams(location.search)].filter(
    ([name]) => !name.startsWith("__"),
  );
  let last = "";
  try {
    last = localStorage.getItem("mistral-playground") || "";
  } catch {} // it may be switched off
  return [tab, new URLSearchParams(asked).toString() || last];
};
