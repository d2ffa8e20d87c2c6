// Differences between distributions, and the logistic loss as float32 computes it. Mathematics only.
// softplus is torchlogit.model.logistic's, of logistic.js.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const { exp, fround, log, log1p, max } = Math;
  const total = (values) => values.reduce((sum, value) => sum + value, 0);

  // In nats. What never happens costs nothing (0 log 0 = 0); what happens though q calls it impossible costs infinity.
  const part = (p, q) => (p === 0 ? 0 : -p * log(q));
  const crossEntropyParts = (p, q) => p.map((pk, k) => part(pk, q[k]));
  const crossEntropy = (p, q) => total(crossEntropyParts(p, q));
  const entropy = (p) => crossEntropy(p, p);
  const divergence = (p, q) => total(p.map((pk, k) => (pk === 0 ? 0 : pk * log(pk / q[k]))));
  const normalise = (weights) => weights.map((weight) => (total(weights) ? weight / total(weights) : 1 / weights.length));

  const bce = (guess, y) => part(y, guess) + part(1 - y, 1 - guess);
  const torchBce = (guess, y) => -(y * max(log(guess), -100) + (1 - y) * max(log1p(-guess), -100));

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

  function fromLogit(eta, y) {
    const logSigmoid = -fround(model.logistic.softplus(-eta));
    return { loss: fround(fround((1 - y) * eta) - logSigmoid), gradient: fround(logistic32(eta) - y) };
  }

  model.distributions = { crossEntropyParts, crossEntropy, entropy, divergence, normalise, bce, torchBce };
  model.float32 = { logistic: logistic32, sigmoidThenBce, fromLogit };
})();
