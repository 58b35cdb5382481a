// Light or dark, and ages in words.

export function startTheme() {
  const button = document.querySelector("[data-theme-switch]");
  button?.addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
  });
  setInterval(showAges, 1000);
  showAges();
}

const japanese = () => document.documentElement.lang === "ja";

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const [n, en, ja] =
    s < 60 ? [s, "s", "秒"] : s < 3600 ? [Math.floor(s / 60), "min", "分"] : s < 86400 ? [Math.floor(s / 3600), "h", "時間"] : [Math.floor(s / 86400), "d", "日"];
  return japanese() ? `${n} ${ja}` : `${n} ${en}`;
}

// Lists stay where they are; a page of a thousand rows is not looked through each second.
let places = null;

/** Ages stand only in `data-age` elements: nothing the server renders changes by itself. */
export function showAges() {
  places ??= document.querySelectorAll("[data-list], [data-key=transition]");
  for (const place of [...places].flatMap((each) => [each, ...each.querySelectorAll("[data-at]")])) {
    if (!place.dataset.at) continue;
    const age = place.querySelector("[data-age]");
    if (!age) continue;
    const at = Number(place.dataset.at);
    age.dateTime = new Date(at).toISOString();
    age.title = new Date(at).toLocaleString();
    age.textContent = japanese() ? `${span(Date.now() - at)}前` : `${span(Date.now() - at)} ago`;
  }
}
