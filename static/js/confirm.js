// Shows the preview of an action in a dialog. The preview is a page of its own; without this script the link leads there.

export function startPreviews() {
  const dialog = document.querySelector("[data-preview-dialog]");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-preview]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    link.closest("details")?.removeAttribute("open");
    show(dialog, link.href);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  // Another target of a move is another preview.
  dialog.addEventListener("change", (event) => {
    const choice = event.target.closest("select[data-reload]");
    if (choice) {
      const url = new URL(choice.form.dataset.url, location.href);
      url.searchParams.set(choice.name, choice.value);
      show(dialog, url.href);
    }
  });
  dialog.addEventListener("submit", (event) => {
    if (document.documentElement.classList.contains("is-stale")) event.preventDefault();
  });
}

async function show(dialog, href) {
  const url = new URL(href);
  url.searchParams.set("next", location.pathname + location.search);
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const preview = page.querySelector("[data-preview-body]") || page.querySelector("main");
  if (!preview) return location.assign(href);
  dialog.replaceChildren(document.importNode(preview, true));
  if (!dialog.open) dialog.showModal();
}
