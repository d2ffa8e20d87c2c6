"use strict";
/* Drag the points: students are moved, flipped, added and removed, and the fit follows. */
(() => {
  const { probability, evenChances, newton, firth, inference, separated, train } = torchlogit.model.logistic;
  const { number, percent } = torchlogit;
  const HOURS = 6;
  const STEP = 0.05; // hours between the places where a point may lie
  const JUMP = 0.25; // hours that an arrow key moves it
  const REACH = 22; // pixels from a point that still take hold of it
  const LOOKS = { forever: "c-8 dashed", mean: "c-5 dashed", epochs: "c-2", l2: "c-5 dashed", firth: "c-4", estimate: "curve" };

  const written = (points) => points.map(({ x, y }) => `${x}${"fp"[y]}`).join(" ");
  const read = (text) => text.split(" ").filter(Boolean).map((word) => ({ x: parseFloat(word), y: "fp".indexOf(word.at(-1)) }));
  const valid = ({ students }) => /^(\d(\.\d+)?[fp]( |$)){0,60}$/.test(students) && read(students).every(({ x }) => x <= HOURS);
  const placed = (x) => Number(Math.min(HOURS, Math.max(0, Math.round(x / STEP) * STEP)).toFixed(2));

  const presets = {
    lesson: written(torchlogit.data.points.lesson),
    overlapping: "1f 3.5f 3p",
    students: written(torchlogit.data.points.students),
  };

  /** The curves worth drawing for these points: name, θ (none for the step), x → P. */
  function curves(points, found, last) {
    const smooth = (name, theta) => ({ name, theta, chance: (x) => probability(theta, x) });
    const epochs = (name, reduction) => smooth(name, trained(points, reduction));
    const split = () => [step(points, found), epochs("epochs", "sum"), smooth("l2", newton(points, { l2: 1 }).theta), smooth("firth", firth(points).theta)];
    const whole = () => [smooth("estimate", (last.fit = newton(points, { start: last.fit?.theta })).theta), epochs("epochs", "sum"), epochs("mean", "mean")];
    const kinds = { overlap: whole, complete: split, quasi: split, single: () => (points.length ? [epochs("epochs", "sum")] : []), flat: () => [] };
    return kinds[found.kind]();
  }

  function trained(points, reduction) {
    const { w, b } = train(points, { lr: 0.01, epochs: 1000, reduction });
    return [w.at(-1), b.at(-1)];
  }

  /** What training approaches when the classes are split: 0 on one side of the cut, 1 on the other. */
  function step(points, { middle, direction }) {
    const there = points.filter(({ x }) => x === middle);
    const share = there.length ? there.filter(({ y }) => y).length / there.length : 0.5;
    return { name: "forever", middle, direction, chance: (x) => (x === middle ? share : Number((x - middle) * direction > 0)) };
  }

  const outline = ({ theta, middle, chance }) =>
    theta
      ? d3.range(0, HOURS + 0.01, 0.05).map((x) => [x, chance(x)])
      : [[0, chance(0)], [middle, chance(0)], [middle, chance(HOURS)], [HOURS, chance(HOURS)]];

  const short = (hours) => String(Number(number(hours)));

  const cells = ({ theta, middle, direction, chance }) => [
    theta ? number(theta[0], 3) : number(direction * Infinity),
    theta ? number(Math.exp(theta[0])) : direction > 0 ? "∞" : "0",
    theta ? number(evenChances(theta)) : number(middle),
    percent(chance(4)),
  ];

  /** What is to be said first, and what follows it. */
  function told(t, found, { fit }) {
    if (found.kind !== "overlap") return [t(found.kind, { at: short(found.middle) }), t(`${found.kind}More`)];
    const { errors, oddsRatio, interval } = inference(fit);
    const [low, high] = interval.map((end) => number(end));
    const [w, error] = [fit.theta[0], errors[0]].map((value) => number(value, 3));
    return [t("overlap"), t("overlapMore", { ratio: number(oddsRatio), low, high, w, error, at: number(evenChances(fit.theta)) })];
  }

  /** The points as knobs: drawn by show(points); told of by onMove(index, x, y), onAdd(x, y), onRemove(index). */
  function knobs(f, { t, onMove, onAdd, onRemove, onSelect }) {
    let points = [];
    const at = ({ x, y }) => [f.x(x), f.y(y)];
    const nearest = (x, y) => {
      const near = points.map((point, index) => ({ index, x: at(point)[0], y: at(point)[1] }));
      const one = d3.least(near, (each) => Math.hypot(each.x - x, each.y - y));
      return one && Math.hypot(one.x - x, one.y - y) <= REACH ? one : null;
    };
    const side = (y) => Number(f.y.invert(y) > 0.5);
    const focus = (index) => f.over.selectAll(".handle").nodes()[index]?.focus({ preventScroll: true });
    const drag = d3.drag().container(f.over.node()).subject((event) => nearest(event.x, event.y))
      .on("start", ({ subject }) => focus(subject.index))
      .on("drag", ({ subject, x, y }) => onMove(subject.index, placed(f.x.invert(x)), side(y)));
    const ground = f.over.append("rect").attr("class", "ground").attr("width", f.width).attr("height", f.height).attr("fill", "transparent");
    ground.attr("y", -12).attr("height", f.height + 24);
    f.over.call(drag).style("touch-action", "pan-y").on("click", (event) => {
      const [x, y] = d3.pointer(event, f.over.node());
      if (!nearest(x, y)) onAdd(placed(f.x.invert(x)), side(y));
    });
    const keys = {
      ArrowRight: ({ x, y }) => [x + JUMP, y],
      ArrowLeft: ({ x, y }) => [x - JUMP, y],
      ArrowUp: ({ x }) => [x, 1],
      ArrowDown: ({ x }) => [x, 0],
    };
    function press(event) {
      const index = f.over.selectAll(".handle").nodes().indexOf(event.currentTarget);
      const removes = ["Delete", "Backspace"].includes(event.key);
      if (!removes && !(event.key in keys)) return;
      event.preventDefault();
      if (removes) return onRemove(index);
      const [x, y] = keys[event.key](points[index]);
      onMove(index, placed(x), y);
    }
    function knob(enter) {
      const node = enter.append("g").attr("tabindex", 0).attr("role", "slider").attr("aria-valuemin", 0).attr("aria-valuemax", HOURS);
      node.append("circle").attr("class", "touch").attr("r", 12);
      node.append("circle").attr("class", "knob");
      return node.on("keydown", press).on("focus", (event) => onSelect(f.over.selectAll(".handle").nodes().indexOf(event.currentTarget)));
    }
    function show(next, chosen) {
      points = next;
      f.over.selectAll(".handle").data(points).join(knob).attr("class", ({ y }) => `handle student class${y}`)
        .attr("transform", (point) => `translate(${at(point)})`).attr("aria-label", (_, i) => t("student", { number: i + 1 }))
        .attr("aria-valuenow", ({ x }) => x).attr("aria-valuetext", ({ x, y }) => t(y ? "passed" : "failed", { x }))
        .select(".knob").attr("r", (_, i) => (i === chosen ? 11 : 7));
    }
    return { show, focus };
  }

  function draw(root, { t, state, set }) {
    const { bar, choice, button } = torchlogit.controls;
    const { frame, line, rule } = torchlogit.chart;
    const last = { selected: 0 };
    const points = () => read(state.students);
    const change = (edit) => {
      const next = points();
      edit(next);
      set({ students: written(next) });
    };
    const add = (x, y) => points().length < 60 && change((all) => all.push({ x, y }));
    const move = (index, x, y) => change((all) => (all[index] = { x, y }));
    const remove = (index) => {
      change((all) => all.splice(index, 1));
      last.selected = Math.max(0, index - 1);
      handles.focus(last.selected);
    };
    const choose = (index) => {
      last.selected = index;
      handles.show(points(), index);
    };
    const flip = () => change((all) => all[last.selected] && (all[last.selected].y = 1 - all[last.selected].y));

    const controls = bar(root);
    const options = Object.keys(presets).map((name) => ({ value: presets[name], label: t(name) }));
    const preset = choice(controls, { label: t("data"), options, value: state.students, onChange: (students) => set({ students }) });
    const first = d3.select(root).append("p").attr("class", "told two-lines").attr("aria-live", "polite");
    const place = d3.select(root).append("div").node();
    const axes = { x: [0, HOURS], y: [-0.12, 1.12], xLabel: t("hours"), yLabel: t("chance") };
    const f = frame(place, { width: 820, height: 360, title: t("title"), desc: t("desc"), ...axes });
    const half = rule(f, { x: 3, class: "muted" });
    const lines = new Map(Object.entries(LOOKS).map(([name, look]) => [name, line(f, [], { class: look })]));
    const handles = knobs(f, { t, onMove: move, onAdd: add, onRemove: remove, onSelect: choose });
    const more = d3.select(root).append("p").attr("class", "more");
    const table = torchlogit.table(root, { caption: t("caption"), head: ["curve", "slope", "ratio", "half", "four"].map((key) => t(key)) });
    const edits = bar(root);
    button(edits, { label: t("add"), onClick: () => add(3, 1) });
    button(edits, { label: t("flip"), onClick: flip });
    button(edits, { label: t("remove"), onClick: () => remove(last.selected) });
    d3.select(root).append("p").attr("class", "hint").text(t("hint"));

    return () => {
      const found = separated(points());
      const shown = curves(points(), found, last);
      const [headline, rest] = told(t, found, last);
      if (first.text() !== headline) first.text(headline);
      more.text(rest);
      for (const [name, { set: redraw }] of lines) redraw(shown.filter((each) => each.name === name).flatMap(outline));
      half.set(found.kind === "overlap" ? evenChances(last.fit.theta) : found.middle ?? -1);
      preset.set(state.students);
      handles.show(points(), last.selected);
      table.set(shown.map((each) => ({ name: t(each.name), class: LOOKS[each.name], cells: cells(each) })));
    };
  }

  const text = {
    en: {
      data: "Students",
      lesson: "the lesson’s three",
      overlapping: "three that overlap",
      students: "twenty students",
      title: "Hours of study, and who passed",
      desc: "Points at the top passed, points at the bottom failed. The curves are probabilities of passing.",
      hours: "Hours of study",
      chance: "Probability of passing",
      student: "Student {number}",
      passed: "{x} hours, passed",
      failed: "{x} hours, failed",
      add: "Add a student",
      flip: "Flip the chosen one",
      remove: "Remove the chosen one",
      hint: "Drag a point sideways, or across the middle to flip it; click an empty place to add one. Keys: Tab chooses, arrows move and flip, Delete removes.",
      overlap: "The classes overlap: the best curve exists and is finite.",
      overlapMore: "One more hour multiplies the odds of passing by {ratio} (95 % interval {low} to {high}); w = {w}, standard error {error}; even chances at {at} h.",
      complete: "Split perfectly at {at} h: no finite optimum exists.",
      completeMore: "The longer one trains, the steeper the curve. Drag a point across the gap, and an estimate appears.",
      quasi: "The classes only touch, at {at} h: no finite optimum exists.",
      quasiMore: "The curve still steepens for ever. Drag a point further, and an estimate appears.",
      single: "Only one class is here: no finite optimum exists.",
      singleMore: "Add or flip a student.",
      flat: "All studied equally long: no slope can be told from this.",
      flatMore: "Drag a point sideways.",
      caption: "The curves in numbers: the slope w, the odds ratio of one more hour, where chances are even, and the probability of passing after 4 hours",
      curve: "Curve",
      slope: "w",
      ratio: "Odds ratio",
      half: "50 % at",
      four: "P(4 h)",
      estimate: "optimum",
      epochs: "1000 epochs, lr 0.01, sum",
      mean: "1000 epochs, lr 0.01, mean",
      l2: "L2 penalty, C = 1",
      firth: "Firth’s penalty",
      forever: "for ever: a step",
    },
    zh: {
      data: "学生",
      lesson: "课上的三名",
      overlapping: "重叠的三名",
      students: "二十名学生",
      title: "学习时间与是否通过",
      desc: "上方的点通过，下方的点未通过；曲线是通过的概率。",
      hours: "学习时间（小时）",
      chance: "通过的概率",
      student: "学生 {number}",
      passed: "{x} 小时，通过",
      failed: "{x} 小时，未通过",
      add: "添加一名学生",
      flip: "翻转所选学生",
      remove: "删除所选学生",
      hint: "左右拖动一个点，拖过中线则翻转类别；点击空白处添加。键盘：Tab 选择，方向键移动和翻转，Delete 删除。",
      overlap: "两类互相重叠：最优曲线存在，而且有限。",
      overlapMore: "每多学一小时，通过的几率乘以 {ratio}（95 % 区间 {low} 到 {high}）；w = {w}，标准误 {error}；{at} 小时处机会各半。",
      complete: "在 {at} 小时处完全分开：不存在有限的最优解。",
      completeMore: "训练越久，曲线越陡。把一个点拖过空隙，估计值就会出现。",
      quasi: "两类只在 {at} 小时处相接：不存在有限的最优解。",
      quasiMore: "曲线仍会无限变陡。把点再拖远一些，估计值就会出现。",
      single: "只有一类：不存在有限的最优解。",
      singleMore: "请添加或翻转一名学生。",
      flat: "所有人学习时间相同：无法估计斜率。",
      flatMore: "请左右拖动一个点。",
      caption: "各条曲线的数值：斜率 w、多学一小时的优势比、机会各半的时间（小时）、学 4 小时通过的概率",
      curve: "曲线",
      slope: "w",
      ratio: "优势比",
      half: "50 % 点",
      four: "P(4 小时)",
      estimate: "最优解",
      epochs: "1000 轮，lr 0.01，sum",
      mean: "1000 轮，lr 0.01，mean",
      l2: "L2 惩罚，C = 1",
      firth: "Firth 惩罚",
      forever: "永远训练下去：阶跃",
    },
  };

  torchlogit.panel("points", { text, state: { students: presets.lesson }, valid, draw });
})();
