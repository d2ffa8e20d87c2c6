// Losses between distributions, and the logistic loss as float32 computes it. Mathematics only.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const { abs, exp, fround, log, log1p, max } = Math;
  const total = (values) => values.reduce((sum, value) => sum + value, 0);

  // In nats. What never happens costs nothing (0 log 0 = 0); what happens though q calls it impossible costs infinity.
  const part = (p, q) => (p === 0 ? 0 : -p * log(q));
  const crossEntropyParts = (p, q) => p.map((pk, k) => part(pk, q[k]));
  const crossEntropy = (p, q) => total(crossEntropyParts(p, q));
  const entropy = (p) => crossEntropy(p, p);
  const divergence = (p, q) => total(p.map((pk, k) => (pk === 0 ? 0 : pk * log(pk / q[k]))));
  const normalise = (weights) => weights.map((weight) => weight / total(weights));

  const bce = (guess, y) => part(y, guess) + part(1 - y, 1 - guess);
  const torchBce = (guess, y) => -(y * max(log(guess), -100) + (1 - y) * max(log1p(-guess), -100));

  const fromLogit = (eta, y) => ({
    loss: max(eta, 0) - eta * y + log1p(exp(-abs(eta))),
    gradient: model.sigmoids.logistic(eta) - y,
  });

  // The same formulas with every intermediate result rounded to float32, in the order in which PyTorch computes them:
  // aten/src/ATen/native/cpu/{UnaryOpsKernel, Loss}.cpp.
  const logistic32 = (eta) => fround(1 / fround(1 + fround(exp(-fround(eta)))));
  function sigmoidThenBce(eta, y) {
    const guess = logistic32(eta);
    const rest = fround(1 - guess);
    const variance = fround(rest * guess);
    const loss = y ? -max(fround(log(guess)), -100) : -max(fround(log1p(-guess)), -100);
    const toGuess = fround(fround(guess - y) / max(variance, fround(1e-12)));
    return { guess, rest, loss, gradient: fround(fround(toGuess * rest) * guess) };
  }

  // Plain gradient descent from 0 on the logistic loss of one feature; `reduction` as in PyTorch.
  function descend(x, y, { lr, epochs, reduction }) {
    const rate = reduction === "mean" ? lr / x.length : lr;
    let [b, w] = [0, 0];
    for (let epoch = 0; epoch < epochs; epoch++) {
      const residuals = x.map((xi, i) => model.sigmoids.logistic(b + w * xi) - y[i]);
      b -= rate * total(residuals);
      w -= rate * total(residuals.map((residual, i) => residual * x[i]));
    }
    return { b, w, mean: (xi) => model.sigmoids.logistic(b + w * xi) };
  }

  model.losses = {
    crossEntropyParts,
    crossEntropy,
    entropy,
    divergence,
    normalise,
    bce,
    torchBce,
    fromLogit,
    logistic32,
    sigmoidThenBce,
    descend,
  };
})();
