"use strict";
/* The twenty students under eight links: curves that agree where the students are and part where none is. */
torchlogit.panel("links", {
  text: {
    en: {
      hours: "Hours of study",
      chance: "Probability of passing",
      title: "Eight links, one table of students",
      desc: "Fitted probability of passing over hours of study under each link, with the twenty students. The chosen link is drawn thick.",
      link: "Link",
      fit: "Log-likelihood",
      half: "Even chances",
      four: "At 4 h",
      ten: "Fail at 10 h",
      told: "All eight links lie within {range} of log-likelihood: these students cannot choose among them. At 10 hours {link} expects {fail} to fail.",
      one: "1 in {count}",
      many: "< 1 in 10⁶",
      hour: "{value} h",
      logit: "logit",
      probit: "probit",
      hyperbolic_secant: "hyperbolic secant",
      student_t2: "Student t, 2 df",
      cauchit: "cauchit",
      softsign: "softsign",
      cloglog: "cloglog",
      loglog: "loglog",
    },
    zh: {
      hours: "学习时间（小时）",
      chance: "通过的概率",
      title: "同一批学生，八种联系函数",
      desc: "各联系函数下通过概率随学习时间变化的拟合曲线，以及二十名学生。选中的联系函数用粗线。",
      link: "联系函数",
      fit: "对数似然",
      half: "机会各半",
      four: "4 小时",
      ten: "10 小时不过",
      told: "八种联系函数的对数似然相差不超过 {range}：凭这些学生分不出高下。学习 10 小时，按 {link} 仍不通过的占 {fail}。",
      one: "1/{count}",
      many: "< 10⁻⁶",
      hour: "{value} 小时",
      logit: "logit",
      probit: "probit",
      hyperbolic_secant: "双曲正割",
      student_t2: "t 分布（自由度 2）",
      cauchit: "cauchit",
      softsign: "softsign",
      cloglog: "cloglog",
      loglog: "loglog",
    },
  },
  state: { link: "logit" },
  valid: ({ link }) => link in torchlogit.model.sigmoids.links,
  draw(root, { t, set, id }) {
    const { frame, line, dots, rule } = torchlogit.chart;
    const { links, fitLink } = torchlogit.model.sigmoids;
    const students = torchlogit.data.points.students;
    const [x, y] = [students.map((point) => point.x), students.map((point) => point.y)];
    const fits = d3.sort(
      Object.entries(links).map(([name, link]) => ({ name, link, ...fitLink(link, x, y) })),
      (fit) => -fit.logLikelihood,
    );
    const range = d3.format(".2f")(fits[0].logLikelihood - fits.at(-1).logLikelihood);
    const fail = ({ link, b, w }) => link.rest(b + 10 * w);
    const half = ({ link, b, w }) => (link.middle - b) / w;
    const oneIn = (share) => (share < 1e-6 ? t("many") : t("one", { count: torchlogit.count(Math.round(1 / share)) }));

    const told = d3.select(root).append("p").attr("class", "told").attr("aria-live", "polite");
    const f = frame(root, {
      width: 820, height: 340, x: [0, 10], y: [-0.05, 1.05],
      xLabel: t("hours"), yLabel: t("chance"), title: t("title"), desc: t("desc"),
    });
    rule(f, { y: 0.5, class: "red" });
    const curve = (fit) => d3.range(0, 10.01, 0.05).map((hours) => [hours, fit.mean(hours)]);
    fits.forEach((fit) => line(f, curve(fit), { class: "thin" }));
    const chosen = line(f, [], { class: "curve" });
    dots(f, students.map((point) => ({ ...point, class: `class${point.y}` })));

    const table = d3.select(root).append("div").attr("class", "scroll").attr("tabindex", 0).append("table").attr("class", "numbers");
    const heads = ["link", "fit", "half", "four", "ten"].map((key) => t(key));
    table.append("thead").append("tr").selectAll("th").data(heads).join("th").attr("scope", "col").text(String);
    const rows = table.append("tbody").selectAll("tr").data(fits).join("tr");
    const labels = rows.append("th").attr("scope", "row").append("label").attr("class", "control toggle");
    const radios = labels.append("input").attr("type", "radio").attr("name", id("link")).attr("value", (fit) => fit.name);
    radios.on("change", (event, fit) => set({ link: fit.name }));
    labels.append("span").text((fit) => t(fit.name));
    rows.selectAll("td").data((fit) => [
      d3.format(".3f")(fit.logLikelihood),
      t("hour", { value: d3.format(".2f")(half(fit)) }),
      torchlogit.percent(fit.mean(4)),
      oneIn(fail(fit)),
    ]).join("td").attr("class", (_, i) => `number-column${i === 3 ? " wraps" : ""}`).text(String);

    return ({ link }) => {
      const fit = fits.find(({ name }) => name === link);
      chosen.set(curve(fit));
      radios.property("checked", ({ name }) => name === link);
      rows.attr("aria-current", ({ name }) => (name === link ? "true" : null));
      told.text(t("told", { range, link: t(link), fail: oneIn(fail(fit)) }));
    };
  },
});
