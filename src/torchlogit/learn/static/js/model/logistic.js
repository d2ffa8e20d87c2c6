// Logistic regression with one feature and an intercept: η = x·w + b, P(y = 1) = σ(η). Mathematics only.
// Points are objects {x, y} with y 0 or 1, θ is [w, b], a loss is a sum over points unless a mean is asked for.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const Z975 = 1.959963984540054; // normal quantile of a 95 % interval
  const ITERATIONS = 500; // Fisher's steps towards Firth's estimate shrink the error by a constant factor only

  const sigmoid = (eta) => (eta >= 0 ? 1 / (1 + Math.exp(-eta)) : Math.exp(eta) / (1 + Math.exp(eta)));
  const softplus = (eta) => Math.max(eta, 0) + Math.log1p(Math.exp(-Math.abs(eta)));
  const probability = ([w, b], x) => sigmoid(w * x + b);
  const evenChances = ([w, b]) => -b / w; // where P = 50 %
  const residual = (eta, y) => (y ? -sigmoid(-eta) : sigmoid(eta)); // σ(η) − y, with all its digits
  const variance = (eta) => sigmoid(eta) * sigmoid(-eta); // σ′(η)

  // Losses of one point, with their first two derivatives by η.
  const bce = {
    value: (eta, y) => softplus(y ? -eta : eta),
    slope: residual,
    bend: variance,
  };
  const mse = {
    value: (eta, y) => residual(eta, y) ** 2,
    slope: (eta, y) => 2 * residual(eta, y) * variance(eta),
    bend: (eta, y) => 2 * variance(eta) * (variance(eta) + residual(eta, y) * (sigmoid(-eta) - sigmoid(eta))),
  };

  const value = (points, [w, b], loss = bce) => points.reduce((sum, { x, y }) => sum + loss.value(w * x + b, y), 0);

  // Value, gradient [by w, by b] and Hessian [ww, wb, bb] of the sum of a loss over points.
  function taylor(points, [w, b], loss = bce) {
    const at = { value: value(points, [w, b], loss), grad: [0, 0], hess: [0, 0, 0] };
    for (const { x, y } of points) {
      const [slope, bend] = [loss.slope(w * x + b, y), loss.bend(w * x + b, y)];
      at.grad[0] += slope * x;
      at.grad[1] += slope;
      at.hess[0] += bend * x * x;
      at.hess[1] += bend * x;
      at.hess[2] += bend;
    }
    return at;
  }

  const determinant = ([p, q, r]) => p * r - q * q;
  const solve = ([p, q, r], [g, h]) => [r * g - q * h, p * h - q * g].map((part) => part / determinant([p, q, r]));

  // The smaller eigenvalue of a Hessian: how the surface bends in its least curved direction.
  const curvature = ([p, q, r]) => (p + r) / 2 - Math.hypot((p - r) / 2, q);

  // Newton's method with halved steps; `of` gives value, gradient and (an approximation of) the Hessian at θ.
  function minimise(of, start) {
    let theta = of(start).value < of([0, 0]).value ? start : [0, 0];
    let at = of(theta);
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      const step = solve(at.hess, at.grad);
      const decrement = step[0] * at.grad[0] + step[1] * at.grad[1];
      const next = decrement > 1e-26 * (1 + Math.abs(at.value)) && lower(of, theta, step, at.value);
      if (!next) break;
      [theta, at] = next;
    }
    return { theta, ...at };
  }

  function lower(of, [w, b], [dw, db], before) {
    for (let length = 1; length > 1e-9; length /= 2) {
      const theta = [w - length * dw, b - length * db];
      const at = of(theta);
      if (at.value <= before + 1e-15 * Math.abs(before)) return [theta, at];
    }
    return null;
  }

  // The maximum-likelihood fit, or with l2 = 1/C the penalised one; the intercept is free. `start`: where the last fit
  // ended. Without a penalty the classes must overlap.
  function newton(points, { l2 = 0, start = [0, 0] } = {}) {
    return minimise((theta) => ridge(taylor(points, theta), theta, l2), start);
  }

  function ridge(at, [w], l2) {
    at.value += (l2 * w * w) / 2;
    at.grad[0] += l2 * w;
    at.hess[0] += l2;
    return at;
  }

  // Firth's estimate: the log-likelihood plus ½ log det of the information; finite whenever two hours differ.
  // Source: Firth (1993), Bias reduction of maximum likelihood estimates, Biometrika 80(1).
  function firth(points, { start = [0, 0] } = {}) {
    return minimise((theta) => jeffreys(points, theta), start);
  }

  function jeffreys(points, theta) {
    const at = taylor(points, theta);
    const [p, q, r] = at.hess;
    at.value -= Math.log(determinant(at.hess)) / 2;
    for (const { x } of points) {
      const eta = theta[0] * x + theta[1];
      const leverage = (variance(eta) * (r * x * x - 2 * q * x + p)) / determinant(at.hess);
      at.grad[0] -= leverage * (0.5 - sigmoid(eta)) * x;
      at.grad[1] -= leverage * (0.5 - sigmoid(eta));
    }
    return at;
  }

  // Standard errors of [w, b], odds ratio of one more hour and its 95 % Wald interval, for a fit without a penalty.
  function inference({ theta: [w], hess }) {
    const errors = [hess[2], hess[0]].map((part) => Math.sqrt(part / determinant(hess)));
    const interval = [-1, 1].map((side) => Math.exp(w + side * Z975 * errors[0]));
    return { errors, oddsRatio: Math.exp(w), interval };
  }

  // How the two classes lie on the line; only those that "overlap" have a finite optimum. "complete": there is a gap
  // from..to between them; "quasi": they meet in one value; "flat": all have one value; "single": one class is empty.
  // `direction` is 1 where the ones lie to the right, −1 to the left.
  function separated(points) {
    const [zeros, ones] = [0, 1].map((y) => points.filter((point) => point.y === y).map(({ x }) => x));
    if (!zeros.length || !ones.length) return { kind: "single" };
    if (new Set([...zeros, ...ones]).size === 1) return { kind: "flat" };
    return gap(zeros, ones, 1) ?? gap(ones, zeros, -1) ?? { kind: "overlap" };
  }

  function gap(left, right, direction) {
    const [from, to] = [Math.max(...left), Math.min(...right)];
    if (from > to) return null;
    return { kind: from < to ? "complete" : "quasi", from, to, middle: (from + to) / 2, direction };
  }

  // Gradient descent over all points at once, the lesson's loop: w[i] and b[i] are the weights after i epochs.
  function train(points, { lr = 0.01, epochs = 1000, reduction = "sum", start = [0, 0], loss = bce } = {}) {
    const path = { w: new Float64Array(epochs + 1), b: new Float64Array(epochs + 1) };
    const rate = reduction === "mean" ? lr / points.length : lr;
    [path.w[0], path.b[0]] = start;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const [w, b] = [path.w[epoch], path.b[epoch]];
      let [byW, byB] = [0, 0];
      for (const { x, y } of points) {
        const slope = loss.slope(w * x + b, y);
        byW += slope * x;
        byB += slope;
      }
      path.w[epoch + 1] = w - rate * byW;
      path.b[epoch + 1] = b - rate * byB;
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
  function shareBendingDown(points, loss, ws, bs, { size = 201, by = 1e-5 } = {}) {
    const bends = grid((theta) => curvature(taylor(points, theta, loss).hess) < -by * points.length, ws, bs, size, size);
    return bends.reduce((sum, bend) => sum + bend, 0) / bends.length;
  }

  const fits = { newton, firth, inference, separated, train };
  model.logistic = { sigmoid, softplus, probability, evenChances, bce, mse, value, taylor, curvature, ...fits, grid, shareBendingDown };
})();
