"use strict";
// The linear unit, and the three scales of a logistic one. Mathematics only.
// Points are objects {x, y} with y 0 or 1, θ is [w, b].
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  // Least squares, where training with MSELoss ends: the [w, b] of ŷ = x·w + b.
  function leastSquares(points) {
    const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
    const sum = (of) => points.reduce((total, point) => total + of(point.x - x, point.y - y), 0);
    const w = sum((dx, dy) => dx * dy) / sum((dx) => dx * dx);
    return [w, y - w * x];
  }

  const answer = ([w, b], x) => w * x + b;

  // One η on three scales.
  const scales = (theta, x) => {
    const logOdds = answer(theta, x);
    return { logOdds, odds: Math.exp(logOdds), probability: model.logistic.sigmoid(logOdds) };
  };

  model.linear = { leastSquares, answer, scales };
})();
