// Alerts as toasts: critical ones stay until they are closed, the others leave by themselves and wait while the pointer is on them.

const STAY_MS = 9000;
const MOST = 5;
const known = new Set();

export function toast({ key, level, text }) {
  const list = document.querySelector("[data-toasts]");
  if (!list || known.has(key)) return;
  known.add(key);
  const item = document.createElement("li");
  item.className = `toast tone-${level === "critical" ? "critical" : "warning"}`;
  if (level === "critical") item.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", list.dataset.wordClose);
  close.addEventListener("click", () => item.remove());
  item.append(words, close);
  list.append(item);
  while (list.children.length > MOST) (list.querySelector("li:not([role])") || list.firstElementChild).remove();
  if (level !== "critical") leaveLater(item);
}

function leaveLater(item) {
  setTimeout(() => (item.matches(":hover, :focus-within") ? leaveLater(item) : item.remove()), STAY_MS);
}
