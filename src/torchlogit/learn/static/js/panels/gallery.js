"use strict";
/* The sigmoid gallery: seven functions and their derivatives, read off wherever the pointer or the handle stands. */
torchlogit.panel("gallery", {
  text: {
    en: {
      value: "Value f(x)",
      slope: "Derivative f′(x)",
      title: "Seven sigmoids",
      desc: "The chosen sigmoids from x = −6 to 6. The table gives every value at the handle.",
      slopeTitle: "Their derivatives",
      slopeDesc: "The derivatives of the chosen sigmoids: each a bell about 0.",
      form: "Form",
      same: "same limits and slope",
      plain: "as textbooks write them",
      handle: "Read at x",
      function: "Function",
      told: "At x = {x} the quickest ({quick}) has gone {fast} of the way from the middle to its limit, the slowest ({slow}) {late}.",
      toldOne: "At x = {x} this one ({quick}) has gone {fast} of the way from the middle to its limit.",
      toldNone: "Choose a function in the table.",
      logistic: "logistic",
      erf: "error function",
      tanh: "hyperbolic tangent",
      gudermannian: "Gudermannian",
      algebraic: "algebraic",
      arctan: "arctangent",
      softsign: "softsign",
    },
    zh: {
      value: "函数值 f(x)",
      slope: "导数 f′(x)",
      title: "七个 S 形函数",
      desc: "所选 S 形函数在 x = −6 到 6 上的图像。表中是手柄处的各个数值。",
      slopeTitle: "它们的导数",
      slopeDesc: "所选 S 形函数的导数：都是以 0 为中心的钟形。",
      form: "写法",
      same: "极限与斜率统一",
      plain: "教科书写法",
      handle: "读数位置 x",
      function: "函数",
      told: "在 x = {x} 处，最快的（{quick}）已走完从中点到极限路程的 {fast}，最慢的（{slow}）走了 {late}。",
      toldOne: "在 x = {x} 处，{quick} 已走完从中点到极限路程的 {fast}。",
      toldNone: "请在表中选择函数。",
      logistic: "逻辑斯蒂函数",
      erf: "误差函数",
      tanh: "双曲正切",
      gudermannian: "古德曼函数",
      algebraic: "代数函数",
      arctan: "反正切",
      softsign: "softsign",
    },
  },
  state: { shown: ["logistic", "erf", "tanh", "gudermannian", "algebraic", "arctan", "softsign"], form: "same", x: 2 },
  valid: ({ shown, form, x }) =>
    shown.every((name) => name in torchlogit.model.sigmoids.normalised) && ["same", "plain"].includes(form) && Math.abs(x) <= 6,
  draw(root, { t, state, set }) {
    const { bar, choice, toggle } = torchlogit.controls;
    const { frame, line, rule, handle } = torchlogit.chart;
    const { normalised, plain } = torchlogit.model.sigmoids;
    const names = Object.keys(normalised);
    const grid = d3.range(-600, 601, 5).map((x) => x / 100);
    const forms = () => (state.form === "same" ? normalised : plain);
    const number = d3.format(".4f");
    const look = (i) => `c-${i + 1} dash-${i + 1}`;

    const options = ["same", "plain"].map((value) => ({ value, label: t(value) }));
    const form = choice(bar(root), { label: t("form"), options, value: state.form, onChange: (next) => set({ form: next }) });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const chart = (height, kind, words) => {
      const f = frame(root, { width: 820, height, gap: kind === "value" ? 16 : undefined, x: [-6, 6], y: [-1, 1], xLabel: "x", yLabel: t(kind), ...words });
      f.lines = names.map((_, i) => line(f, [], { class: look(i) }));
      f.rule = rule(f, { x: state.x });
      f.svg.on("pointermove", (event) => event.buttons || show(clamp(f.x.invert(d3.pointer(event, f.plot.node())[0]))));
      f.svg.on("pointerleave", () => show(state.x));
      return f;
    };
    const above = chart(320, "value", { title: t("title"), desc: t("desc") });
    const knob = handle(above, {
      x: state.x, min: -6, max: 6, step: 0.1, label: t("handle"), text: d3.format(".1f"), onMove: (x) => set({ x }),
    });
    const below = chart(220, "slope", { title: t("slopeTitle"), desc: t("slopeDesc") });
    const clamp = (x) => Math.min(6, Math.max(-6, x));

    const table = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    table.append("thead").append("tr").selectAll("th").data([t("function"), "f(x)", "f′(x)"])
      .join("th").attr("scope", "col").text(String);
    const rows = table.append("tbody").selectAll("tr").data(names).join("tr");
    const toggles = rows.append("th").attr("scope", "row").append("div").attr("class", "function").nodes().map((cell, i) =>
      toggle(cell, { label: t(names[i]), value: true, onChange: (on) => set({ shown: names.filter((name) => (name === names[i] ? on : state.shown.includes(name))) }) }),
    );
    rows.select("label").append("svg").attr("class", "swatch").attr("viewBox", "0 0 36 8").attr("width", 36).attr("height", 8)
      .attr("aria-hidden", "true").append("path").attr("class", (_, i) => `line ${look(i)}`).attr("d", "M1 4H35");
    const formulas = rows.select(".function").append("span").attr("class", "formula");
    const [values, slopes] = d3.range(2).map(() => rows.append("td"));
    rows.on("pointerenter focusin", (event, name) => single(name)).on("pointerleave focusout", () => single());

    /** One curve stands out, that of the row which is pointed at; or none. */
    function single(one) {
      for (const f of [above, below]) names.forEach((name, i) => f.lines[i].node.classed("faint", one !== undefined && name !== one));
    }

    function show(x) {
      above.rule.set(x);
      below.rule.set(x);
      values.text((name) => number(forms()[name].value(x)));
      slopes.text((name) => number(forms()[name].derivative(x)));
      told.text(sentence(x));
    }

    /** Who of those shown has come furthest from the middle to the limit, and who least far. */
    function sentence(x) {
      const way = (name) => {
        const { value, limits } = forms()[name];
        return Math.abs((2 * value(x) - limits[0] - limits[1]) / (limits[1] - limits[0]));
      };
      const [slow, ...rest] = d3.sort(state.shown, way);
      if (!slow) return t("toldNone");
      const quick = rest.at(-1) ?? slow;
      const said = { x: d3.format(".1f")(x), quick: t(quick), slow: t(slow), fast: torchlogit.percent(way(quick)), late: torchlogit.percent(way(slow)) };
      return t(rest.length ? "told" : "toldOne", said);
    }

    function typeset() {
      formulas.text((name) => `$${forms()[name].latex}$`);
      formulas.each(function () {
        torchlogit.math(this);
      });
    }

    let drawn = "";
    return (now) => {
      form.set(now.form);
      if (drawn !== now.form) typeset();
      drawn = now.form;
      above.rescale({ y: now.form === "same" ? [-1.1, 1.1] : [-1.7, 1.7] });
      below.rescale({ y: now.form === "same" ? [0, 1.1] : [0, 1.25] });
      names.forEach((name, i) => {
        const on = now.shown.includes(name);
        toggles[i].set(on);
        above.lines[i].set(on ? grid.map((x) => [x, forms()[name].value(x)]) : []);
        below.lines[i].set(on ? grid.map((x) => [x, forms()[name].derivative(x)]) : []);
      });
      knob.set(now.x, above.y.domain()[0]);
      show(now.x);
    };
  },
});
