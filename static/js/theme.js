// Sets the theme before the first paint; a plain script, because modules run after it.
"use strict";
(() => {
  const wanted = localStorage.getItem("theme");
  if (wanted) document.documentElement.dataset.theme = wanted;
})();
