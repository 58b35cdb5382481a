// The list of problems keeps still while somebody points at it or has the focus in it: nothing moves away under a click.

let pointed = null;

export const isHeld = (list) => list === pointed || (list.dataset.list === "problem" && list.contains(document.activeElement));

/** `settle` is told each list that its reader has left. */
export function startHolding(settle) {
  const list = document.querySelector('[data-list="problem"]');
  if (!list) return;
  const leave = () => isHeld(list) || settle(list);
  // A finger that was lifted points at nothing.
  list.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && (pointed = list));
  list.addEventListener("pointerleave", () => {
    pointed = null;
    leave();
  });
  // The focus arrives at its next place after it has left this one.
  list.addEventListener("focusout", () => setTimeout(leave));
}
