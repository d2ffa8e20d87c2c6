// Logistic regression with one feature and an intercept: η = x·w + b, P(y = 1) = σ(η).
// Points are objects {x, y} with y 0 or 1, θ is [w, b], a loss is a sum over points unless a mean is asked for.
// Golden numbers from the Python package: tests/golden/learn-logistic.json.
"use strict";

globalThis.torchlogit ??= {};
torchlogit.model ??= {};

(() => {
  const Z975 = 1.959963984540054; // normal quantile of a 95 % interval
  const ITERATIONS = 500; // Fisher's steps towards Firth's estimate shrink the error by a constant factor only

  const sigmoid = (eta) => (eta >= 0 ? 1 / (1 + Math.exp(-eta)) : Math.exp(eta) / (1 + Math.exp(eta)));
  const softplus = (eta) => Math.max(eta, 0) + Math.log1p(Math.exp(-Math.abs(eta)));
  const probability = ([w, b], x) => sigmoid(w * x + b);
  const half = ([w, b]) => -b / w; // where P = 50 %

  // A loss of one point: its value and its first two derivatives by η.
  const losses = {
    bce(eta, y) {
      const mu = sigmoid(eta);
      return [softplus(y ? -eta : eta), y ? -sigmoid(-eta) : mu, mu * sigmoid(-eta)];
    },
    mse(eta, y) {
      const mu = sigmoid(eta);
      const slope = mu * sigmoid(-eta);
      const residual = y ? -sigmoid(-eta) : mu;
      return [residual ** 2, 2 * residual * slope, 2 * slope * (slope + residual * (1 - 2 * mu))];
    },
  };

  // Value, gradient [by w, by b] and Hessian [ww, wb, bb] of the sum of a loss over points.
  function taylor(points, [w, b], loss = losses.bce) {
    const at = { value: 0, grad: [0, 0], hess: [0, 0, 0] };
    for (const { x, y } of points) {
      const [value, first, second] = loss(w * x + b, y);
      at.value += value;
      at.grad[0] += first * x;
      at.grad[1] += first;
      at.hess[0] += second * x * x;
      at.hess[1] += second * x;
      at.hess[2] += second;
    }
    return at;
  }

  function solve([p, q, r], [g, h]) {
    const determinant = p * r - q * q;
    return [(r * g - q * h) / determinant, (p * h - q * g) / determinant];
  }

  // The smaller eigenvalue of a Hessian: the curvature of the surface in its least curved direction.
  const curvature = ([p, q, r]) => (p + r) / 2 - Math.hypot((p - r) / 2, q);

  // Newton's method with halved steps; `of` gives value, gradient and (an approximation of) the Hessian at θ.
  function minimise(of, start) {
    let theta = start;
    let at = of(theta);
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      const step = solve(at.hess, at.grad);
      const decrement = step[0] * at.grad[0] + step[1] * at.grad[1];
      if (!(decrement > 1e-26 * (1 + Math.abs(at.value)))) break;
      const next = descent(of, theta, step, at.value);
      if (!next) break;
      [theta, at] = next;
    }
    return { theta, ...at };
  }

  function descent(of, [w, b], [dw, db], value) {
    for (let length = 1; length > 1e-9; length /= 2) {
      const theta = [w - length * dw, b - length * db];
      const at = of(theta);
      if (at.value <= value + 1e-15 * Math.abs(value)) return [theta, at];
    }
    return null;
  }

  // The fit from where the last one ended. l2 = 1/C; the intercept is free. Without a penalty the classes must overlap.
  function newton(points, { l2 = 0, start = [0, 0] } = {}) {
    const of = (theta) => ridge(taylor(points, theta), theta, l2);
    const warm = of(start).value < of([0, 0]).value ? start : [0, 0];
    return minimise(of, warm);
  }

  function ridge(at, [w], l2) {
    at.value += (l2 * w * w) / 2;
    at.grad[0] += l2 * w;
    at.hess[0] += l2;
    return at;
  }

  // Firth's estimate: the log-likelihood plus ½ log det of the information, finite for every data set.
  // Source: Firth (1993), Bias reduction of maximum likelihood estimates, Biometrika 80(1).
  function firth(points, { start = [0, 0] } = {}) {
    const of = (theta) => jeffreys(points, theta);
    const value = of(start).value;
    return minimise(of, value < of([0, 0]).value ? start : [0, 0]);
  }

  function jeffreys(points, theta) {
    const at = taylor(points, theta);
    const [p, q, r] = at.hess;
    const determinant = p * r - q * q;
    at.value -= Math.log(determinant) / 2;
    for (const { x } of points) {
      const mu = probability(theta, x);
      const leverage = (mu * (1 - mu) * (r * x * x - 2 * q * x + p)) / determinant;
      at.grad[0] -= leverage * (0.5 - mu) * x;
      at.grad[1] -= leverage * (0.5 - mu);
    }
    return at;
  }

  // Standard errors of [w, b], odds ratio of one more hour and its 95 % Wald interval, for a fit without a penalty.
  function inference({ theta: [w], hess: [p, q, r] }) {
    const determinant = p * r - q * q;
    const errors = [Math.sqrt(r / determinant), Math.sqrt(p / determinant)];
    const interval = [Math.exp(w - Z975 * errors[0]), Math.exp(w + Z975 * errors[0])];
    return { errors, oddsRatio: Math.exp(w), interval };
  }

  // How the two classes lie on the line: "overlap" is the only kind with a finite optimum.
  //   "complete": a gap from..to between them, "quasi": they meet in one value, "flat": all at one value,
  //   "single": only one class (or no points). `direction` is +1 where y = 1 lies to the right.
  function separated(points) {
    const [zeros, ones] = [0, 1].map((y) => points.filter((point) => point.y === y).map(({ x }) => x));
    if (!zeros.length || !ones.length) return { kind: "single" };
    const xs = [...zeros, ...ones];
    if (Math.min(...xs) === Math.max(...xs)) return { kind: "flat" };
    return gap(zeros, ones, 1) ?? gap(ones, zeros, -1) ?? { kind: "overlap" };
  }

  function gap(left, right, direction) {
    const [from, to] = [Math.max(...left), Math.min(...right)];
    if (from > to) return null;
    return { kind: from < to ? "complete" : "quasi", from, to, middle: (from + to) / 2, direction };
  }

  // Gradient descent over all points at once: w, b and loss before epoch 0, 1, …, as the lesson's loop prints them.
  function train(points, { lr = 0.01, epochs = 1000, mean = false, start = [0, 0], loss = losses.bce } = {}) {
    const path = { w: new Float64Array(epochs + 1), b: new Float64Array(epochs + 1), loss: new Float64Array(epochs + 1) };
    const share = mean ? 1 / points.length : 1;
    let [w, b] = start;
    for (let epoch = 0; epoch <= epochs; epoch++) {
      let [value, byW, byB] = [0, 0, 0];
      for (const { x, y } of points) {
        const [one, slope] = loss(w * x + b, y);
        value += one;
        byW += slope * x;
        byB += slope;
      }
      path.w[epoch] = w;
      path.b[epoch] = b;
      path.loss[epoch] = value * share;
      w -= lr * share * byW;
      b -= lr * share * byB;
    }
    return path;
  }

  // A function of θ on an even grid, row by row: w along a row, b from row to row.
  function grid(of, [w0, w1], [b0, b1], columns, rows) {
    const along = (from, to, count, index) => from + ((to - from) * index) / (count - 1);
    return Float64Array.from({ length: columns * rows }, (_, index) =>
      of([along(w0, w1, columns, index % columns), along(b0, b1, rows, Math.floor(index / columns))]),
    );
  }

  // Share of a grid of θ at which the surface of a mean loss bends downward in some direction, by more than `by`.
  function shareOfNegativeCurvature(points, loss, ws, bs, { size = 201, by = 1e-5 } = {}) {
    const bends = grid((theta) => curvature(taylor(points, theta, loss).hess) < -by * points.length, ws, bs, size, size);
    return bends.reduce((sum, value) => sum + value, 0) / bends.length;
  }

  const names = { sigmoid, softplus, probability, half, losses, taylor, curvature, newton, firth, inference };
  Object.assign(torchlogit.model, names, { separated, train, grid, shareOfNegativeCurvature });
})();
