// Menus: one at a time, placed beside their button; Escape, a scroll or a click elsewhere closes them.

const OPEN = "details.menu[open], details.who[open]";
const NARROW = "(max-width: 56rem)";

export function startMenus() {
  // On a narrow screen the pages stand in one line that scrolls: the one that is shown comes into view.
  document.querySelector("nav.side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  // `toggle` does not bubble.
  document.addEventListener("toggle", (event) => event.target.matches?.(".menu[open]") && place(event.target), true);
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll(OPEN)) if (!open.contains(event.target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector(OPEN);
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  addEventListener("scroll", () => document.querySelectorAll("details.menu[open]").forEach((open) => (open.open = false)), { capture: true, passive: true });
}

/** Below the button, or above it where there is no room; on a narrow screen the style sheet places it. */
function place(menu) {
  const list = menu.querySelector(":scope > div");
  list.removeAttribute("style");
  if (matchMedia(NARROW).matches) return;
  const button = menu.querySelector("summary").getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const below = button.bottom + height < innerHeight;
  list.style.left = `${Math.max(8, Math.min(button.right - width, innerWidth - width - 8))}px`;
  list.style.top = `${below ? button.bottom : Math.max(8, button.top - height)}px`;
}
