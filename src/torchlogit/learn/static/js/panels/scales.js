"use strict";
/* Log-odds, odds, probability: one hour more on three scales. */
(() => {
  const { logistic, linear } = torchlogit.model;
  const { number, percent } = torchlogit;
  const HOURS = [0, 6];
  const KINDS = ["logOdds", "odds", "probability"];

  const axes = {
    logOdds: { y: [-6, 6] },
    odds: { y: () => d3.scaleLog().domain([Math.exp(-6), Math.exp(6)]), yFormat: (value) => (Math.log10(value) % 1 ? "" : `${value}`) },
    probability: { y: [0, 1], yFormat: ".0%" },
  };

  // How far one hour goes on each scale, in words: a sum, a factor, percentage points.
  const rises = {
    logOdds: (from, to) => `+${number(to - from)}`,
    odds: (from, to) => `×\u00a0${number(to / from)}`,
    probability: (from, to, t) => t("points", { points: number(100 * (to - from), 1) }),
  };
  const written = { logOdds: (value) => number(value), odds: (value) => number(value), probability: (value) => percent(value).replace(" ", "\u00a0") };

  /** One scale over the hours: its curve, and the step from x to x + 1. */
  function scale(root, theta, kind, t) {
    const { frame, line } = torchlogit.chart;
    const { y, ...more } = axes[kind];
    const f = frame(root, {
      width: 300, height: 280, x: HOURS, y: typeof y === "function" ? y() : y, ...more,
      xLabel: t("hours"), yLabel: t(kind === "odds" ? "oddsAxis" : kind), title: t(kind), desc: t(`${kind}Desc`), margin: { right: 10, left: 46 },
    });
    const height = (x) => linear.scales(theta, x)[kind];
    line(f, d3.range(HOURS[0], HOURS[1] + 0.01, 0.05).map((x) => [x, height(x)]), { class: "curve" });
    const along = line(f, [], { class: "thin" });
    const up = line(f, [], { class: "red step" });
    const label = f.over.append("text").attr("class", "rise");
    return (x) => {
      const [from, to] = [height(x), height(x + 1)];
      along.set([[x, from], [x + 1, from]]);
      up.set([[x + 1, from], [x + 1, to]]);
      const left = x >= 2; // where the label has room
      label.attr("text-anchor", left ? "end" : "start").attr("x", f.x(x + 1) + (left ? -6 : 6));
      label.attr("y", left ? f.y(to) - 4 : f.y(from) + 4).text(rises[kind](from, to, t));
    };
  }

  function draw(root, { t, state, set }) {
    const { bar, slider } = torchlogit.controls;
    const { theta } = logistic.newton(torchlogit.data.points.students);
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const charts = d3.select(root).append("div").attr("class", "charts").style("grid-template-columns", "repeat(auto-fit, minmax(min(14rem, 100%), 1fr))");
    const places = KINDS.map(() => charts.append("div").node()); // all of them, before the first measures its own
    const shown = KINDS.map((kind, i) => scale(places[i], theta, kind, t));
    const sums = torchlogit.table(root, { caption: t("caption"), head: [t("scale"), t("before"), t("after"), t("rise")] });
    const hours = slider(bar(root), { label: t("from"), min: HOURS[0], max: HOURS[1] - 1, step: 0.25, value: state.x, onInput: (x) => set({ x }) });
    return ({ x }) => {
      const [from, to] = [linear.scales(theta, x), linear.scales(theta, x + 1)];
      hours.set(x);
      shown.forEach((update) => update(x));
      sums.set(KINDS.map((kind) => ({ name: t(kind), cells: [written[kind](from[kind]), written[kind](to[kind]), rises[kind](from[kind], to[kind], t)] })));
      told.text(t("told", { from: x, to: x + 1, factor: number(to.odds / from.odds), points: rises.probability(from.probability, to.probability, t) }));
    };
  }

  torchlogit.panel("scales", {
    text: {
      en: {
        hours: "Hours of study", from: "One hour more, from", logOdds: "Log-odds", odds: "Odds", oddsAxis: "Odds (logarithmic axis)", probability: "Probability",
        logOddsDesc: "A straight line over the hours.", oddsDesc: "A straight line over the hours on a logarithmic axis.", probabilityDesc: "The logistic curve over the hours.",
        caption: "The same step on three scales", scale: "Scale", before: "Before", after: "After", rise: "One hour", points: "+{points}\u00a0points",
        told: "From {from} to {to} hours: the odds are multiplied by {factor}, as everywhere; the probability: {points}.",
      },
      zh: {
        hours: "学习时间（小时）", from: "多学一小时，从", logOdds: "对数几率", odds: "几率", oddsAxis: "几率（对数坐标）", probability: "概率",
        logOddsDesc: "随时间变化的直线。", oddsDesc: "在对数坐标上随时间变化的直线。", probabilityDesc: "随时间变化的逻辑斯蒂曲线。",
        caption: "同一步，三种尺度", scale: "尺度", before: "之前", after: "之后", rise: "一小时", points: "+{points}\u00a0个百分点",
        told: "从 {from} 到 {to} 小时：几率乘以 {factor}，处处如此；概率则是 {points}。",
      },
    },
    state: { x: 2 },
    valid: ({ x }) => x >= HOURS[0] && x <= HOURS[1] - 1,
    draw,
  });
})();
