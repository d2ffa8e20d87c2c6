"use strict";
/* The two cases of BCE as two curves, a table of guesses to edit, their sum and their mean. */
torchlogit.panel("bce", {
  text: {
    en: {
      guess: "Guess ŷ",
      loss: "Loss",
      title: "What a guess costs",
      desc: "Two curves over the guess ŷ: −ln ŷ if y = 1 and −ln(1 − ŷ) if y = 0, with a dot for each row of the table.",
      truth: "y",
      passed: "y=1",
      first: "−y ln ŷ",
      second: "−(1−y) ln(1−ŷ)",
      row: "Row {row}",
      number: "Row",
      sum: "Sum",
      mean: "Mean of {count}",
      case1: "y = 1: −ln ŷ",
      case0: "y = 0: −ln(1−ŷ)",
      told: "Sum {sum}, mean {mean}. Row {worst} alone costs {most}: what is confidently wrong weighs most.",
      toldInfinite: "A guess of exactly {guess} that is wrong costs infinity, and sum and mean with it. PyTorch's BCELoss says 100 instead: it never takes a logarithm below −100.",
      instead: "∞ (PyTorch: 100)",
      insteadSum: "∞ (PyTorch: {value})",
    },
    zh: {
      guess: "预测 ŷ",
      loss: "损失",
      title: "一次预测的代价",
      desc: "关于预测值 ŷ 的两条曲线：y = 1 时为 −ln ŷ，y = 0 时为 −ln(1 − ŷ)；表中每一行对应一个点。",
      truth: "y",
      passed: "y=1",
      first: "−y ln ŷ",
      second: "−(1−y) ln(1−ŷ)",
      row: "第 {row} 行",
      number: "行",
      sum: "总和",
      mean: "{count} 个的平均",
      case1: "y = 1：−ln ŷ",
      case0: "y = 0：−ln(1−ŷ)",
      told: "总和 {sum}，平均 {mean}。单是第 {worst} 行就占 {most}：自信地答错，代价最大。",
      toldInfinite: "预测恰好为 {guess} 而又错了，损失是无穷大，总和与平均也随之无穷。PyTorch 的 BCELoss 则给出 100：它的对数不低于 −100。",
      instead: "∞（PyTorch：100）",
      insteadSum: "∞（PyTorch：{value}）",
    },
  },
  state: { y: [1, 1, 0, 0], guess: [0.9, 0.6, 0.2, 0.95] },
  valid: ({ y, guess }) =>
    y.length === 4 && guess.length === 4 && y.every((yi) => yi === 0 || yi === 1) && guess.every((value) => value >= 0 && value <= 1),
  draw(root, { t, state, set, id }) {
    const { toggle } = torchlogit.controls;
    const { frame, line, handle } = torchlogit.chart;
    const { bce, torchBce } = torchlogit.model.distributions;
    const TOP = 5;
    const number = d3.format(".3f");
    const rows = d3.range(state.y.length);
    const replaced = (values, k, value) => values.map((old, i) => (i === k ? value : old));
    const move = (k) => (value) => set({ guess: replaced(state.guess, k, value) });

    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const f = frame(root, {
      width: 820, height: 340, x: [0, 1], y: [0, TOP], xLabel: t("guess"), yLabel: t("loss"), title: t("title"), desc: t("desc"),
    });
    const grid = [1e-9, 1e-4, 1e-3, ...d3.range(1, 200).map((k) => k / 200), 0.999, 0.9999, 1 - 1e-9];
    for (const y of [0, 1]) line(f, grid.map((guess) => [guess, bce(guess, y)]), { class: `class${y}` });
    for (const [y, x] of [[1, 0.1], [0, 0.9]]) {
      f.plot.append("text").attr("class", `label class${y}`).attr("x", f.x(x)).attr("y", 16)
        .attr("text-anchor", y ? "start" : "end").text(t(`case${y}`));
    }
    const knobs = rows.map((k) =>
      handle(f, {
        x: state.guess[k], min: 0, max: 1, step: 0.01, label: `${t("row", { row: k + 1 })}, ${t("guess")}`,
        text: d3.format(".2f"), onMove: move(k),
      }),
    );
    knobs.forEach(({ node }, k) => node.append("text").attr("class", "number").attr("dy", "0.35em").attr("text-anchor", "middle").text(k + 1));

    const table = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    const heads = [t("number"), t("truth"), "ŷ", t("first"), t("second"), t("loss")];
    table.append("thead").append("tr").selectAll("th").data(heads).join("th").attr("scope", "col").text(String);
    const tr = table.append("tbody").selectAll("tr").data(rows).join("tr");
    tr.append("th").attr("scope", "row").text((k) => k + 1);
    const truths = tr.append("td").nodes().map((cell, k) =>
      toggle(cell, { label: t("passed"), value: state.y[k] === 1, onChange: (on) => set({ y: replaced(state.y, k, Number(on)) }) }),
    );
    const inputs = tr.append("td").append("input").attr("type", "number").attr("min", 0).attr("max", 1).attr("step", 0.01)
      .attr("id", (k) => id(`guess-${k + 1}`)).attr("aria-label", (k) => `${t("row", { row: k + 1 })}, ${t("guess")}`);
    inputs.on("input", (event, k) => event.target.validity.valid && event.target.value !== "" && move(k)(event.target.valueAsNumber));
    const [first, second, loss] = d3.range(3).map(() => tr.append("td").attr("class", "number-column"));
    const [sum, mean] = ["sum", "mean"].map((key) => {
      const foot = (table.select("tfoot").node() ? table.select("tfoot") : table.append("tfoot")).append("tr");
      foot.append("th").attr("scope", "row").attr("colspan", 5).text(t(key, { count: rows.length }));
      return foot.append("td").attr("class", "number-column");
    });

    const part = (weight, value) => (weight === 0 ? "0" : Number.isFinite(value) ? number(value) : "∞");
    const shown = (value, clamped) => (Number.isFinite(value) ? number(value) : t("insteadSum", { value: number(clamped) }));

    function sentence({ y, guess }, losses) {
      const worst = d3.maxIndex(losses);
      if (losses[worst] === Infinity) return t("toldInfinite", { guess: 1 - y[worst] });
      const total = d3.sum(losses);
      return t("told", { sum: number(total), mean: number(total / y.length), worst: worst + 1, most: number(losses[worst]) });
    }

    return (now) => {
      const losses = rows.map((k) => bce(now.guess[k], now.y[k]));
      const clamped = rows.map((k) => torchBce(now.guess[k], now.y[k]));
      rows.forEach((k) => {
        truths[k].set(now.y[k] === 1);
        knobs[k].set(now.guess[k], Math.min(TOP, losses[k]));
        knobs[k].node.attr("class", `handle class${now.y[k]}`);
      });
      inputs.property("value", function (k) {
        return this === document.activeElement ? this.value : now.guess[k];
      });
      first.text((k) => part(now.y[k], -Math.log(now.guess[k])));
      second.text((k) => part(1 - now.y[k], -Math.log(1 - now.guess[k])));
      loss.text((k) => (Number.isFinite(losses[k]) ? number(losses[k]) : t("instead")));
      const [total, torchTotal] = [d3.sum(losses), d3.sum(clamped)];
      sum.text(shown(total, torchTotal));
      mean.text(shown(total / rows.length, torchTotal / rows.length));
      told.text(sentence(now, losses));
    };
  },
});
