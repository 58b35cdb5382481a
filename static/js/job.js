// Progress of long work on its page: by websocket, and by asking once a second for the case that the word was lost.

export function showJob(message) {
  const place = document.querySelector(`[data-job="${CSS.escape(message.key)}"]`);
  if (!place) return;
  const progress = place.querySelector("progress");
  progress.max = Math.max(message.total, 1);
  progress.value = message.done;
  place.querySelector("[data-lines]").replaceChildren(
    ...message.lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })),
  );
  if (place.dataset.state !== message.state) {
    place.dataset.state = message.state;
    if (message.state === "done" || message.state === "failed") location.reload();
  }
}

const place = document.querySelector("[data-job]");
if (place && !["done", "failed"].includes(place.dataset.state)) {
  // The work may have ended between the page and the websocket: the first look is at once.
  const look = async () => {
    const answer = await fetch(`/api/v1/jobs/${encodeURIComponent(place.dataset.job)}?lang=${document.body.dataset.lang}`);
    if (answer.ok) showJob(await answer.json());
    if (["done", "failed"].includes(place.dataset.state)) clearInterval(timer);
  };
  const timer = setInterval(look, 1000);
  look();
}
