"use strict";
/* Rename the digits: the linear unit, which takes names for numbers, answers differently; softmax does not. */
torchlogit.panel("labels", {
  text: {
    en: {
      naming: "What the digits are called",
      usual: "as usual",
      swapped: "7 and 8 swapped",
      reversed: "reversed",
      shuffled: "shuffled",
      shuffle: "Shuffle again",
      digit: "digit",
      name: "is called",
      names: "Names of the digits",
      answers: "What both models say of twenty digits",
      image: "a {digit}",
      linear: "linear",
      softmax: "softmax",
      change: "{before} → {after}",
      told: "Renamed, the linear unit answers {linear} of {count} digits differently ({before} were right, {after} are); softmax {softmax}.",
      same: "These are the usual names: each model answers as it does. Rename them.",
    },
    zh: {
      naming: "各个数字叫什么",
      usual: "照常",
      swapped: "7 与 8 互换",
      reversed: "倒过来",
      shuffled: "打乱",
      shuffle: "再打乱一次",
      digit: "数字",
      name: "叫作",
      names: "各个数字的名字",
      answers: "两个模型对二十个数字的回答",
      image: "一个 {digit}",
      linear: "线性",
      softmax: "softmax",
      change: "{before} → {after}",
      told: "改名之后，线性单元对 {count} 个数字中的 {linear} 个换了答案（原来对 {before} 个，现在对 {after} 个）；softmax 换了 {softmax} 个。",
      same: "这是通常的名字，两个模型照常回答。给它们改名试试。",
    },
  },
  state: { names: [3, 7, 0, 9, 5, 1, 8, 2, 6, 4] },
  valid: ({ names }) => JSON.stringify([...names].sort()) === "[0,1,2,3,4,5,6,7,8,9]",
  draw(root, { t, set }) {
    const { bar, choice, button } = torchlogit.controls;
    const { images, doubles, etas, probabilities, best, linear, nearest } = torchlogit.model.softmax;
    const data = torchlogit.data.digits;
    const SHOWN = d3.range(20);
    const USUAL = d3.range(10);
    const NAMES = { usual: USUAL, swapped: [0, 1, 2, 3, 4, 5, 6, 8, 7, 9], reversed: [...USUAL].reverse(), shuffled: [3, 7, 0, 9, 5, 1, 8, 2, 6, 4] };
    const called = (names) => Object.keys(NAMES).find((key) => `${NAMES[key]}` === `${names}`) ?? "shuffled";

    const theta = doubles(data.theta);
    const pictures = images(data.images);
    const p = SHOWN.map((k) => probabilities(etas(theta, pictures[k])));
    const says = {
      linear: (names, k) => nearest(linear(data.linear[k], names), names),
      // Its probabilities go along with the names; the digit of the largest is found under its new name.
      softmax: (names, k) => names.indexOf(best(d3.permute(p[k], USUAL.map((name) => names.indexOf(name))))),
    };
    const changes = (model, names) => SHOWN.filter((k) => says[model](names, k) !== says[model](USUAL, k)).length;

    const right = (names) => SHOWN.filter((k) => says.linear(names, k) === data.labels[k]).length;

    const controls = bar(root);
    const options = Object.keys(NAMES).map((value) => ({ value, label: t(value) }));
    const naming = choice(controls, { label: t("naming"), options, value: "", onChange: (key) => set({ names: NAMES[key] }) });
    button(controls, { label: t("shuffle"), onClick: () => set({ names: d3.shuffle([...USUAL]) }) });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");

    const table = d3.select(root).append("table").attr("class", "names").attr("aria-label", t("names"));
    const row = (key) => {
      const tr = table.append("tr");
      tr.append("th").attr("scope", "row").text(t(key));
      return tr;
    };
    row("digit").selectAll("td").data(USUAL).join("td").text(String);
    const shown = row("name").selectAll("td").data(USUAL).join("td");

    const tiles = d3.select(root).append("ul").attr("class", "tiles").attr("aria-label", t("answers"));
    const tile = tiles.selectAll("li").data(SHOWN).join("li");
    tile.each(function (k) {
      torchlogit.pictures.ink(this, { label: t("image", { digit: data.labels[k] }), pixels: pictures[k] });
    });
    const lists = tile.append("dl");
    const lines = Object.keys(says).map((model) => {
      const line = lists.append("div");
      line.append("dt").text(t(model));
      return { model, line, value: line.append("dd") };
    });

    return ({ names }) => {
      naming.set(called(names));
      shown.text((digit) => names[digit]).classed("other", (digit) => names[digit] !== digit);
      for (const { model, line, value } of lines) {
        const [before, after] = [USUAL, names].map((each) => (k) => says[model](each, k));
        line.classed("changed", (k) => before(k) !== after(k));
        value.text((k) => t("change", { before: before(k), after: after(k) }));
      }
      const counts = { linear: changes("linear", names), softmax: changes("softmax", names), count: SHOWN.length };
      told.text(t(called(names) === "usual" ? "same" : "told", { ...counts, before: right(USUAL), after: right(names) }));
    };
  },
});
