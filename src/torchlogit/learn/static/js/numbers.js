"use strict";
/* Numbers as a reader wants them, and tables of the numbers that belong to curves.

   torchlogit.number(value, digits)      "1.50", "−2.9", "∞", "> 100 000", "< 0.001"; "–" for none
   torchlogit.count(n)                   "1000", "100 000"
   torchlogit.percent(p)                 "87.0 %"
   torchlogit.table(root, {caption, head})  → {node, set([{name, class, cells}, …])}: a table; a row's class draws its line */
(() => {
  const MOST = 1e5;

  function number(value, digits = 2) {
    if (Number.isNaN(value)) return "–";
    const sign = value < 0 ? "−" : "";
    const size = Math.abs(value);
    if (size === Infinity) return `${sign}∞`;
    if (size >= MOST) return value < 0 ? "< −100 000" : "> 100 000";
    const least = 10 ** -digits;
    if (size > 0 && size < least / 2) return size < 1e-12 ? (0).toFixed(digits) : `${value < 0 ? "> −" : "< "}${least.toFixed(digits)}`;
    return `${sign}${size.toFixed(digits)}`;
  }

  const count = (n) => (n < 1e4 ? String(n) : d3.format(",")(n).replaceAll(",", "\u202f"));
  const percent = (p) => `${(100 * p).toFixed(1)} %`;

  function table(root, { caption, head }) {
    const node = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    node.append("caption").text(caption);
    node.append("thead").append("tr").selectAll("th").data(head).join("th").attr("scope", "col").html(String);
    const body = node.append("tbody");
    const set = (rows) => {
      const lines = body.selectAll("tr").data(rows, (row) => row.name).join(row).order();
      lines.selectAll("td").data((each) => each.cells).join("td").text(String);
    };
    return { node: node.node(), set };
  }

  function row(enter) {
    const line = enter.append("tr");
    const name = line.append("th").attr("scope", "row");
    name.filter((each) => each.class).append("svg").attr("class", "swatch").attr("viewBox", "0 0 28 8").attr("width", 28)
      .attr("height", 8).attr("aria-hidden", "true").append("path").attr("class", (each) => `line ${each.class}`).attr("d", "M1 4H27");
    name.append("span").text((each) => ` ${each.name}`);
    return line;
  }

  Object.assign(torchlogit, { number, count, percent, table });
})();
