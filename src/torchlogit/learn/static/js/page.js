"use strict";
/* What every page has: panels whose state lives in the URL, words in the page's language, typeset formulas.

   torchlogit.panel(name, {text: {en, zh}, state, valid, draw})   see `panel` below
   torchlogit.math(element)                                       typesets $…$ and $$…$$ in it
   torchlogit.lang, torchlogit.motion                             "en" | "zh"; false under prefers-reduced-motion
   torchlogit.model, torchlogit.data                              where the mathematics and the data put themselves */
globalThis.torchlogit = {
  model: {},
  data: {},
  lang: document.documentElement.dataset.lang ?? "en",
  motion: !matchMedia("(prefers-reduced-motion: reduce)").matches,
};

(() => {
  const SETTLE = 250; // ms without a change after which the state is worth an entry in the history
  const panels = new Map(); // name → {defaults, state, update, valid}
  let settling = 0;

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const kind = (value) => (Array.isArray(value) ? "array" : typeof value);

  /** A value of the URL as its default's type, or undefined. Strings stand bare, all else is JSON. */
  function parse(raw, fallback) {
    if (typeof fallback === "string") return raw;
    try {
      const value = JSON.parse(raw);
      return fallback === null || kind(value) === kind(fallback) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** The state of a panel as the URL has it; its defaults for what is absent, of another type or not valid. */
  function restored(name, defaults, valid) {
    const hash = new URLSearchParams(location.hash.slice(1));
    const state = structuredClone(defaults);
    for (const [key, fallback] of Object.entries(defaults)) {
      const raw = hash.get(`${name}.${key}`);
      const value = raw === null ? undefined : parse(raw, fallback);
      if (value !== undefined) state[key] = value;
    }
    return valid(state) ? state : structuredClone(defaults);
  }

  /** What differs from the defaults, as a hash; empty if nothing does. */
  function hash() {
    const parts = new URLSearchParams();
    for (const [name, { defaults, state }] of panels) {
      for (const [key, value] of Object.entries(state)) {
        if (!same(value, defaults[key])) {
          parts.set(`${name}.${key}`, typeof defaults[key] === "string" ? value : JSON.stringify(value));
        }
      }
    }
    return `${parts}` && `#${parts}`;
  }

  /** Write the state into the URL; one entry in the history for each gesture, however many changes it made. */
  function settle() {
    clearTimeout(settling);
    settling = 0;
    const next = hash();
    if (next !== location.hash) history.pushState(null, "", location.href.split("#")[0] + next);
  }

  function settleSoon() {
    clearTimeout(settling);
    settling = setTimeout(settle, SETTLE);
  }

  /** Follow the URL: back, forward, a link within the text. A bare anchor (#heading) says nothing about the state. */
  function follow() {
    if (location.hash && !location.hash.includes("=")) return;
    for (const [name, panel] of panels) {
      const next = restored(name, panel.defaults, panel.valid);
      if (same(next, panel.state)) continue;
      Object.assign(panel.state, next);
      panel.update(panel.state);
    }
  }

  /** `key` in the page's language, its {names} filled from `values`. */
  function translator(name, text) {
    const words = text[torchlogit.lang];
    return (key, values = {}) => {
      if (!(key in words)) throw new Error(`panel ${name} has no text "${key}" in ${torchlogit.lang}`);
      return words[key].replace(/\{(\w+)\}/g, (all, slot) => (slot in values ? values[slot] : all));
    };
  }

  /** Draw the panel `name` into its place on the page.
   *
   *  text   {en: {key: words}, zh: {…}}
   *  state  the defaults; JSON-able. What differs from them is in the URL as #name.key=value
   *  valid  state → boolean, for states that come from a URL somebody wrote; a state that is not valid is forgotten
   *  draw   (root, ctx) → update(state): called once; update at the start and after every change
   *
   *  ctx: t(key, values), lang, motion, state, set(changes), id(name) */
  function panel(name, { text, state: defaults = {}, valid = () => true, draw }) {
    const root = document.querySelector(`[data-panel="${name}"]`);
    if (!root) throw new Error(`this page has no place for the panel ${name}`);
    const state = restored(name, defaults, valid);
    const here = { defaults, state, valid, update: () => {} };
    panels.set(name, here);
    const set = (changes) => {
      Object.assign(state, changes);
      here.update(state);
      settleSoon();
    };
    const { lang, motion } = torchlogit;
    here.update = draw(root, { t: translator(name, text), lang, motion, state, set, id: (part) => `${name}-${part}` }) ?? here.update;
    here.update(state);
    root.dataset.ready = "";
  }

  const DELIMITERS = [
    { left: "$$", right: "$$", display: true },
    { left: "$", right: "$", display: false },
  ];

  /** Typeset the formulas of an element. */
  function math(element) {
    renderMathInElement(element, { delimiters: DELIMITERS, throwOnError: true, output: "htmlAndMathml" });
  }

  /** A button on each program that copies it, where the browser lets a page do so. */
  function copyButtons() {
    if (!navigator.clipboard) return;
    const { copy, copied } = document.body.dataset;
    for (const block of document.querySelectorAll(".code:has(.name)")) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "copy", textContent: copy });
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.querySelector("code").textContent);
        button.textContent = copied;
        setTimeout(() => (button.textContent = copy), 1500);
      });
      block.append(button);
    }
  }

  /** What scrolls sideways can be reached, and so scrolled, by keyboard. */
  function focusScrollers() {
    for (const node of document.querySelectorAll("div.math, pre, .scroll")) {
      if (node.scrollWidth > node.clientWidth) node.tabIndex = 0;
      else node.removeAttribute("tabindex");
    }
  }

  /** The other language opens in the same state. */
  function carryState(link) {
    const bare = link.href;
    link.addEventListener("click", () => {
      settle();
      link.href = bare + location.hash;
    });
  }

  Object.assign(torchlogit, { panel, math });
  addEventListener("hashchange", follow); // also fires for back and forward: entries differ in the hash alone
  document.querySelectorAll("a[data-language]").forEach(carryState);
  document.querySelectorAll(".math").forEach(math);
  copyButtons();
  new ResizeObserver(focusScrollers).observe(document.body);
})();
