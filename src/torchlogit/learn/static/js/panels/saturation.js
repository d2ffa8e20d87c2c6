"use strict";
/* float32: after a sigmoid the loss of a confident mistake is 100 and its gradient 0; from the logit both are right. */
torchlogit.panel("saturation", {
  text: {
    en: {
      eta: "Logit η",
      loss: "Loss",
      gradient: "Gradient by η",
      lossTitle: "The loss in float32",
      lossDesc: "Loss over the logit η from −40 to 40, once through a sigmoid and BCELoss, once from the logit.",
      gradientTitle: "The gradient in float32",
      gradientDesc: "Gradient by η over the logit η from −40 to 40, once through a sigmoid and BCELoss, once from the logit.",
      truth: "True class",
      handle: "Logit η",
      quantity: "float32",
      sigmoid: "sigmoid, BCELoss",
      logits: "BCEWithLogitsLoss",
      guess: "ŷ = σ(η)",
      rest: "1 − ŷ",
      toldLost: "σ({eta}) has been rounded to {guess}. Loss {loss} instead of {exact}, gradient {gradient} instead of {slope}: this row can teach nothing any more.",
      toldFaint: "σ({eta}) = {guess} is still a number, but BCELoss divides by at least 10⁻¹²: gradient {gradient} instead of {slope}.",
      toldRounded: "1 − σ({eta}) has lost digits to rounding: loss {loss} instead of {exact}.",
      toldGood: "Here the two ways agree: loss {exact}, gradient {slope}.",
    },
    zh: {
      eta: "logit η",
      loss: "损失",
      gradient: "对 η 的梯度",
      lossTitle: "float32 下的损失",
      lossDesc: "η 从 −40 到 40 时的损失：一条先过 sigmoid 再用 BCELoss，另一条直接由 logit 计算。",
      gradientTitle: "float32 下的梯度",
      gradientDesc: "η 从 −40 到 40 时对 η 的梯度：一条先过 sigmoid 再用 BCELoss，另一条直接由 logit 计算。",
      truth: "真实类别",
      handle: "logit η",
      quantity: "float32",
      sigmoid: "sigmoid，BCELoss",
      logits: "BCEWithLogitsLoss",
      guess: "ŷ = σ(η)",
      rest: "1 − ŷ",
      toldLost: "σ({eta}) 已被舍入成 {guess}。损失是 {loss}，本该是 {exact}；梯度是 {gradient}，本该是 {slope}：这一行再也教不会模型任何东西。",
      toldFaint: "σ({eta}) = {guess} 还是个数，但 BCELoss 的分母至少取 10⁻¹²：梯度是 {gradient}，本该是 {slope}。",
      toldRounded: "1 − σ({eta}) 因舍入丢了有效数字：损失是 {loss}，本该是 {exact}。",
      toldGood: "这里两种算法一致：损失 {exact}，梯度 {slope}。",
    },
  },
  state: { eta: 20, y: 0 },
  valid: ({ eta, y }) => Math.abs(eta) <= 40 && (y === 0 || y === 1),
  draw(root, { t, state, set }) {
    const { bar, choice, slider } = torchlogit.controls;
    const { frame, line, dots, rule, handle } = torchlogit.chart;
    const { fromLogit, sigmoidThenBce } = torchlogit.model.float32;
    const ways = { logits: fromLogit, sigmoid: sigmoidThenBce };
    const look = { logits: "c-1", sigmoid: "c-2" };
    const etas = d3.range(-800, 801).map((k) => k / 20);
    const number = (value) => {
      const size = Math.abs(value);
      if (value === 0) return "0";
      return size >= 0.001 && Math.abs(size - 1) > 1e-6 ? d3.format(",.5~r")(value) : size > 0.5 ? d3.format(".9~f")(value) : power(value);
    };
    const power = (value) => {
      const [digits, exponent] = value.toExponential(1).split("e");
      return `${digits.replace("-", "−")}·10${[...exponent.replace("+", "")].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("")}`;
    };

    const controls = bar(root);
    const truth = choice(controls, {
      label: t("truth"), options: [0, 1].map((value) => ({ value, label: `y = ${value}` })), value: state.y, onChange: (y) => set({ y }),
    });
    const eta = slider(controls, {
      label: t("eta"), min: -40, max: 40, step: 0.5, value: state.eta, format: d3.format(".1f"), onInput: (next) => set({ eta: next }),
    });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const key = d3.select(root).append("p").attr("class", "key");
    for (const way of Object.keys(ways)) key.append("span").attr("class", `swatch ${look[way]}`).text(t(way));

    const chart = (height, quantity, domain, words) => {
      const f = frame(root, { width: 820, height, gap: quantity === "loss" ? 16 : undefined, x: [-40, 40], y: domain, xLabel: t("eta"), yLabel: t(quantity), ...words });
      const lines = Object.keys(ways).map((way) => line(f, [], { class: way === "logits" ? "broad c-1" : "c-2" }));
      const [upright, marks] = [rule(f, { x: state.eta }), dots(f, [])];
      const set = (now) => {
        Object.values(ways).forEach((way, i) => lines[i].set(etas.map((at) => [at, way(at, now.y)[quantity]])));
        upright.set(now.eta);
        marks.set(Object.entries(ways).map(([name, way]) => ({ x: now.eta, y: way(now.eta, now.y)[quantity], class: look[name] })));
      };
      return { f, set };
    };
    const loss = chart(280, "loss", [-5, 110], { title: t("lossTitle"), desc: t("lossDesc") });
    const knob = handle(loss.f, {
      x: state.eta, y: -5, min: -40, max: 40, step: 0.5, label: t("handle"), text: d3.format(".1f"), onMove: (next) => set({ eta: next }),
    });
    const gradient = chart(220, "gradient", [-1.15, 1.15], { title: t("gradientTitle"), desc: t("gradientDesc") });

    const table = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    const heads = ["quantity", "sigmoid", "logits"].map((word) => t(word));
    table.append("thead").append("tr").selectAll("th").data(heads).join("th").attr("scope", "col").text(String);
    const body = table.append("tbody");

    function sentence(now, lost, right) {
      const values = { eta: number(now.eta), guess: number(lost.guess), loss: number(lost.loss), gradient: number(lost.gradient), exact: number(right.loss), slope: number(right.gradient) };
      const off = (quantity) => Math.abs(lost[quantity] - right[quantity]) > 0.001 * Math.abs(right[quantity]);
      if (lost.loss === 100) return t("toldLost", values);
      if (Math.abs(right.gradient - lost.gradient) > 0.001) return t("toldFaint", values);
      return t(off("loss") && right.loss > 1e-3 ? "toldRounded" : "toldGood", values);
    }

    return (now) => {
      const [lost, right] = [ways.sigmoid(now.eta, now.y), ways.logits(now.eta, now.y)];
      truth.set(now.y);
      eta.set(now.eta);
      knob.set(now.eta);
      loss.set(now);
      gradient.set(now);
      told.text(sentence(now, lost, right));
      const rows = [
        [t("guess"), number(lost.guess), "–"],
        [t("rest"), number(lost.rest), "–"],
        ...["loss", "gradient"].map((name) => [t(name), number(lost[name]), number(right[name])]),
      ];
      body.selectAll("tr").data(rows).join("tr").selectAll("td").data((row) => row).join("td").text(String);
    };
  },
});
