"use strict";
/* Linear unit or logistic unit: the same students, the same hours; the line leaves 0 to 1, the curve never does. */
(() => {
  const { logistic, linear } = torchlogit.model;
  const { percent } = torchlogit;
  const HOURS = [0, 8];
  const REACH = [-0.6, 1.6]; // of the axis of ŷ

  // What each unit comes to: least squares; the optimum, or the lesson's 1000 epochs where there is none.
  const units = {
    lesson: (points) => {
      const { w, b } = logistic.train(points, { lr: 0.01, epochs: 1000, reduction: "sum", start: torchlogit.data.starts[0] });
      return { line: linear.leastSquares(points), curve: [w.at(-1), b.at(-1)] };
    },
    students: (points) => ({ line: linear.leastSquares(points), curve: logistic.newton(points).theta }),
  };

  function draw(root, { t, state, set }) {
    const { bar, choice, slider } = torchlogit.controls;
    const { frame, line, area, dots, rule } = torchlogit.chart;
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const f = frame(root, {
      height: 380, x: HOURS, y: REACH, xLabel: t("hours"), yLabel: t("answer"), title: t("title"), desc: t("desc"),
    });
    area(f, HOURS.map((x) => [x, 1, REACH[1]]));
    area(f, HOURS.map((x) => [x, REACH[0], 0]));
    rule(f, { y: 0 });
    rule(f, { y: 1, label: t("outside") });
    const straight = line(f, [], { class: "c-2 dashed" });
    const bent = line(f, [], { class: "curve" });
    const students = dots(f, []);
    const at = rule(f, { x: state.x });
    const answers = dots(f, []);
    const names = d3.select(root).append("p");
    names.append("span").attr("class", "key").html(`${swatch("c-2 dashed")} ${t("linear")} &nbsp; ${swatch("curve")} ${t("logistic")}`);
    const controls = bar(root);
    const hours = slider(controls, { label: t("hours"), min: HOURS[0], max: HOURS[1], step: 0.25, value: state.x, onInput: (x) => set({ x }) });
    const data = choice(controls, { label: t("data"), options: ["lesson", "students"].map((value) => ({ value, label: t(value) })), value: state.data, onChange: (next) => set({ data: next }) });
    return (now) => {
      const points = torchlogit.data.points[now.data];
      const { line: theta, curve } = units[now.data](points);
      const both = [linear.answer(theta, now.x), logistic.probability(curve, now.x)];
      straight.set(HOURS.map((x) => [x, linear.answer(theta, x)]));
      bent.set(d3.range(HOURS[0], HOURS[1] + 0.01, 0.05).map((x) => [x, logistic.probability(curve, x)]));
      students.set(points.map(({ x, y }) => ({ x, y, class: `class${y}` })));
      answers.set(both.map((y, i) => ({ x: now.x, y, r: 7, class: i ? "c-1" : "c-2" })));
      at.set(now.x);
      hours.set(now.x);
      data.set(now.data);
      const verdict = both[0] < 0 ? "under" : both[0] > 1 ? "over" : "within";
      told.text(t("told", { x: now.x, line: percent(both[0]).replace("-", "−"), verdict: t(verdict), curve: percent(both[1]) }));
    };
  }

  const swatch = (name) =>
    `<svg class="swatch" viewBox="0 0 28 8" width="28" height="8" aria-hidden="true"><path class="line ${name}" d="M1 4H27"/></svg>`;

  torchlogit.panel("units", {
    text: {
      en: {
        title: "A line leaves the range of probabilities, the curve never does",
        desc: "The linear unit’s straight line and the logistic unit’s curve over hours of study; shaded is what no probability can be.",
        hours: "Hours of study", answer: "Answer ŷ", outside: "no probability", linear: "linear unit", logistic: "logistic unit",
        data: "Students", lesson: "the lesson’s three", students: "twenty",
        told: "After {x} hours the linear unit answers {line}: {verdict}. The logistic unit: {curve}.",
        under: "less than nothing", over: "more than certain", within: "it could be a probability",
      },
      zh: {
        title: "直线会离开概率的范围，曲线不会",
        desc: "线性单元的直线和逻辑斯蒂单元的曲线随学习时间的变化；阴影处不可能是概率。",
        hours: "学习时间（小时）", answer: "输出 ŷ", outside: "不是概率", linear: "线性单元", logistic: "逻辑斯蒂单元",
        data: "学生", lesson: "课上的三名", students: "二十名",
        told: "学习 {x} 小时，线性单元的回答是 {line}：{verdict}；逻辑斯蒂单元的回答是 {curve}。",
        under: "比不可能还少", over: "比必然还多", within: "可以当作概率",
      },
    },
    state: { x: 4, data: "lesson" },
    valid: ({ x, data }) => x >= HOURS[0] && x <= HOURS[1] && data in units,
    draw,
  });
})();
