// From probabilities to decisions: tallies, ROC, precision and recall, cost. Mathematics only.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const count = (values, holds) => values.reduce((sum, value, i) => sum + (holds(value, i) ? 1 : 0), 0);

  // Yes where the probability reaches the threshold.
  function tally(p, y, threshold) {
    const of = (truth, yes) => count(p, (pi, i) => y[i] === truth && pi >= threshold === yes);
    return { truePositive: of(1, true), falseNegative: of(1, false), falsePositive: of(0, true), trueNegative: of(0, false) };
  }
  function rates({ truePositive, falseNegative, falsePositive, trueNegative }) {
    return {
      truePositiveRate: truePositive / (truePositive + falseNegative),
      falsePositiveRate: falsePositive / (falsePositive + trueNegative),
    };
  }

  // Shares of a population in which `prevalence` of the people are truly 1; the rates do not depend on it.
  function shares({ truePositiveRate, falsePositiveRate }, prevalence) {
    return {
      truePositive: prevalence * truePositiveRate,
      falseNegative: prevalence * (1 - truePositiveRate),
      falsePositive: (1 - prevalence) * falsePositiveRate,
      trueNegative: (1 - prevalence) * (1 - falsePositiveRate),
    };
  }
  const precision = ({ truePositive, falsePositive }) =>
    truePositive + falsePositive === 0 ? 1 : truePositive / (truePositive + falsePositive);
  const cost = ({ falsePositive, falseNegative }, { falseYes, falseNo }) => falseYes * falsePositive + falseNo * falseNegative;
  const prevalence = (y) => count(y, (yi) => yi === 1) / y.length;
  const ownThreshold = ({ falseYes, falseNo }) => falseYes / (falseYes + falseNo);

  // Every decision rule that these probabilities allow, from "nobody" to "everybody".
  const sweep = (p, y) =>
    [Infinity, ...new Set([...p].sort((a, b) => b - a))].map((threshold) => ({ threshold, ...rates(tally(p, y, threshold)) }));

  const pairs = (points) => points.slice(1).map((point, i) => [points[i], point]);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const areaUnderRoc = (rules) =>
    sum(
      pairs(rules).map(
        ([a, b]) => ((b.falsePositiveRate - a.falsePositiveRate) * (a.truePositiveRate + b.truePositiveRate)) / 2,
      ),
    );
  const averagePrecision = (rules, share) =>
    sum(pairs(rules).map(([a, b]) => (b.truePositiveRate - a.truePositiveRate) * precision(shares(b, share))));
  // Of equally cheap rules the one nearest to where it would be if the probabilities were exact.
  function cheapest(rules, share, costs) {
    const each = rules.map((rule) => cost(shares(rule, share), costs));
    const least = Math.min(...each);
    const far = ({ threshold }) => Math.abs(threshold - ownThreshold(costs));
    const cheap = rules.filter((_, i) => each[i] <= least + 1e-12);
    return cheap.reduce((best, rule) => (far(rule) < far(best) ? rule : best));
  }

  // Outside the band a decision, inside it "uncertain" (both ends included), as in fit.decide(rows, uncertain=(low, high)).
  function decide(p, y, [low, high]) {
    const certain = (pi) => pi < low || pi > high;
    const decided = count(p, certain);
    const right = count(p, (pi, i) => certain(pi) && pi > high === (y[i] === 1));
    return { decided, uncertain: p.length - decided, right, wrong: decided - right };
  }

  model.threshold = {
    tally,
    rates,
    shares,
    precision,
    cost,
    prevalence,
    ownThreshold,
    sweep,
    areaUnderRoc,
    averagePrecision,
    cheapest,
    decide,
  };
})();
