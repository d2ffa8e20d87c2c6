"use strict";
/* The ten weight images of softmax as they form, epoch by epoch, and at the optimum. */
torchlogit.panel("weights", {
  text: {
    en: {
      film: "Weights of each class",
      image: "Weights of class {digit}",
      epoch: "Training",
      at: "epoch {epoch}",
      optimum: "optimum",
      play: "Play",
      pause: "Pause",
      step: "Next",
      scale: "blue: ink here speaks against the digit · orange: for it",
      told: "After epoch {epoch}: loss {loss} per digit, {right} of the 10 000 test digits right.",
      told0: "Before training: all weights are 0, and so is every image. Each class has probability 0.1; loss {loss} per digit.",
      toldOptimum: "At the optimum: loss {loss} per digit, penalty included, {right} of the 10 000 test digits right.",
    },
    zh: {
      film: "每个类别的权重",
      image: "类别 {digit} 的权重",
      epoch: "训练",
      at: "第 {epoch} 轮",
      optimum: "最优解",
      play: "播放",
      pause: "暂停",
      step: "下一步",
      scale: "蓝：这里有墨，就不像这个数字 · 橙：有墨就像",
      told: "第 {epoch} 轮之后：每个数字的损失 {loss}，10 000 个测试数字答对 {right}。",
      told0: "训练之前：权重全是 0，图像也全是空白。每个类别的概率都是 0.1；每个数字的损失 {loss}。",
      toldOptimum: "最优解：每个数字的损失（含惩罚项）{loss}，10 000 个测试数字答对 {right}。",
    },
  },
  state: { at: 4 },
  valid: ({ at }) => torchlogit.data.digits.film.epochs[at] !== undefined,
  draw(root, { t, set, motion, state }) {
    const { bar, slider, button } = torchlogit.controls;
    const { signed, PIXELS } = torchlogit.model.softmax;
    const { epochs, loss, right, weights } = torchlogit.data.digits.film;
    const PACE = 800; // ms that each step of the film stands
    const STRONGEST = 80; // of 127: the scale ends a little before the very largest weight
    const all = signed(weights);
    const last = epochs.length - 1;
    const name = (at) => (epochs[at] === null ? t("optimum") : t("at", { epoch: epochs[at] }));
    let playing = 0;

    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const list = d3.select(root).append("ul").attr("class", "film").attr("aria-label", t("film"));
    const items = list.selectAll("li").data(d3.range(10)).join("li").nodes();
    const pictures = items.map((item, digit) => torchlogit.pictures.weights(item, { label: t("image", { digit }) }));
    items.forEach((item, digit) => item.append(digit));
    d3.select(root).append("p").attr("class", "scale").text(t("scale"));

    const controls = bar(root);
    const scrub = slider(controls, {
      label: t("epoch"), min: 0, max: last, step: 1, value: state.at, format: name,
      onInput: (at) => {
        stop();
        set({ at });
      },
    });
    const play = button(controls, { label: t(motion ? "play" : "step"), onClick: () => (motion ? toggle() : step()) });

    const step = () => set({ at: (state.at + 1) % (last + 1) });
    function stop() {
      clearInterval(playing);
      playing = 0;
      if (motion) play.set(t("play"));
    }
    function toggle() {
      if (playing) return stop();
      play.set(t("pause"));
      if (state.at === last) step();
      playing = setInterval(() => (state.at === last ? stop() : step()), PACE);
    }

    return ({ at }) => {
      scrub.set(at);
      const size = 10 * PIXELS;
      pictures.forEach((picture, digit) => picture.set(all.subarray(at * size + digit * PIXELS, at * size + (digit + 1) * PIXELS), STRONGEST));
      const key = epochs[at] === null ? "toldOptimum" : epochs[at] ? "told" : "told0";
      told.text(t(key, { epoch: epochs[at], loss: d3.format(".3f")(loss[at]), right: `${d3.format(".1f")(100 * right[at])} %` }));
    };
  },
});
