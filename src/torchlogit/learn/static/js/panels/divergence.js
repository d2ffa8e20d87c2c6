"use strict";
/* Cross-entropy = entropy + divergence, for two distributions that the reader shapes. */
torchlogit.panel("divergence", {
  text: {
    en: {
      outcomes: "Outcomes",
      p: "truth p, {outcome}",
      q: "guess q, {outcome}",
      a: "sun",
      b: "cloud",
      c: "rain",
      d: "snow",
      truth: "Truth p",
      guess: "Guess q",
      outcome: "Outcome",
      part: "−p ln q",
      ownPart: "−p ln p",
      sum: "Sum",
      certain: "Make the truth certain",
      equal: "Guess the truth",
      entropy: "entropy {value}",
      divergence: "divergence {value}",
      told: "Cross-entropy {cross} = entropy {own} + divergence {kl}. Only the divergence is the guess’s fault.",
      toldCertain: "The truth is certain: its entropy is 0, so cross-entropy and divergence are the same number, −ln q = {cross}.",
      toldEqual: "The guess is the truth: the divergence is 0, and the cross-entropy is as low as it can be, {cross}.",
      toldNever: "The guess calls impossible what does happen: the cross-entropy is infinite.",
      barTitle: "Cross-entropy in two parts",
    },
    zh: {
      outcomes: "结果个数",
      p: "真实 p，{outcome}",
      q: "猜测 q，{outcome}",
      a: "晴",
      b: "云",
      c: "雨",
      d: "雪",
      truth: "真实分布 p",
      guess: "猜测分布 q",
      outcome: "结果",
      part: "−p ln q",
      ownPart: "−p ln p",
      sum: "合计",
      certain: "让真实结果确定",
      equal: "猜得与真实一样",
      entropy: "熵 {value}",
      divergence: "散度 {value}",
      told: "交叉熵 {cross} = 熵 {own} + 散度 {kl}。只有散度该由猜测负责。",
      toldCertain: "真实结果是确定的：它的熵为 0，于是交叉熵与散度是同一个数，−ln q = {cross}。",
      toldEqual: "猜测与真实相同：散度为 0，交叉熵降到最低，{cross}。",
      toldNever: "猜测认定不可能的事真的会发生：交叉熵无穷大。",
      barTitle: "交叉熵的两部分",
    },
  },
  state: { p: [6, 3, 1], q: [2, 5, 3] },
  valid: ({ p, q }) =>
    p.length === q.length && p.length >= 2 && p.length <= 4 && [...p, ...q].every((weight) => weight >= 0 && weight <= 10),
  draw(root, { t, state, set }) {
    const { bar, slider, choice, button } = torchlogit.controls;
    const { normalise, entropy, crossEntropy, crossEntropyParts, divergence } = torchlogit.model.distributions;
    const TOP = 2.5; // nats across the whole width of the bar
    const outcomes = ["a", "b", "c", "d"].map((key) => t(key));
    const number = (value) => (Number.isFinite(value) ? d3.format(".3f")(value) : "∞");
    const replaced = (values, k, value) => values.map((old, i) => (i === k ? value : old));

    const controls = bar(root);
    const options = [2, 3, 4].map((value) => ({ value, label: String(value) }));
    const resized = (values, size) => d3.range(size).map((k) => values[k] ?? 1);
    const size = choice(controls, {
      label: t("outcomes"), options, value: state.p.length,
      onChange: (next) => set({ p: resized(state.p, next), q: resized(state.q, next) }),
    });
    button(controls, { label: t("certain"), onClick: () => set({ p: state.p.map((_, k) => (k === d3.maxIndex(state.p) ? 10 : 0)) }) });
    button(controls, { label: t("equal"), onClick: () => set({ q: [...state.p] }) });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const sum = d3.select(root).append("div").attr("class", "stack").attr("role", "img");
    const [own, kl] = ["entropy", "divergence"].map((kind) => sum.append("div").attr("class", kind));
    const key = d3.select(root).append("p").attr("class", "key");
    const [ownSays, klSays] = [7, 2].map((colour) => key.append("span").attr("class", `swatch c-${colour}`));

    const cards = d3.select(root).append("div").attr("class", "outcomes").selectAll("div").data(outcomes).join("div");
    const sliders = cards.nodes().map((card, k) => {
      d3.select(card).append("p").attr("class", "name").text(outcomes[k]);
      return Object.fromEntries(["p", "q"].map((name) => [name, weight(card, name, k)]));
    });
    function weight(card, name, k) {
      const bars = d3.select(card).append("div").attr("class", `share ${name}`);
      const label = t(name === "p" ? "truth" : "guess");
      const control = slider(card, {
        label, min: 0, max: 10, step: 0.5, value: state[name][k] ?? 1,
        format: () => torchlogit.percent(normalise(state[name])[k] ?? 0),
        onInput: (value) => set({ [name]: replaced(state[name], k, value) }),
      });
      control.node.setAttribute("aria-label", t(name, { outcome: outcomes[k] }));
      return { ...control, bars };
    }

    const table = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    const heads = [t("outcome"), "p", "q", t("ownPart"), t("part")];
    table.append("thead").append("tr").selectAll("th").data(heads).join("th").attr("scope", "col").text(String);
    const body = table.append("tbody");
    const foot = table.append("tfoot").append("tr");

    /** What the two numbers mean as they stand. */
    function sentence(p, q) {
      const cross = crossEntropy(p, q);
      const values = { cross: number(cross), own: number(entropy(p)), kl: number(divergence(p, q)) };
      if (cross === Infinity) return t("toldNever");
      if (d3.max(p) === 1) return t("toldCertain", values);
      return t(divergence(p, q) < 1e-12 ? "toldEqual" : "told", values);
    }

    function fill(p, q) {
      const rows = p.map((pk, k) => [outcomes[k], pk, q[k], crossEntropyParts(p, p)[k], crossEntropyParts(p, q)[k]]);
      const cells = (row) => row.map((value) => (typeof value === "string" ? value : number(value)));
      const tr = body.selectAll("tr").data(rows).join("tr");
      tr.selectAll("td").data(cells).join("td").text(String);
      foot.selectAll("td").data(cells([t("sum"), d3.sum(p), d3.sum(q), entropy(p), crossEntropy(p, q)])).join("td").text(String);
    }

    function stack(p, q) {
      const parts = [entropy(p), divergence(p, q)];
      const share = (value) => (Number.isFinite(value) ? value : TOP);
      sum.attr("aria-label", `${t("barTitle")}: ${sentence(p, q)}`);
      [own, kl].forEach((node, i) => node.style("flex-grow", share(parts[i])));
      ownSays.text(t("entropy", { value: number(parts[0]) }));
      klSays.text(t("divergence", { value: number(parts[1]) }));
      sum.style("--total", Math.min(1, share(d3.sum(parts)) / TOP));
    }

    return (now) => {
      const [p, q] = [normalise(now.p), normalise(now.q)];
      size.set(p.length);
      cards.property("hidden", (_, k) => k >= p.length);
      sliders.forEach((pair, k) => {
        for (const [name, shares] of Object.entries({ p, q })) {
          pair[name].set(now[name][k] ?? 0);
          pair[name].bars.style("--share", shares[k] ?? 0);
        }
      });
      told.text(sentence(p, q));
      stack(p, q);
      fill(p, q);
    };
  },
});
