"use strict";
/* One threshold, seen five ways: people, confusion matrix, ROC, precision and recall, cost; and a band left undecided. */
torchlogit.panel("threshold", {
  text: {
    en: {
      data: "People",
      students: "20 students",
      clinic: "300 patients",
      people: "Really yes above, really no below",
      probability: "Predicted probability of yes",
      peopleDesc: "Every person as a dot at the predicted probability, those who are really yes above the line, the others below. Mistakes at the threshold are ringed.",
      handle: "Threshold",
      low: "Lower end of the uncertain band",
      high: "Upper end of the uncertain band",
      costTitle: "Cost of each threshold",
      costLabel: "Cost per 100 people",
      costDesc: "Cost per 100 people over the threshold, with a dot at the chosen one.",
      rocTitle: "ROC curve",
      rocDesc: "True positive rate over false positive rate, with a dot at the threshold; the band's thresholds are drawn broad.",
      tpr: "True positive rate",
      fpr: "False positive rate",
      prTitle: "Precision and recall",
      prDesc: "Precision over recall, with a dot at the threshold; the band's thresholds are drawn broad.",
      precision: "Precision",
      recall: "Recall",
      falseYes: "Cost of a false yes",
      falseNo: "Cost of a false no",
      prevalence: "Prevalence of yes",
      own: "Prevalence of the data",
      cheapest: "Take the cheapest threshold",
      matrix: "Confusion matrix",
      saidNo: "said no",
      saidYes: "said yes",
      reallyNo: "really no",
      reallyYes: "really yes",
      per: "{share} in 100",
      unsure: "{count} uncertain",
      accuracy: "Accuracy",
      area: "Area under the ROC curve",
      average: "Average precision",
      cost: "Cost per 100 people",
      told: "At {threshold}, {falseYes} false yes and {falseNo} false no: cost {cost} per 100 people. The cheapest threshold, {best}, costs {least}.",
      toldBest: "At {threshold}, {falseYes} false yes and {falseNo} false no: cost {cost} per 100 people. No threshold is cheaper.",
      band: "Between {low} and {high} nobody is decided: {uncertain} of {count} stay uncertain, and of the {decided} others {right} are right.",
    },
    zh: {
      data: "人群",
      students: "20 名学生",
      clinic: "300 名病人",
      people: "真“是”在上，真“否”在下",
      probability: "预测为“是”的概率",
      peopleDesc: "每个人是一个点，横坐标为预测概率；真“是”在线上方，真“否”在下方。在该阈值下判错的点带圈。",
      handle: "阈值",
      low: "不确定带的下端",
      high: "不确定带的上端",
      costTitle: "各阈值的代价",
      costLabel: "每 100 人的代价",
      costDesc: "每 100 人的代价随阈值的变化，圆点是所选阈值。",
      rocTitle: "ROC 曲线",
      rocDesc: "真阳性率对假阳性率，圆点是所选阈值；不确定带内的阈值用粗线。",
      tpr: "真阳性率",
      fpr: "假阳性率",
      prTitle: "精确率与召回率",
      prDesc: "精确率对召回率，圆点是所选阈值；不确定带内的阈值用粗线。",
      precision: "精确率",
      recall: "召回率",
      falseYes: "误判为“是”的代价",
      falseNo: "误判为“否”的代价",
      prevalence: "患病率（“是”的比例）",
      own: "用数据本身的比例",
      cheapest: "取代价最低的阈值",
      matrix: "混淆矩阵",
      saidNo: "判为否",
      saidYes: "判为是",
      reallyNo: "真为否",
      reallyYes: "真为是",
      per: "每 100 人 {share}",
      unsure: "{count} 人不确定",
      accuracy: "准确率",
      area: "ROC 曲线下面积",
      average: "平均精确率",
      cost: "每 100 人的代价",
      told: "阈值 {threshold}：误判为“是” {falseYes} 人，误判为“否” {falseNo} 人，每 100 人代价 {cost}。代价最低的阈值是 {best}，代价 {least}。",
      toldBest: "阈值 {threshold}：误判为“是” {falseYes} 人，误判为“否” {falseNo} 人，每 100 人代价 {cost}。没有更便宜的阈值了。",
      band: "{low} 到 {high} 之间不作判断：{count} 人中 {uncertain} 人待定，其余 {decided} 人判对 {right} 人。",
    },
  },
  // The band hangs on the threshold, so that it moves along; prevalence null is that of the data.
  state: { data: "students", threshold: 0.5, below: 0.1, above: 0.1, falseYes: 1, falseNo: 1, prevalence: null },
  valid({ data, threshold, below, above, falseYes, falseNo, prevalence }) {
    const within = (value, low, high) => value >= low && value <= high;
    const costs = [falseYes, falseNo].every((cost) => within(cost, 1, 20));
    const shares = [threshold, below, above].every((share) => within(share, 0, 1));
    return Object.hasOwn(torchlogit.data.decisions, data) && shares && costs && (prevalence === null || within(prevalence, 0.01, 0.99));
  },
  draw(root, { t, state, set }) {
    const { bar, slider, choice, button } = torchlogit.controls;
    const model = torchlogit.model.threshold;
    const two = d3.format(".2f");
    const grid = d3.range(401).map((k) => k / 400);
    const tables = Object.fromEntries(Object.entries(torchlogit.data.decisions).map(([name, data]) => [name, prepared(data)]));
    const round = (value) => Number(value.toFixed(2));
    const band = ({ threshold, below, above }) => [Math.max(0, round(threshold - below)), Math.min(1, round(threshold + above))];

    /** What does not depend on the reader's choices: the decision rules of a table, at every threshold of the grid and all. */
    function prepared({ p, y }) {
      const atGrid = grid.map((threshold) => ({ threshold, ...model.rates(model.tally(p, y, threshold)) }));
      const atHandle = atGrid.filter((_, k) => k % 4 === 0); // where its knob can go
      return { p, y, atGrid, atHandle, rules: model.sweep(p, y), prevalence: model.prevalence(y) };
    }

    const controls = bar(root);
    const options = Object.keys(tables).map((value) => ({ value, label: t(value) }));
    const data = choice(controls, { label: t("data"), options, value: state.data, onChange: (next) => set({ data: next, prevalence: null }) });
    button(controls, { label: t("cheapest"), onClick: () => set({ threshold: best(state).threshold }) });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const people = torchlogit.thresholdCharts.people(root, { t, state, set, band });
    const says = d3.select(root).append("p");
    const matrix = torchlogit.thresholdCharts.matrix(root, { t });
    const cost = torchlogit.thresholdCharts.cost(root, { t });
    const levers = bar(root);
    const [falseYes, falseNo] = ["falseYes", "falseNo"].map((name) =>
      slider(levers, { label: t(name), min: 1, max: 20, step: 1, value: state[name], onInput: (value) => set({ [name]: value }) }),
    );
    const prevalence = slider(levers, {
      label: t("prevalence"), min: 0.01, max: 0.99, step: 0.01, value: 0.5, format: (share) => `${Math.round(100 * share)} %`, onInput: (share) => set({ prevalence: share }),
    });
    const own = button(levers, { label: t("own"), onClick: () => set({ prevalence: null }) });
    const curves = torchlogit.thresholdCharts.curves(root, { t });

    const shareOf = (now) => now.prevalence ?? tables[now.data].prevalence;
    const best = (now) => model.cheapest(tables[now.data].atHandle, shareOf(now), now);
    const costOf = (rule, now) => 100 * model.cost(model.shares(rule, shareOf(now)), now);

    return (now) => {
      const table = tables[now.data];
      const { p, y } = table;
      const tally = model.tally(p, y, now.threshold);
      const rule = { threshold: now.threshold, ...model.rates(tally) };
      const ends = band(now);
      const decided = model.decide(p, y, ends);
      const view = { now, table, tally, rule, ends, shares: model.shares(rule, shareOf(now)), share: shareOf(now) };
      data.set(now.data);
      falseYes.set(now.falseYes);
      falseNo.set(now.falseNo);
      prevalence.set(shareOf(now));
      own.node.disabled = now.prevalence === null;
      for (const part of [people, matrix, curves]) part(view);
      cost({ points: table.atGrid.map((each) => [each.threshold, costOf(each, now)]), at: [now.threshold, costOf(rule, now)], ends });
      const cheap = best(now);
      told.text(t(costOf(rule, now) - costOf(cheap, now) < 1e-9 ? "toldBest" : "told", {
        threshold: two(now.threshold), falseYes: tally.falsePositive, falseNo: tally.falseNegative,
        cost: d3.format(".1f")(costOf(rule, now)), best: two(cheap.threshold), least: d3.format(".1f")(costOf(cheap, now)),
      }));
      says.text(t("band", { low: two(ends[0]), high: two(ends[1]), count: p.length, ...decided }));
    };
  },
});
