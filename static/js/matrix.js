// Fold groups, filter rows, choose the density.

const MANY_ROWS = 500;
// Where there are many rows, groups are folded until they are opened; elsewhere they are open until they are folded.
const areMany = () => document.querySelectorAll("[data-row]").length > MANY_ROWS;
const kept = () => (areMany() ? "opened" : "folded");
const read = () => new Set(JSON.parse(localStorage.getItem(kept()) || "[]"));

export function startMatrix() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fold]");
    if (!button) return;
    const turned = read();
    if (!turned.delete(button.dataset.fold)) turned.add(button.dataset.fold);
    localStorage.setItem(kept(), JSON.stringify([...turned]));
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
  const [many, turned] = [areMany(), read()];
  const isFolded = (id) => turned.has(id) !== many;
  const wanted = plain(document.querySelector("[data-filter]")?.value || "");
  const rows = [...document.querySelectorAll("[data-row]")];
  const hidden = new Set();
  for (const row of rows) {
    const { row: id, parent } = row.dataset;
    if (parent && (isFolded(parent) || hidden.has(parent))) hidden.add(id);
    row.hidden = (hidden.has(id) && !wanted) || (wanted && !plain(row.textContent).includes(wanted));
    row.querySelector("[data-fold]")?.setAttribute("aria-expanded", String(!isFolded(id)));
  }
}
