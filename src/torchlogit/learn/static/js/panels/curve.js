"use strict";
/* The lesson in one figure: two numbers bend a line into a curve of probabilities. */
torchlogit.panel("curve", {
  text: {
    en: {
      slope: "Slope w",
      intercept: "Intercept b",
      hours: "Hours of study",
      chance: "Probability of passing",
      title: "A straight line, bent into a probability",
      desc: "The curve σ(wx + b) over hours of study, with three students: two failed after 1 and 2 hours, one passed after 3.",
      told: "Even chances at {half} hours. After 4 hours: {four}.",
      flat: "After 4 hours: {four}.",
    },
    zh: {
      slope: "斜率 w",
      intercept: "截距 b",
      hours: "学习时间（小时）",
      chance: "通过的概率",
      title: "把直线弯成概率",
      desc: "曲线 σ(wx + b) 随学习时间的变化，以及三名学生：学习 1 小时和 2 小时的未通过，3 小时的通过。",
      told: "学习 {half} 小时，机会各半；学习 4 小时：{four}。",
      flat: "学习 4 小时：{four}。",
    },
  },
  state: { w: 1.2, b: -2.9 },
  valid: ({ w, b }) => Math.abs(w) <= 4 && Math.abs(b) <= 8,
  draw(root, { t, state, set }) {
    const { bar, slider } = torchlogit.controls;
    const { frame, line, dots, rule } = torchlogit.chart;
    const chance = (x) => 1 / (1 + Math.exp(-(state.w * x + state.b)));
    const f = frame(root, {
      height: 360, x: [0, 10], y: [-0.05, 1.05],
      xLabel: t("hours"), yLabel: t("chance"), title: t("title"), desc: t("desc"),
    });
    rule(f, { y: 0.5, class: "red" });
    const curve = line(f, [], { class: "curve" });
    dots(f, [1, 2, 3].map((x) => ({ x, y: x > 2 ? 1 : 0, class: x > 2 ? "class1" : "class0" })));
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const controls = bar(root);
    const number = (value) => value.toFixed(1).replace("-", "−");
    const w = slider(controls, { label: t("slope"), min: -4, max: 4, step: 0.1, value: state.w, format: number, onInput: (next) => set({ w: next }) });
    const b = slider(controls, { label: t("intercept"), min: -8, max: 8, step: 0.1, value: state.b, format: number, onInput: (next) => set({ b: next }) });
    return (now) => {
      w.set(now.w);
      b.set(now.b);
      curve.set(d3.range(0, 10.01, 0.05).map((x) => [x, chance(x)]));
      const half = -now.b / now.w;
      const within = half >= 0 && half <= 10;
      told.text(t(within ? "told" : "flat", { half: half.toFixed(2), four: `${(100 * chance(4)).toFixed(1)} %` }));
    };
  },
});
