"use strict";
/* Labelled controls, native inputs all, so keyboard, touch and screen readers work. Each returns {node, set(value)};
   set shows a value without telling anyone. They go into a bar, which lays them out:

   const bar = torchlogit.controls.bar(root);
   slider(bar, {label, min, max, step, value, format, onInput})      format: number → text beside the slider
   choice(bar, {label, options: [{value, label}], value, onChange})  one of a few
   toggle(bar, {label, value, onChange})                             on or off
   button(bar, {label, onClick})                                     set(label) renames it; node.disabled disables it */
(() => {
  let made = 0;
  const fresh = () => `control-${++made}`;

  function element(root, tag, properties = {}, text = "") {
    const node = Object.assign(document.createElement(tag), properties);
    if (text) node.textContent = text;
    root.append(node);
    return node;
  }

  function bar(root) {
    return element(root, "div", { className: "controls" });
  }

  function slider(root, { label, min, max, step, value, format = String, onInput }) {
    const id = fresh();
    const box = element(root, "div", { className: "control slider" });
    element(box, "label", { htmlFor: id }, label);
    const input = element(box, "input", { type: "range", id, min, max, step });
    const shown = element(box, "output", { htmlFor: id });
    const show = () => {
      shown.textContent = format(input.valueAsNumber);
      input.setAttribute("aria-valuetext", shown.textContent);
    };
    const set = (next) => {
      input.value = next;
      show();
    };
    input.addEventListener("input", () => {
      show();
      onInput(input.valueAsNumber);
    });
    set(value);
    return { node: input, set };
  }

  function choice(root, { label, options, value, onChange }) {
    const name = fresh();
    const box = element(root, "fieldset", { className: "control choice" });
    element(box, "legend", {}, label);
    const segments = element(box, "div", { className: "segments" });
    const inputs = options.map((option) => {
      const segment = element(segments, "label");
      const input = element(segment, "input", { type: "radio", name, value: String(option.value) });
      element(segment, "span", {}, option.label);
      input.addEventListener("change", () => onChange(option.value));
      return input;
    });
    const set = (next) => inputs.forEach((input, i) => (input.checked = options[i].value === next));
    set(value);
    return { node: box, set };
  }

  function toggle(root, { label, value, onChange }) {
    const box = element(root, "label", { className: "control toggle" });
    const input = element(box, "input", { type: "checkbox", checked: value });
    element(box, "span", {}, label);
    input.addEventListener("change", () => onChange(input.checked));
    return { node: input, set: (next) => (input.checked = next) };
  }

  function button(root, { label, onClick }) {
    const node = element(root, "button", { type: "button", className: "control button" }, label);
    node.addEventListener("click", onClick);
    return { node, set: (next) => (node.textContent = next) };
  }

  torchlogit.controls = { bar, slider, choice, toggle, button };
})();
