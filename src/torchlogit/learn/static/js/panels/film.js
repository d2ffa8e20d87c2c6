"use strict";
/* The training film: the curve, the path on the loss surface and the loss, all at one epoch. */
(() => {
  const { model, data, number, count, percent } = torchlogit;
  const { probability, evenChances, value, newton, separated, train } = model.logistic;
  const HOURS = [0, 6];
  const LAST = 100_000;
  const RATES = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
  const STEPS = [1, 10, 100, 1000];
  const STOPS = [...new Set([0, ...d3.range(0, 301).map((k) => Math.round(10 ** (k / 60)))])]; // epochs, evenly on a log scale
  const SECONDS = 9; // that the whole film takes
  const NEAR = { x: [-1.5, 2.5], y: [-5.5, 1.5] }; // what is shown of the surface, and what when the path leaves it
  const FAR = { x: [-3, 10], y: [-25, 5] };
  const LEVELS = d3.range(-12, 16).map((power) => 2 ** (power / 2));

  const valid = ({ data: name, lr, reduction, seed, epoch }) =>
    name in data.points && RATES.includes(lr) && ["sum", "mean"].includes(reduction) &&
    seed in data.starts && Number.isInteger(epoch) && epoch >= 0 && epoch <= LAST;

  /** The whole training run of a setting, made anew only when the setting changes. */
  function runs() {
    let [made, run] = ["", null];
    return (setting) => {
      const { data: name, lr, reduction, seed } = setting;
      const key = [name, lr, reduction, seed].join();
      if (key !== made) [made, run] = [key, runOf(data.points[name], { lr, reduction, start: data.starts[seed] })];
      return run;
    };
  }

  function runOf(points, { lr, reduction, start }) {
    const { w, b } = train(points, { lr, reduction, start, epochs: LAST });
    const share = reduction === "mean" ? 1 / points.length : 1;
    const at = (epoch) => [w[epoch], b[epoch]];
    const loss = (theta) => share * value(points, theta);
    return { at, loss, line: STOPS.map((epoch) => [Math.max(1, epoch), loss(at(epoch))]) };
  }

  const until = (epoch) => [...STOPS.filter((stop) => stop < epoch), epoch];
  const inside = ([w, b], { x, y }) => w >= x[0] && w <= x[1] && b >= y[0] && b <= y[1];

  /** The curve of probabilities with the students of the data set. */
  function curveChart(place, t) {
    const { frame, line, dots, rule } = torchlogit.chart;
    const f = frame(place, { width: 420, height: 320, x: HOURS, y: [-0.06, 1.06], xLabel: t("hours"), yLabel: t("chance"), title: t("curveTitle"), desc: t("curveDesc") });
    rule(f, { y: 0.5, class: "red" });
    const curve = line(f, [], { class: "curve" });
    const students = dots(f, []);
    return ({ points, theta }) => {
      curve.set(d3.range(HOURS[0], HOURS[1] + 0.01, 0.05).map((x) => [x, probability(theta, x)]));
      students.set(points.map(({ x, y }) => ({ x, y, class: `class${y}`, r: 5 })));
    };
  }

  /** The surface of the loss over (w, b), and on it the path from the start to where training is. */
  function surfaceChart(place, t) {
    const { frame, line, dots } = torchlogit.chart;
    const f = frame(place, { width: 420, height: 320, ...NEAR, xLabel: t("slope"), yLabel: t("intercept"), title: t("surfaceTitle"), desc: t("surfaceDesc") });
    const surface = torchlogit.surface(f, { levels: LEVELS });
    const ahead = line(f, [], { class: "c-2 thin" });
    const path = line(f, [], { class: "c-2" });
    const marks = dots(f, []);
    let drawn = "";
    return ({ run, theta, epoch, setting, optimum }) => {
      const near = inside(theta, NEAR);
      const key = `${setting}${near}`;
      if (key !== drawn) {
        f.rescale(near ? NEAR : FAR);
        surface.set(run.loss);
        ahead.set(STOPS.map(run.at));
        drawn = key;
      }
      path.set(until(epoch).map(run.at));
      const best = optimum ? [{ x: optimum[0], y: optimum[1], class: "c-3", r: 5 }] : [];
      marks.set([...best, { x: theta[0], y: theta[1], class: "c-2", r: 6 }]);
    };
  }

  /** A logarithmic scale with ticks at these digits of every power of ten. */
  function logarithmic(domain, digits, format) {
    const made = d3.scaleLog().domain(domain);
    const all = d3.range(-12, 12).flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
    made.ticks = () => all.filter((tick) => tick >= made.domain()[0] && tick <= made.domain()[1]);
    made.tickFormat = () => d3.format(format);
    return made;
  }

  /** The loss of every epoch, both scales logarithmic; epoch 0 stands where epoch 1 does. */
  function lossChart(place, t) {
    const { frame, line, dots } = torchlogit.chart;
    const f = frame(place, {
      height: 220, margin: { right: 24 }, x: logarithmic([0.9, 1.3 * LAST], [1], "~s"), y: logarithmic([0.01, 10], [1, 2, 5], "~g"), xLabel: t("epochs"), yLabel: t("loss"), title: t("lossTitle"), desc: t("lossDesc"),
    });
    const ahead = line(f, [], { class: "c-2 thin" });
    const past = line(f, [], { class: "c-2" });
    const mark = dots(f, []);
    let drawn = "";
    return ({ run, theta, epoch, setting }) => {
      if (setting !== drawn) {
        const losses = run.line.map(([, loss]) => loss).filter((loss) => loss > 0);
        f.rescale({ y: [0.7 * d3.min(losses), 1.4 * d3.max(losses)] });
        ahead.set(run.line);
        drawn = setting;
      }
      const here = [Math.max(1, epoch), run.loss(theta)];
      past.set([...run.line.filter(([at]) => at < here[0]), here]);
      mark.set([{ x: here[0], y: here[1], class: "c-2", r: 6 }]);
    };
  }

  /** Runs on by itself: smoothly, or under prefers-reduced-motion from one power of ten to the next. */
  function player({ motion, state, go, onChange }) {
    let timer = null;
    const stop = () => {
      timer?.stop();
      timer = null;
      onChange(false);
    };
    const advance = (stops) => {
      const next = stops.find((stop) => stop > state.epoch);
      if (next === undefined) return stop();
      go(next);
    };
    const every = motion ? (1000 * SECONDS) / STOPS.length : 1000;
    const stops = motion ? STOPS : d3.range(0, 6).map((power) => 10 ** power);
    const play = () => {
      if (state.epoch >= LAST) go(0);
      timer = d3.interval(() => advance(stops), every);
      onChange(true);
    };
    return { stop, toggle: () => (timer ? stop() : play()) };
  }

  /** Buttons, the epoch's slider and the settings; the returned function shows a state in them. */
  function controlsOf(root, { t, state, set, motion }) {
    const { bar, slider, choice, button } = torchlogit.controls;
    const go = (epoch) => set({ epoch: Math.min(LAST, epoch) });
    const film = bar(root);
    const playing = button(film, { label: t("play"), onClick: () => run.toggle() });
    const run = player({ motion, state, go, onChange: (on) => playing.set(t(on ? "pause" : "play")) });
    const by = (change) => {
      run.stop();
      change();
    };
    for (const step of STEPS) button(film, { label: t("step", { step: count(step) }), onClick: () => by(() => go(state.epoch + step)) });
    button(film, { label: t("back"), onClick: () => by(() => go(0)) });
    const scrub = bar(root);
    const epoch = slider(scrub, {
      label: t("epoch"), min: 0, max: STOPS.length - 1, step: 1, value: 0,
      format: () => count(state.epoch), onInput: (index) => by(() => go(STOPS[index])),
    });
    const settings = bar(root);
    const options = (names) => names.map((name) => ({ value: name, label: t(name) }));
    const given = choice(settings, { label: t("data"), options: options(["lesson", "students"]), value: state.data, onChange: (name) => set({ data: name }) });
    const reduction = choice(settings, { label: t("reduction"), options: options(["sum", "mean"]), value: state.reduction, onChange: (kind) => set({ reduction: kind }) });
    const rate = slider(settings, { label: t("rate"), min: 0, max: RATES.length - 1, step: 1, value: 3, format: (index) => String(RATES[index]), onInput: (index) => set({ lr: RATES[index] }) });
    const seed = slider(settings, { label: t("seed"), min: 0, max: data.starts.length - 1, step: 1, value: 0, onInput: (next) => set({ seed: next }) });
    return () => {
      epoch.set(d3.bisectRight(STOPS, state.epoch) - 1);
      given.set(state.data);
      reduction.set(state.reduction);
      rate.set(RATES.indexOf(state.lr));
      seed.set(state.seed);
    };
  }

  function told(t, { epoch, theta, run }) {
    const [w, b] = theta;
    const numbers = { epoch: count(epoch), loss: number(run.loss(theta), 4), w: number(w, 3), b: number(b, 3) };
    return t("told", { ...numbers, four: percent(probability(theta, 4)), half: number(evenChances(theta)) });
  }

  function draw(root, ctx) {
    const { t } = ctx;
    const sentence = d3.select(root).append("p").attr("class", "told two-lines");
    const charts = d3.select(root).append("div").attr("class", "charts");
    const [left, right] = [0, 1].map(() => charts.append("div").node()); // both before either is drawn: they share the width
    const below = d3.select(root).append("div").node();
    const parts = [curveChart(left, t), surfaceChart(right, t), lossChart(below, t)];
    const show = controlsOf(root, ctx);
    const runFor = runs();
    return (state) => {
      const run = runFor(state);
      const points = data.points[state.data];
      const optimum = separated(points).kind === "overlap" ? newton(points).theta : null;
      const setting = [state.data, state.lr, state.reduction, state.seed].join();
      const now = { points, run, optimum, setting, epoch: state.epoch, theta: run.at(state.epoch) };
      for (const part of parts) part(now);
      sentence.text(told(t, now));
      show();
    };
  }

  const text = {
    en: {
      hours: "Hours of study",
      chance: "Probability of passing",
      curveTitle: "The curve",
      curveDesc: "The probability of passing over hours of study at the epoch shown, with the students.",
      slope: "Slope w",
      intercept: "Intercept b",
      surfaceTitle: "The loss surface",
      surfaceDesc: "Contours of the loss over slope and intercept, bluer where it is higher, and the path of training from the start. With twenty students a green dot marks the optimum; with three there is none.",
      epochs: "Epoch (log scale)",
      loss: "Loss (log scale)",
      lossTitle: "The loss of every epoch",
      lossDesc: "The loss against the epoch. With three students it falls for ever, with twenty it levels off.",
      play: "▶ Play",
      pause: "❚❚ Pause",
      step: "+{step}",
      back: "Back to the start",
      epoch: "Epoch",
      data: "Students",
      lesson: "three",
      students: "twenty",
      reduction: "Loss of an epoch",
      sum: "sum",
      mean: "mean",
      rate: "Learning rate",
      seed: "Seed of the start",
      told: "Epoch {epoch}: loss {loss}, w = {w}, b = {b}; even chances at {half} h, after 4 hours {four}.",
    },
    zh: {
      hours: "学习时间（小时）",
      chance: "通过的概率",
      curveTitle: "曲线",
      curveDesc: "当前轮次通过概率随学习时间的变化，以及各名学生。",
      slope: "斜率 w",
      intercept: "截距 b",
      surfaceTitle: "损失曲面",
      surfaceDesc: "损失在斜率和截距上的等高线，越蓝越高，以及训练从起点走过的路。二十名学生时，绿点是最优解；三名学生时没有最优解。",
      epochs: "轮次（对数刻度）",
      loss: "损失（对数刻度）",
      lossTitle: "每一轮的损失",
      lossDesc: "损失随轮次的变化。三名学生时永远下降，二十名学生时趋于平缓。",
      play: "▶ 播放",
      pause: "❚❚ 暂停",
      step: "+{step}",
      back: "回到起点",
      epoch: "轮次",
      data: "学生",
      lesson: "三名",
      students: "二十名",
      reduction: "一轮的损失",
      sum: "求和",
      mean: "求平均",
      rate: "学习率",
      seed: "起点的随机种子",
      told: "第 {epoch} 轮：损失 {loss}，w = {w}，b = {b}；{half} 小时处机会各半，学 4 小时 {four}。",
    },
  };

  const state = { data: "lesson", lr: 0.01, reduction: "sum", seed: 0, epoch: 1000 };
  torchlogit.panel("film", { text, state, valid, draw });
})();
