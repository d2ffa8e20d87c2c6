"use strict";
/* Images of 28 × 28 pixels on a canvas, and a bar for each probability; styles in digits.css.

   const {ink, weights, bars} = torchlogit.pictures;
   ink(root, {label, pixels})        → {node, set(pixels, label)}   pixels 0 to 1
   weights(root, {label})            → {node, set(values, most)}    orange for, blue against, as strong as value / most
   bars(root, {label})               → set(p, names, winner)        a row for each: name, bar, number */
(() => {
  const { SIDE } = torchlogit.model.softmax;
  const FOR = [213, 94, 0];
  const AGAINST = [0, 114, 178];

  function canvas(root, label) {
    const node = document.createElement("canvas");
    Object.assign(node, { width: SIDE, height: SIDE, className: "pixels" });
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", label);
    root.append(node);
    return node;
  }

  /** Paint pixel by pixel: `colour(value)` is [red, green, blue], `strength(value)` its opacity, 0 to 1. */
  function paint(node, values, colour, strength) {
    const context = node.getContext("2d");
    const image = context.createImageData(SIDE, SIDE);
    values.forEach((value, at) => image.data.set([...colour(value), 255 * strength(value)], 4 * at));
    context.putImageData(image, 0, 0);
  }

  function ink(root, { label, pixels }) {
    const node = canvas(root, label);
    node.classList.add("ink");
    const set = (next, name = label) => {
      node.setAttribute("aria-label", name);
      paint(node, next, () => [0, 0, 0], (value) => value);
    };
    if (pixels) set(pixels);
    return { node, set };
  }

  function weights(root, { label }) {
    const node = canvas(root, label);
    const set = (values, most) => paint(node, values, (value) => (value > 0 ? FOR : AGAINST), (value) => Math.min(1, Math.abs(value) / most));
    return { node, set };
  }

  function bars(root, { label }) {
    const list = d3.select(root).append("ul").attr("class", "bars").attr("aria-label", label);
    const number = d3.format(".3f");
    return (p, names, winner) => {
      const rows = list.selectAll("li").data(p).join((enter) => {
        const row = enter.append("li");
        for (const name of ["name", "bar", "value"]) row.append("span").attr("class", name);
        return row;
      });
      rows.classed("winner", (_, k) => k === winner);
      rows.select(".name").text((_, k) => names[k]);
      rows.select(".bar").style("--share", (each) => each);
      rows.select(".value").text(number);
    };
  }

  torchlogit.pictures = { ink, weights, bars };
})();
