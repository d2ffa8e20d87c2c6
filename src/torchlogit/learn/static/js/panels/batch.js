"use strict";
/* Sum or mean: the mean of N losses takes steps N times shorter at the same learning rate. */
torchlogit.panel("batch", {
  text: {
    en: {
      hours: "Hours of study",
      chance: "Probability of passing",
      title: "The lesson's three students after 1000 epochs, by sum and by mean",
      desc: "Two curves: trained on the sum of the losses at learning rate 0.01, and on their mean at the rate of the slider.",
      lr: "Learning rate with the mean",
      sum: "sum, lr 0.01",
      mean: "mean, lr {lr}",
      told: "The mean at {lr} is the sum at {third}. After 4 hours: {mean} by the mean, {sum} by the sum.",
      toldSame: "The mean at 0.03 is the sum at 0.01: three rows, three times the rate, the same curve. After 4 hours: {sum}.",
    },
    zh: {
      hours: "学习时间（小时）",
      chance: "通过的概率",
      title: "三名学生，训练 1000 轮：用总和与用平均",
      desc: "两条曲线：一条用损失的总和、学习率 0.01 训练，另一条用损失的平均、滑块所选学习率训练。",
      lr: "用平均时的学习率",
      sum: "总和，lr 0.01",
      mean: "平均，lr {lr}",
      told: "平均损失配学习率 {lr}，等于总和配 {third}。学习 4 小时：用平均得 {mean}，用总和得 {sum}。",
      toldSame: "平均损失配 0.03，等于总和配 0.01：三行数据，三倍学习率，同一条曲线。学习 4 小时：{sum}。",
    },
  },
  state: { lr: 0.01 },
  valid: ({ lr }) => lr >= 0.005 && lr <= 0.06,
  draw(root, { t, state, set }) {
    const { bar, slider } = torchlogit.controls;
    const { frame, line, dots, rule } = torchlogit.chart;
    const { train, probability } = torchlogit.model.logistic;
    const lesson = torchlogit.data.points.lesson;
    const { percent } = torchlogit;
    const number = (lr) => d3.format(".4~f")(lr);

    const trained = (settings) => {
      const { w, b } = train(lesson, { epochs: 1000, ...settings });
      return [w.at(-1), b.at(-1)];
    };
    const curve = (theta) => d3.range(0, 10.01, 0.05).map((hours) => [hours, probability(theta, hours)]);
    const bySum = trained({ lr: 0.01, reduction: "sum" });
    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const rate = slider(bar(root), {
      label: t("lr"), min: 0.005, max: 0.06, step: 0.005, value: state.lr, format: number, onInput: (lr) => set({ lr }),
    });
    const f = frame(root, {
      width: 820, height: 320, x: [0, 10], y: [-0.05, 1.05], xLabel: t("hours"), yLabel: t("chance"), title: t("title"), desc: t("desc"),
    });
    rule(f, { y: 0.5, class: "red" });
    line(f, curve(bySum), { class: "broad" });
    const mean = line(f, [], { class: "curve" });
    dots(f, lesson.map((point) => ({ ...point, class: `class${point.y}` })));
    const names = ["sum", "mean"].map(() => f.plot.append("text").attr("class", "label").attr("text-anchor", "end"));

    return ({ lr }) => {
      rate.set(lr);
      const theta = trained({ lr, reduction: "mean" });
      mean.set(curve(theta));
      const said = { lr: number(lr), third: number(lr / 3), mean: percent(probability(theta, 4)), sum: percent(probability(bySum, 4)) };
      const same = Math.abs(lr - 0.03) < 1e-9;
      told.text(t(same ? "toldSame" : "told", said));
      names[0].text(t("sum")).attr("x", f.x(3.4)).attr("y", f.y(probability(bySum, 3.6)) - 8);
      names[1].text(t("mean", said)).attr("x", f.x(6.2)).attr("y", f.y(probability(theta, 6)) + 30).attr("text-anchor", "start");
    };
  },
});
