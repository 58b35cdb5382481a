// Puts entities into the page: only texts, classes and attributes of keyed elements change, so that focus, selection and
// open menus survive. A patched page equals a freshly rendered one; tests/browser compares them.

import { isHeld } from "./holding.js";

const LISTS = ["problem", "purpose", "event"];
const kindOf = (key) => key.slice(0, key.indexOf(":"));

// Looking through a page of a thousand rows for each key would cost more than all else: it is done once.
let known = null;

/** Whoever puts keyed elements into the page, or takes them out, calls this. */
export function reindex() {
  known = null;
}

function element(key) {
  if (!known) {
    known = new Map();
    for (const each of document.querySelectorAll("[data-key]")) if (!known.has(each.dataset.key)) known.set(each.dataset.key, each);
  }
  return known.get(key);
}

export function apply(entities) {
  const lists = Object.fromEntries(LISTS.map((kind) => [kind, document.querySelector(`[data-list="${kind}"]`)]));
  for (const list of Object.values(lists)) if (list && !isHeld(list)) settle(list);
  // New ones come to the end of a list that is held, so their own order counts.
  for (const [key, entity] of Object.entries(entities).sort(([, one], [, other]) => (one.order ?? 0) - (other.order ?? 0))) {
    const list = lists[kindOf(key)];
    const found = element(key) || (list ? born(key, list) : null);
    if (found) fill(found, entity);
    if (list && found) place(list, found, entity.order);
  }
  for (const list of Object.values(lists)) if (list) countNew(list);
}

export function remove(keys) {
  for (const key of keys) {
    const found = LISTS.includes(kindOf(key)) && element(key);
    if (!found) continue;
    if (isHeld(found.parentElement)) markOver(found);
    else forget(found);
  }
}

function forget(child) {
  child.remove();
  known.delete(child.dataset.key);
}

/** What is over stays where it is until its reader has left the list. */
function markOver(child) {
  child.classList.add("is-over");
  child.querySelector('[data-part="severity"]').textContent = child.parentElement.dataset.wordOver;
  countNew(child.parentElement);
}

/** Put a list in order that its reader has left. */
export function settle(list) {
  list.querySelectorAll(":scope > .is-over").forEach(forget);
  const children = [...list.children];
  const sorted = children.toSorted((one, other) => one.order - other.order);
  if (sorted.some((child, place) => child !== children[place])) list.append(...sorted);
  for (const child of children) child.isNew = false;
  countNew(list);
}

/** Say how many have come to a list that is held. */
function countNew(list) {
  const place = list.parentElement.querySelector("[data-new]");
  if (!place) return;
  const count = [...list.children].filter((child) => child.isNew && !child.classList.contains("is-over")).length;
  const text = count ? place.dataset.word.replace("{n}", count) : "";
  if (place.textContent !== text) place.textContent = text;
}

function born(key, list) {
  const template = document.getElementById(`template-${kindOf(key)}`);
  if (!template) return null;
  const child = template.content.firstElementChild.cloneNode(true);
  child.dataset.key = key;
  child.isNew = isHeld(list);
  list.append(child);
  known.set(key, child);
  return child;
}

/** Keep the list in the server's order without touching what stands right already, and as it is while somebody is in it. */
function place(list, child, order) {
  child.order = order;
  if (isHeld(list)) return;
  const before = [...list.children].find((other) => other !== child && (other.order ?? Infinity) > order);
  if (before ? child.nextElementSibling !== before : list.lastElementChild !== child) list.insertBefore(child, before || null);
}

function fill(target, entity) {
  if (target.className !== entity.cls) target.className = keepDepth(target, entity.cls);
  for (const [name, text] of Object.entries(entity.parts)) {
    const part = target.querySelector(`[data-part="${name}"]`);
    if (part && part.textContent !== text) part.textContent = text;
  }
  if (entity.shape) reshape(target.querySelector("[data-shape]"), entity.shape);
  if (entity.at) target.dataset.at = entity.at;
  else if (target.dataset.at) delete target.dataset.at;
  const progress = target.querySelector("[data-progress]");
  if (progress) {
    progress.setAttribute("value", entity.parts.done);
    progress.setAttribute("max", entity.parts.total);
  }
  const buttons = target.querySelector("[data-buttons]");
  if (buttons && document.body.dataset.operate === "yes") rebutton(buttons, entity.buttons || []);
}

const keepDepth = (target, cls) => {
  const depth = /depth-\d/.exec(target.className);
  return depth ? `${cls} ${depth[0]}` : cls;
};

function reshape(svg, shape) {
  if (!svg) return;
  svg.setAttribute("class", `shape shape-${shape}`);
  svg.firstElementChild.setAttribute("href", `/static/shapes.svg#${shape}`);
}

function rebutton(place, buttons) {
  const wanted = buttons.map((b) => [`/act/${b.action}/?target=${encodeURIComponent(b.target)}&node=${encodeURIComponent(b.node)}`, b.label]);
  const now = [...place.children].map((a) => [a.getAttribute("href"), a.textContent]);
  if (JSON.stringify(wanted) === JSON.stringify(now)) return;
  place.replaceChildren(
    ...wanted.map(([href, label]) => {
      const a = document.createElement("a");
      a.className = "button";
      a.dataset.preview = "";
      a.setAttribute("href", href);
      a.textContent = label;
      return a;
    }),
  );
}
