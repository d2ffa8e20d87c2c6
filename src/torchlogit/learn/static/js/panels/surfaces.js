"use strict";
/* MSE or BCE: the same training on both surfaces, from a start that can be dragged. */
(() => {
  const { bce, mse, probability, taylor, value, curvature, train, shareBendingDown } = torchlogit.model.logistic;
  const { number, count, percent } = torchlogit;
  const points = torchlogit.data.points.lesson;
  const [W, B] = [[-8, 8], [-12, 12]];
  const STEP = 0.25; // that an arrow key moves the start
  const BENDS = 1e-5; // curvature of the mean loss that counts as downward
  const RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
  const EPOCHS = [10, 100, 1000, 10_000];
  const LOSSES = [
    { name: "bce", loss: bce, levels: d3.range(-2, 8).map((power) => 2 ** power), plateaus: [] },
    { name: "mse", loss: mse, levels: d3.range(0.25, 3, 0.25), plateaus: [[5, 9], [-6, -2.5]] },
  ];

  const valid = ({ w, b, lr, epochs }) =>
    w >= W[0] && w <= W[1] && b >= B[0] && b <= B[1] && RATES.includes(lr) && EPOCHS.includes(epochs);
  const within = (at, [low, high]) => Number(Math.min(high, Math.max(low, at)).toFixed(2));

  /** A knob that moves in both directions, by dragging or by the arrow keys. */
  function knob(f, { label, text, onMove }) {
    const node = f.over.append("g").attr("class", "handle").attr("tabindex", 0).attr("role", "slider").attr("aria-label", label);
    node.attr("aria-valuemin", W[0]).attr("aria-valuemax", W[1]);
    node.append("circle").attr("class", "touch").attr("r", 22);
    node.append("circle").attr("class", "knob").attr("r", 9);
    let at = [0, 0];
    const move = (w, b) => onMove(within(w, W), within(b, B));
    const drag = d3.drag().container(f.over.node()).subject(() => ({ x: f.x(at[0]), y: f.y(at[1]) }));
    node.call(drag.on("drag", ({ x, y }) => move(f.x.invert(x), f.y.invert(y))));
    const keys = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    node.on("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      const [right, up] = keys[event.key];
      move(at[0] + STEP * right, at[1] + STEP * up);
    });
    return (w, b) => {
      at = [w, b];
      node.attr("transform", `translate(${f.x(w)},${f.y(b)})`).attr("aria-valuenow", w).attr("aria-valuetext", text(w, b));
    };
  }

  /** One surface with the path on it; the returned function shows a run from a start. */
  function chart(place, t, { name, loss, levels, plateaus }, onMove) {
    const { frame, line, dots } = torchlogit.chart;
    const axes = { x: W, y: B, xLabel: t("slope"), yLabel: `${t(name)}: ${t("intercept")}` };
    const f = frame(place, { width: 420, height: 400, ...axes, title: t(name), desc: t(`${name}Desc`) });
    torchlogit.surface(f, { levels, class: "grey" }).set((theta) => value(points, theta, loss));
    const bend = (theta) => -curvature(taylor(points, theta, loss).hess) / points.length;
    torchlogit.surface(f, { levels: [BENDS], class: "bends", size: 96 }).set(bend);
    f.plot.selectAll("text").data(plateaus).join("text").attr("class", "label").attr("text-anchor", "middle").text(t("plateau"))
      .attr("x", ([w]) => f.x(w)).attr("y", ([, b]) => f.y(b));
    const path = line(f, [], { class: "c-2" });
    const end = dots(f, []);
    const start = knob(f, { label: t("start", { name: t(name) }), text: (w, b) => t("at", { w: number(w), b: number(b) }), onMove });
    return ({ w, b }, run) => {
      start(w, b);
      path.set(run.path);
      end.set([{ x: run.theta[0], y: run.theta[1], class: "c-2", r: 6 }]);
    };
  }

  /** Training from the start of a state: its path, where it ends, how many students the end has right. */
  function runOf(loss, { w, b, lr, epochs }) {
    const run = train(points, { lr, epochs, start: [w, b], loss });
    const stops = d3.range(0, epochs).filter((epoch) => epoch < 200 || epoch % 20 === 0);
    const at = (epoch) => [run.w[epoch], run.b[epoch]];
    const theta = at(epochs);
    const right = points.filter(({ x, y }) => probability(theta, x) > 0.5 === (y === 1)).length;
    return { path: [...stops, epochs].map(at), theta, right, slope: Math.hypot(...taylor(points, [w, b], loss).grad) };
  }

  function draw(root, { t, state, set }) {
    const { bar, slider, choice } = torchlogit.controls;
    const sentence = d3.select(root).append("p").attr("class", "told two-lines");
    const charts = d3.select(root).append("div").attr("class", "charts");
    const places = LOSSES.map(() => charts.append("div").node()); // all before any is drawn: they share the width
    const shows = LOSSES.map((each, i) => chart(places[i], t, each, (w, b) => set({ w, b })));
    const shares = LOSSES.map(({ loss }) => percent(shareBendingDown(points, loss, W, B, { by: BENDS })));
    const table = torchlogit.table(root, { caption: t("caption"), head: ["loss", "slopeAtStart", "end", "right", "share"].map((key) => t(key)) });
    const controls = bar(root);
    const rate = slider(controls, { label: t("rate"), min: 0, max: RATES.length - 1, step: 1, value: 0, format: (index) => String(RATES[index]), onInput: (index) => set({ lr: RATES[index] }) });
    const options = EPOCHS.map((value) => ({ value, label: count(value) }));
    const epochs = choice(controls, { label: t("epochs"), options, value: state.epochs, onChange: (value) => set({ epochs: value }) });
    return (now) => {
      const runs = LOSSES.map(({ loss }) => runOf(loss, now));
      shows.forEach((show, i) => show(now, runs[i]));
      const [cross, squared] = runs.map(({ right }) => right);
      sentence.text(t("told", { epochs: count(now.epochs), cross, squared }));
      table.set(runs.map(({ theta, right, slope }, i) => ({
        name: t(LOSSES[i].name),
        cells: [number(slope, 4), theta.map((part) => number(part)).join(", "), t("of", { right }), shares[i]],
      })));
      rate.set(RATES.indexOf(now.lr));
      epochs.set(now.epochs);
    };
  }

  const text = {
    en: {
      slope: "Slope w",
      plateau: "plateau",
      intercept: "intercept b",
      bce: "BCE",
      mse: "Squared error",
      bceDesc: "Contours of the binary cross-entropy over slope and intercept: one valley, and from everywhere a slope into it.",
      mseDesc: "Contours of the squared error after a sigmoid: steps between plateaus, yellow where the surface bends downward.",
      start: "Start of training, {name}",
      at: "w {w}, b {b}",
      rate: "Learning rate",
      epochs: "Epochs",
      told: "From the same start, after {epochs} epochs: BCE has {cross} of 3 students right, squared error has {squared}.",
      caption: "The two runs in numbers",
      loss: "Loss",
      slopeAtStart: "Gradient at the start",
      end: "Ends at w, b",
      right: "Right",
      share: "Bends down on",
      of: "{right} of 3",
    },
    zh: {
      slope: "斜率 w",
      plateau: "高原",
      intercept: "截距 b",
      bce: "BCE",
      mse: "平方误差",
      bceDesc: "二元交叉熵在斜率和截距上的等高线：只有一条谷，从任何地方都有坡通向它。",
      mseDesc: "sigmoid 之后的平方误差的等高线：台阶之间是高原，黄色处曲面向下弯。",
      start: "训练的起点，{name}",
      at: "w {w}，b {b}",
      rate: "学习率",
      epochs: "轮数",
      told: "从同一起点训练 {epochs} 轮：BCE 判断对 3 名学生中的 {cross} 名，平方误差 {squared} 名。",
      caption: "两次训练的数值",
      loss: "损失",
      slopeAtStart: "起点的梯度",
      end: "终点 w, b",
      right: "判断正确",
      share: "向下弯的部分",
      of: "{right} / 3",
    },
  };

  torchlogit.panel("surfaces", { text, state: { w: 5, b: 3, lr: 0.1, epochs: 1000 }, valid, draw });
})();
