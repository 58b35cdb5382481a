// Fold groups, filter rows, choose the density.

const FOLDED = "folded";
const read = () => new Set(JSON.parse(localStorage.getItem(FOLDED) || "[]"));

export function startMatrix() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fold]");
    if (!button) return;
    const folded = read();
    if (!folded.delete(button.dataset.fold)) folded.add(button.dataset.fold);
    localStorage.setItem(FOLDED, JSON.stringify([...folded]));
    applyFold();
  });
  document.querySelector("[data-filter]")?.addEventListener("input", applyFold);
  document.querySelector("[data-density]")?.addEventListener("click", () => {
    const dense = document.documentElement.dataset.density === "dense" ? "" : "dense";
    document.documentElement.dataset.density = dense;
    localStorage.setItem("density", dense);
  });
  document.documentElement.dataset.density = localStorage.getItem("density") || "";
  applyFold();
}

const plain = (text) => text.toLowerCase().normalize("NFKC").replaceAll("ー", "");

export function applyFold() {
  const folded = read();
  const wanted = plain(document.querySelector("[data-filter]")?.value || "");
  const rows = [...document.querySelectorAll("[data-row]")];
  const hidden = new Set();
  for (const row of rows) {
    const { row: id, parent } = row.dataset;
    if (parent && (folded.has(parent) || hidden.has(parent))) hidden.add(id);
    row.hidden = (hidden.has(id) && !wanted) || (wanted && !plain(row.textContent).includes(wanted));
    row.querySelector("[data-fold]")?.setAttribute("aria-expanded", String(!folded.has(id)));
  }
}
