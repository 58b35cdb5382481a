// The live connection: hello, snapshot, deltas, beats. What cannot be believed any more is hatched, and actions are off.
import { apply, reindex, remove } from "./patch.js";
import { showAges, span } from "./look.js";
import { applyFold } from "./matrix.js";
import { toast } from "./toasts.js";
import { showJob } from "./job.js";

const BEAT_MS = 2000;
const STALE_MS = 2 * BEAT_MS - 200;
const POLL_MS = 5000;

let socket = null;
let seq = -1;
let epoch = document.body.dataset.epoch || "";
let heard = Number(document.body.dataset.heard || 0);
let heardAt = Date.now();
let failures = 0;
let agentAnswers = document.body.dataset.live === "yes";
let ended = false;
let polling = 0;

export function startFeed() {
  open();
  setInterval(judge, 250);
  document.addEventListener("visibilitychange", () => document.hidden || socket || open());
}

function open() {
  if (ended) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  // Alerts go on where this page heard the last one, so that none falls between the page and its connection.
  const asked = new URLSearchParams({ lang: document.body.dataset.lang, epoch, heard });
  socket = new WebSocket(`${scheme}://${location.host}/ws/live?${asked}`);
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  socket.addEventListener("close", (event) => {
    socket = null;
    if (event.code === 4401) return sayBye();
    failures += 1;
    // Many browsers must not come back in the same moment.
    const wait = Math.min(500 * 2 ** failures, 15000) * (0.5 + Math.random());
    setTimeout(open, wait);
    if (failures >= 5 && !polling) polling = setInterval(poll, POLL_MS);
  });
}

function hear(message) {
  heardAt = Date.now();
  failures = 0;
  if (polling) polling = clearInterval(polling) || 0;
  switch (message.type) {
    case "hello":
      if (epoch && epoch !== message.view_epoch) seq = -1;
      epoch = message.view_epoch;
      if (message.proto !== Number(document.body.dataset.proto)) sayOutdated();
      break;
    case "snapshot":
      snapshot(message);
      break;
    case "delta":
      if (message.from !== seq) return ask("resync");
      seq = message.to;
      restructure(message.structure);
      remove(message.del);
      apply(message.set);
      afterPatch();
      break;
    case "beat":
      agentAnswers = message.agent;
      heard = message.heard ?? heard;
      if (message.seq !== seq) ask("resync");
      break;
    case "alert":
      toast(message);
      break;
    case "job":
      showJob(message);
      break;
    case "bye":
      sayBye();
  }
  judge();
}

const ask = (type) => socket?.send(JSON.stringify({ type }));

function snapshot(message) {
  seq = message.seq;
  const gone = [...document.querySelectorAll("[data-list] > [data-key]")]
    .map((each) => each.dataset.key)
    .filter((key) => !(key in message.entities) && !document.querySelector(`[data-list-static] [data-key="${CSS.escape(key)}"]`));
  restructure(message.structure);
  remove(gone);
  apply(message.entities);
  afterPatch();
}

function afterPatch() {
  document.body.dataset.seq = seq;
  const count = document.querySelector('[data-key="head"] [data-part="count"]')?.textContent || "";
  const bell = document.querySelector("[data-bell]");
  if (bell) bell.textContent = count;
  document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : "");
  showAges();
}

/** Rows or columns came or went: fetch the page again and take its matrix, and then all that changed meanwhile. */
async function restructure(structure) {
  const matrix = document.querySelector("[data-matrix]");
  if (document.body.dataset.structure === structure || !structure) return;
  document.body.dataset.structure = structure;
  if (!matrix) return;
  const fresh = await fetchPage().catch(() => null);
  // A later change of rows or columns is fetching its own.
  if (document.body.dataset.structure !== structure) return;
  const replacement = fresh?.querySelector("[data-matrix]");
  if (!replacement) {
    document.body.dataset.structure = "";
    setTimeout(ask, POLL_MS, "resync");
    return;
  }
  matrix.replaceChildren(...replacement.childNodes);
  document.body.dataset.structure = fresh.body.dataset.structure;
  reindex();
  applyFold();
  ask("resync");
}

async function fetchPage() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === document.body.dataset.login) sayBye();
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

/** Without a websocket the page asks for its own entities every five seconds. */
async function poll() {
  try {
    const answer = await fetch(`/api/v1/live?lang=${document.body.dataset.lang}`);
    if (!answer.ok) return;
    const message = await answer.json();
    heardAt = Date.now();
    agentAnswers = message.agent;
    snapshot(message);
  } catch {
    // The next poll, or the websocket, will tell.
  }
}

const sayBye = () => end("wordLogin", document.body.dataset.login);

/** The console was replaced by one that speaks otherwise: its page has to be fetched anew. */
const sayOutdated = () => end("wordReload", location.href);

function end(word, href) {
  ended = true;
  agentAnswers = false;
  const banner = document.querySelector("[data-banner]");
  banner.replaceChildren(Object.assign(document.createElement("a"), { href, textContent: banner.dataset[word] }));
  banner.hidden = false;
  document.documentElement.classList.add("is-stale");
}

/** Decide whether the picture may be believed. */
function judge() {
  const limit = polling ? POLL_MS * 2 : STALE_MS;
  const silent = Date.now() - heardAt > limit;
  const stale = silent || !agentAnswers || ended;
  document.documentElement.classList.toggle("is-stale", stale);
  const word = document.querySelector("[data-fresh]");
  const age = document.querySelector("[data-age-of-view]");
  if (word) word.textContent = stale ? word.dataset.wordStale : polling ? word.dataset.wordPoll : word.dataset.wordLive;
  if (age) age.textContent = stale ? span(Date.now() - heardAt) : "";
  const banner = document.querySelector("[data-banner]");
  if (ended) return;
  banner.hidden = !stale;
  const text = silent ? banner.dataset.wordConsole : banner.dataset.wordAgent;
  if (stale && banner.textContent !== text) banner.textContent = text;
}
