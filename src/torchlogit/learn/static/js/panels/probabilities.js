"use strict";
/* A digit and its ten probabilities, which add up to 1; or only two classes, where one number is enough. */
torchlogit.panel("probabilities", {
  text: {
    en: {
      pick: "Pick a digit; the fourth row holds some that softmax takes for another",
      image: "a {digit}",
      classes: "Classes",
      ten: "all ten",
      two: "only 7 and 9",
      label: "Probability of each class",
      sum: "{sum} = 1 (each rounded)",
      right: "The largest wins: {winner}, with {p}. It is a {truth}.",
      wrong: "The largest wins: {winner}, with {p}. But it is a {truth}.",
      binary: "One number is enough: P(9) = {nine}, so P(7) = 1 − P(9) = {seven}.",
    },
    zh: {
      pick: "选一个数字；第四行是 softmax 认错的几个",
      image: "一个 {digit}",
      classes: "类别",
      ten: "全部十个",
      two: "只有 7 和 9",
      label: "每个类别的概率",
      sum: "{sum} = 1（各项经四舍五入）",
      right: "最大者胜：{winner}，概率 {p}。它是 {truth}。",
      wrong: "最大者胜：{winner}，概率 {p}。但它是 {truth}。",
      binary: "一个数就够了：P(9) = {nine}，于是 P(7) = 1 − P(9) = {seven}。",
    },
  },
  state: { digit: 29, classes: "ten" },
  valid: ({ digit, classes }) => torchlogit.data.digits.labels[digit] !== undefined && ["ten", "two"].includes(classes),
  draw(root, { t, set, id }) {
    const { bar, choice } = torchlogit.controls;
    const { images, doubles, etas, probabilities, best } = torchlogit.model.softmax;
    const data = torchlogit.data.digits;
    const CLASSES = { ten: d3.range(10), two: [7, 9] };
    const three = d3.format(".3f");
    const pictures = images(data.images);
    const eta = pictures.map((pixels) => etas(doubles(data.theta), pixels));
    const named = (k) => t("image", { digit: data.labels[k] });

    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const shown = d3.select(root).append("div").attr("class", "shown").node();
    const large = torchlogit.pictures.ink(shown, { label: "" });
    const beside = d3.select(shown).append("div");
    const bars = torchlogit.pictures.bars(beside.node(), { label: t("label") });
    const sum = beside.append("p");

    const field = d3.select(root).append("fieldset").attr("class", "thumbs choice");
    field.append("legend").text(t("pick"));
    const thumbs = field.append("div").selectAll("label").data(pictures).join("label");
    const inputs = thumbs.append("input").attr("type", "radio").attr("name", id("digit")).attr("value", (_, k) => k);
    inputs.attr("aria-label", (_, k) => named(k)).on("change", (event) => set({ digit: Number(event.target.value) }));
    thumbs.each(function (pixels) {
      torchlogit.pictures.ink(this, { label: "", pixels }).node.setAttribute("role", "presentation");
    });
    thumbs.select("canvas").attr("aria-label", null);

    const options = Object.keys(CLASSES).map((value) => ({ value, label: t(value) }));
    const classes = choice(bar(root), { label: t("classes"), options, value: "ten", onChange: (value) => set({ classes: value }) });

    return (now) => {
      const names = CLASSES[now.classes];
      const p = probabilities(d3.permute(eta[now.digit], names));
      const winner = best(p);
      const truth = data.labels[now.digit];
      inputs.property("checked", (_, k) => k === now.digit);
      classes.set(now.classes);
      large.set(pictures[now.digit], named(now.digit));
      bars(p, names, winner);
      sum.text(t("sum", { sum: p.map(three).join(" + ") }));
      const two = now.classes === "two" ? ` ${t("binary", { seven: three(p[0]), nine: three(p[1]) })}` : "";
      told.text(t(names[winner] === truth ? "right" : "wrong", { winner: names[winner], p: three(p[winner]), truth }) + two);
    };
  },
});
