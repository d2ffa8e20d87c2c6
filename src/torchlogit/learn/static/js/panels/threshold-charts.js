"use strict";
/* The parts of the threshold panel. Each draws itself once and returns what shows a new view of the same numbers. */
(() => {
  const { frame, line, area, dots, rule, handle } = torchlogit.chart;
  const two = d3.format(".2f");

  const SIDE = [-0.035, 1.035]; // room for dots at 0 and 1

  /** Where each person's dot goes: in columns of equal probability, really yes upward, really no downward. */
  function stacked({ p, y }, width) {
    const heights = new Map();
    return p.map((pi, i) => {
      const column = Math.round(pi / width);
      const key = `${column},${y[i]}`;
      heights.set(key, (heights.get(key) ?? 0) + 1);
      return { p: pi, y: y[i], x: column * width, height: (y[i] ? 1 : -1) * (heights.get(key) - 0.25) };
    });
  }

  const whole = (value) => (Number.isInteger(value) ? String(Math.abs(value)) : "");

  function people(root, { t, state, set, band }) {
    const counts = Object.assign(d3.scaleLinear(), { tickFormat: () => whole });
    const f = frame(root, {
      width: 820, height: 300, gap: 16, x: SIDE, y: counts, xLabel: t("probability"), yLabel: t("people"), title: t("people"),
      desc: t("peopleDesc"),
    });
    const shade = area(f, []);
    rule(f, { y: 0 });
    const marks = dots(f, []);
    const line = rule(f, { x: state.threshold, class: "red" });
    const knob = (key, onMove) => handle(f, { x: 0, min: 0, max: 1, step: 0.01, label: t(key), text: two, class: key, onMove });
    const threshold = knob("handle", (next) => set({ threshold: next }));
    const low = knob("low", (next) => set({ below: Math.max(0, Number((state.threshold - next).toFixed(2))) }));
    const upper = knob("high", (next) => set({ above: Math.max(0, Number((next - state.threshold).toFixed(2))) }));

    return ({ now, table, ends }) => {
      const many = table.p.length > 100;
      const placed = stacked(table, many ? 1 / 60 : 1 / 24);
      const [deep, high] = d3.extent(placed, (dot) => dot.height);
      const [bottom, top] = [1.25 * Math.min(deep, -2), 1.25 * Math.max(high, 2)];
      f.rescale({ y: [bottom, top] });
      const wrong = (dot) => dot.p >= now.threshold !== (dot.y === 1);
      marks.set(placed.map((dot) => ({ x: dot.x, y: dot.height, r: many ? 2 : 6, class: `class${dot.y}${wrong(dot) ? " wrong" : ""}${many ? " small" : ""}` })));
      shade.set(ends.map((x) => [x, bottom, top]));
      line.set(now.threshold);
      threshold.set(now.threshold, top);
      low.set(ends[0], bottom);
      upper.set(ends[1], bottom);
    };
  }

  const CELLS = [["trueNegative", "falsePositive"], ["falseNegative", "truePositive"]];

  function matrix(root, { t }) {
    const box = d3.select(root).append("div").attr("class", "decisions");
    const table = box.append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "matrix");
    table.append("caption").text(t("matrix"));
    const head = table.append("thead").append("tr");
    head.append("td");
    head.selectAll("th").data(["saidNo", "saidYes"]).join("th").attr("scope", "col").text((key) => t(key));
    const rows = table.append("tbody").selectAll("tr").data(["reallyNo", "reallyYes"]).join("tr");
    rows.append("th").attr("scope", "row").text((key) => t(key));
    const cells = rows.selectAll("td").data((_, i) => CELLS[i]).join("td").attr("class", (key) => key);
    const [count, per, unsure] = ["count", "per", "unsure"].map((name) => cells.append("div").attr("class", name));
    const list = box.append("dl").attr("class", "measures");

    return ({ now, table: { p, y, rules }, tally, rule: { truePositiveRate, falsePositiveRate }, shares, share, ends }) => {
      count.text((key) => tally[key]);
      per.text((key) => t("per", { share: d3.format(".1f")(100 * shares[key]) }));
      const doubtful = (key) => {
        const [yes, right] = [key.endsWith("Positive"), key.startsWith("true")];
        return p.filter((pi, i) => pi >= ends[0] && pi <= ends[1] && pi >= now.threshold === yes && (y[i] === 1) === (yes === right)).length;
      };
      unsure.text((key) => (doubtful(key) ? t("unsure", { count: doubtful(key) }) : ""));
      const { areaUnderRoc, averagePrecision, precision, cost } = torchlogit.model.threshold;
      const { percent } = torchlogit;
      const measures = [
        [t("recall"), percent(truePositiveRate)],
        [t("fpr"), percent(falsePositiveRate)],
        [t("precision"), percent(precision(shares))],
        [t("accuracy"), percent(shares.truePositive + shares.trueNegative)],
        [t("area"), d3.format(".3f")(areaUnderRoc(rules))],
        [t("average"), d3.format(".3f")(averagePrecision(rules, share))],
        [t("cost"), d3.format(".1f")(100 * cost(shares, now))],
      ];
      const pair = list.selectAll("div").data(measures).join((enter) => {
        const made = enter.append("div");
        made.append("dt");
        made.append("dd");
        return made;
      });
      pair.select("dt").text((measure) => measure[0]);
      pair.select("dd").text((measure) => measure[1]);
    };
  }

  function cost(root, { t }) {
    const f = frame(root, {
      width: 820, height: 220, x: SIDE, y: [0, 50], xLabel: t("handle"), yLabel: t("costLabel"), title: t("costTitle"), desc: t("costDesc"),
    });
    const [shade, upright] = [area(f, []), rule(f, { x: 0, class: "red" })];
    const [curve, mark] = [line(f, [], { class: "curve" }), dots(f, [])];
    return ({ points, at, ends }) => {
      f.rescale({ y: [0, 1.1 * d3.max(points, (point) => point[1])] });
      const top = f.y.domain()[1];
      shade.set(ends.map((x) => [x, 0, top]));
      upright.set(at[0]);
      curve.set(points);
      mark.set([{ x: at[0], y: at[1], class: "c-2", r: 7 }]);
    };
  }

  /** ROC and precision over recall: the same decision rules in two pairs of axes. */
  function curves(root, { t }) {
    const box = d3.select(root).append("div").attr("class", "charts").node();
    const { shares, precision } = torchlogit.model.threshold;
    const chart = (name, xLabel, yLabel, point) => {
      const f = frame(d3.select(box).append("div").node(), {
        width: 400, height: 340, x: [0, 1], y: [0, 1.03], xLabel: t(xLabel), yLabel: t(yLabel), title: t(`${name}Title`), desc: t(`${name}Desc`),
      });
      const chance = line(f, [], { class: "thin dashed" });
      const [within, curve, mark] = [line(f, [], { class: "broad band" }), line(f, [], { class: "curve" }), dots(f, [])];
      return ({ table, rule: at, ends, share }) => {
        const of = (each) => point(each, share);
        const [x, y] = of(at);
        chance.set(name === "roc" ? [[0, 0], [1, 1]] : [[0, share], [1, share]]);
        within.set(table.atGrid.filter(({ threshold }) => threshold >= ends[0] && threshold <= ends[1]).map(of));
        curve.set(table.rules.filter((each) => name === "roc" || each.threshold < Infinity).map(of));
        mark.set([{ x, y, class: "c-2", r: 7 }]);
      };
    };
    const roc = chart("roc", "fpr", "tpr", (each) => [each.falsePositiveRate, each.truePositiveRate]);
    const pr = chart("pr", "recall", "precision", (each, share) => [each.truePositiveRate, precision(shares(each, share))]);
    return (view) => [roc, pr].forEach((show) => show(view));
  }

  torchlogit.thresholdCharts = { people, matrix, cost, curves };
})();
