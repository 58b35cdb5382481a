// Shows the preview of an action in a dialog. The preview is a page of its own; without this script the link leads there.

const isStale = () => document.documentElement.classList.contains("is-stale");
let opener = null;

export function startPreviews() {
  const dialog = document.querySelector("[data-preview-dialog]");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-preview]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    // A picture that can't be believed is nothing to act on, with the keyboard neither.
    if (isStale()) return;
    const menu = link.closest("details");
    menu?.removeAttribute("open");
    opener = menu?.querySelector("summary") || link;
    show(dialog, link.href);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => opener?.isConnected && opener.focus());
  // Another target of a move is another preview.
  dialog.addEventListener("change", (event) => {
    const choice = event.target.closest("select[data-reload]");
    if (choice) {
      const url = new URL(choice.form.dataset.url, location.href);
      url.searchParams.set(choice.name, choice.value);
      show(dialog, url.href);
    }
  });
  document.addEventListener("submit", (event) => {
    if (isStale() && event.target.querySelector("[data-act]")) event.preventDefault();
  });
  // What may lose data or a service is never done by Enter alone.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    if (event.target.form?.querySelector("[name=typed]")) event.preventDefault();
  });
}

async function show(dialog, href) {
  const url = new URL(href);
  url.searchParams.set("next", location.pathname + location.search);
  const ask = () => fetch(url, { headers: { Accept: "text/html" } });
  // A network that changes under the browser costs one try; after that the link leads to the preview's own page.
  const answer = await ask().catch(ask).catch(() => null);
  if (!answer) return location.assign(href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const preview = page.querySelector("[data-preview-body]") || page.querySelector("main");
  if (!preview) return location.assign(href);
  dialog.replaceChildren(document.importNode(preview, true));
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector("select[data-reload]") || dialog.querySelector("h1"))?.focus();
}
