"use strict";
/* A pad to draw a digit on, by pointer or keys, and what softmax makes of it. */
torchlogit.panel("draw", {
  text: {
    en: {
      pad: "Drawing pad. Arrow keys move the pen, space puts it down and lifts it, Delete clears.",
      clear: "Clear",
      undo: "Undo",
      label: "Probability of each digit",
      seen: "What softmax sees",
      why: "scaled and centred as the digits of MNIST were",
      told: "Softmax says {winner}, with {p}.",
      unsure: "Softmax is not sure: {winner} with {p}, or {second} with {q}.",
      empty: "Draw a digit: with finger or mouse, or with the arrow keys and space.",
    },
    zh: {
      pad: "画板。方向键移动画笔，空格键落笔和提笔，Delete 键清空。",
      clear: "清空",
      undo: "撤销一笔",
      label: "每个数字的概率",
      seen: "softmax 看到的",
      why: "缩放、居中，与 MNIST 的数字一样",
      told: "softmax 认为是 {winner}，概率 {p}。",
      unsure: "softmax 拿不准：{winner} 的概率 {p}，{second} 的概率 {q}。",
      empty: "画一个数字：用手指或鼠标，或者用方向键和空格键。",
    },
  },
  // Strokes [x, y, x, y, …] on a pad of 100 × 100.
  state: { strokes: [[26, 33, 34, 23, 48, 19, 61, 24, 65, 35, 58, 46, 45, 49, 59, 52, 68, 62, 66, 75, 53, 83, 38, 82, 27, 73]] },
  valid: ({ strokes }) =>
    strokes.every((stroke) => Array.isArray(stroke) && stroke.length && stroke.length % 2 === 0 && stroke.every((at) => at >= 0 && at <= 100)),
  draw(root, { t, set, state }) {
    const { bar, button } = torchlogit.controls;
    const { doubles, etas, probabilities, ink } = torchlogit.model.softmax;
    const theta = doubles(torchlogit.data.digits.theta);
    const APART = 2.5; // between points of a stroke: nearer ones say nothing new
    const STEP = 4; // of an arrow key
    const UNSURE = 0.5;
    const three = d3.format(".3f");
    const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    let pen = [50, 20];
    let down = false; // whether arrow keys draw

    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const place = d3.select(root).append("div").attr("class", "drawing");
    const left = place.append("div");
    const pad = left.append("svg").attr("class", "pad").attr("viewBox", "0 0 100 100").attr("tabindex", 0);
    pad.attr("role", "application").attr("aria-label", t("pad"));
    const [lines, ring] = [pad.append("g"), pad.append("circle").attr("class", "pen").attr("r", 4.5)];
    const controls = bar(left.node());
    button(controls, { label: t("undo"), onClick: () => set({ strokes: state.strokes.slice(0, -1) }) });
    button(controls, { label: t("clear"), onClick: () => set({ strokes: [] }) });
    const right = place.append("div");
    const seen = right.append("div").attr("class", "seen");
    const small = torchlogit.pictures.ink(seen.node(), { label: t("seen") });
    seen.append("span").text(`${t("seen")}: ${t("why")}`);
    const bars = torchlogit.pictures.bars(right.node(), { label: t("label") });

    const within = (at) => Math.round(Math.min(100, Math.max(0, at)));
    const begin = (point) => set({ strokes: [...state.strokes, point] });
    function goOn([x, y]) {
      const stroke = state.strokes.at(-1);
      if (Math.hypot(x - stroke.at(-2), y - stroke.at(-1)) < APART) return;
      set({ strokes: [...state.strokes.slice(0, -1), [...stroke, x, y]] });
    }

    const at = (event) => d3.pointer(event, pad.node()).map(within);
    pad.on("pointerdown", (event) => {
      if (event.button) return;
      pad.node().setPointerCapture(event.pointerId);
      down = false;
      begin(at(event));
    });
    pad.on("pointermove", (event) => pad.node().hasPointerCapture(event.pointerId) && goOn(at(event)));

    pad.on("keydown", (event) => {
      if (event.key in MOVES) {
        pen = pen.map((each, i) => within(each + MOVES[event.key][i]));
        if (down) goOn(pen);
      } else if (event.key === " ") {
        down = !down;
        if (down) begin(pen);
      } else if (event.key === "Delete" || event.key === "Backspace") {
        down = false;
        set({ strokes: [] });
      } else return;
      event.preventDefault();
      penShown();
    });
    const penShown = () => ring.attr("cx", pen[0]).attr("cy", pen[1]).classed("down", down);
    penShown();

    function sentence(strokes, p) {
      if (!strokes.length) return t("empty");
      const [winner, second] = d3.range(10).sort((a, b) => p[b] - p[a]);
      return t(p[winner] < UNSURE ? "unsure" : "told", { winner, second, p: three(p[winner]), q: three(p[second]) });
    }

    return ({ strokes }) => {
      const pixels = ink(strokes);
      const p = probabilities(etas(theta, pixels));
      if (!strokes.length) down = false;
      penShown();
      lines.selectAll("polyline").data(strokes).join("polyline")
        .attr("points", (stroke) => (stroke.length === 2 ? [...stroke, ...stroke] : stroke).join(" "));
      small.set(pixels);
      bars(p, d3.range(10), strokes.length ? p.indexOf(Math.max(...p)) : -1);
      told.text(sentence(strokes, p));
    };
  },
});
