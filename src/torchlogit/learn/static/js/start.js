"use strict";
/* The first page leads on to the language that was asked for, or to the browser's. */
(() => {
  const wanted = document.body.dataset.language || (navigator.language.startsWith("zh") ? "zh" : "en");
  location.replace(`${wanted}/index.html`);
})();
