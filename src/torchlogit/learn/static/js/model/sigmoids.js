// The sigmoid gallery, and the fit of one feature under each link. Mathematics only.
// The logistic function itself is torchlogit.model.logistic.sigmoid of logistic.js.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const { PI, SQRT2, abs, atan, atan2, exp, expm1, hypot, log, log1p, max, sign, sqrt, tan, tanh, atanh } = Math;

  // erf by the series whose terms are all positive, erfc by the continued fraction: 7.6.2 and 7.9.2 of dlmf.nist.gov.
  function erfSeries(x) {
    let term = x;
    let sum = x;
    for (let n = 1; abs(term) > 1e-17 * abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return (2 / sqrt(PI)) * exp(-x * x) * sum;
  }
  function erfcFraction(x) {
    let tail = x;
    for (let n = 60; n > 0; n--) tail = x + n / 2 / tail;
    return exp(-x * x) / sqrt(PI) / tail;
  }
  const erf = (x) => (abs(x) < 3 ? erfSeries(x) : sign(x) * (1 - erfcFraction(abs(x))));
  const erfc = (x) => (abs(x) < 3 ? 1 - erfSeries(x) : x > 0 ? erfcFraction(x) : 2 - erfcFraction(-x));
  const sech = (x) => (2 * exp(-abs(x))) / (1 + exp(-2 * abs(x)));

  function inverseErf(y) {
    if (abs(y) >= 1) return abs(y) === 1 ? sign(y) * Infinity : NaN;
    const l = log1p(-y * y); // Winitzki's start, then Newton
    const c = 2 / (PI * 0.147) + l / 2;
    let x = sign(y) * sqrt(sqrt(c * c - l / 0.147) - c);
    for (let step = 0; step < 4; step++) x -= ((erf(x) - y) * sqrt(PI) * exp(x * x)) / 2;
    return x;
  }

  // Each as the gallery draws it: limits -1 and 1, slope 1 at 0.
  // `plain` is the form of the textbooks, centre + height f(rate x).
  const SAME = { height: 1, rate: 1, centre: 0 };
  const BY_HALF_PI = { height: PI / 2, rate: 2 / PI, centre: 0 };
  const gallery = {
    logistic: {
      value: tanh,
      derivative: (x) => sech(x) ** 2,
      inverse: atanh,
      latex: "2\\sigma(2x)-1",
      plain: { height: 1 / 2, rate: 1 / 2, centre: 1 / 2, latex: "\\sigma(x)=\\frac{1}{1+e^{-x}}" },
    },
    erf: {
      value: (x) => erf((sqrt(PI) / 2) * x),
      derivative: (x) => exp((-PI * x * x) / 4),
      inverse: (y) => (2 / sqrt(PI)) * inverseErf(y),
      latex: "\\operatorname{erf}\\left(\\tfrac{\\sqrt{\\pi}}{2}x\\right)",
      plain: { height: 1, rate: 2 / sqrt(PI), centre: 0, latex: "\\operatorname{erf}x" },
    },
    tanh: {
      value: tanh,
      derivative: (x) => sech(x) ** 2,
      inverse: atanh,
      latex: "\\tanh x",
      plain: { ...SAME, latex: "\\tanh x" },
    },
    gudermannian: {
      value: (x) => (4 / PI) * atan(tanh((PI / 4) * x)),
      derivative: (x) => sech((PI / 2) * x),
      inverse: (y) => (abs(y) === 1 ? sign(y) * Infinity : (4 / PI) * atanh(tan((PI / 4) * y))),
      latex: "\\tfrac{2}{\\pi}\\operatorname{gd}\\left(\\tfrac{\\pi}{2}x\\right)",
      plain: { ...BY_HALF_PI, latex: "\\operatorname{gd}x" },
    },
    algebraic: {
      value: (x) => (abs(x) === Infinity ? sign(x) : x / hypot(1, x)),
      derivative: (x) => (1 / hypot(1, x)) ** 3,
      inverse: (y) => y / sqrt((1 - y) * (1 + y)),
      latex: "\\frac{x}{\\sqrt{1+x^2}}",
      plain: { ...SAME, latex: "\\frac{x}{\\sqrt{1+x^2}}" },
    },
    arctan: {
      value: (x) => (2 / PI) * atan((PI / 2) * x),
      derivative: (x) => (1 / hypot(1, (PI / 2) * x)) ** 2,
      inverse: (y) => (abs(y) === 1 ? sign(y) * Infinity : (2 / PI) * tan((PI / 2) * y)),
      latex: "\\tfrac{2}{\\pi}\\arctan\\left(\\tfrac{\\pi}{2}x\\right)",
      plain: { ...BY_HALF_PI, latex: "\\arctan x" },
    },
    softsign: {
      value: (x) => (abs(x) === Infinity ? sign(x) : x / (1 + abs(x))),
      derivative: (x) => (1 / (1 + abs(x))) ** 2,
      inverse: (y) => y / (1 - abs(y)),
      latex: "\\frac{x}{1+|x|}",
      plain: { ...SAME, latex: "\\frac{x}{1+|x|}" },
    },
  };

  function plainForm({ value, derivative, inverse, plain: { height, rate, centre, latex } }) {
    return {
      value: (x) => centre + height * value(rate * x),
      derivative: (x) => height * rate * derivative(rate * x),
      inverse: (y) => inverse((y - centre) / height) / rate,
      limits: [centre - height, centre + height],
      latex,
    };
  }
  const forms = (of) => Object.fromEntries(Object.entries(gallery).map(([name, entry]) => [name, of(entry)]));
  const normalised = forms(({ plain, ...form }) => ({ ...form, limits: [-1, 1] }));
  const plain = forms(plainForm);

  // Links, in the statistician's scale: P(y = 1) = mean(eta), P(y = 0) = rest(eta), both right in their tails;
  // both are 1/2 at eta = middle.
  const symmetric = (mean, density, sigmoid) => ({ mean, rest: (eta) => mean(-eta), density, middle: 0, sigmoid });
  const links = {
    logit: symmetric((eta) => model.logistic.sigmoid(eta), (eta) => sech(eta / 2) ** 2 / 4, "logistic"),
    probit: symmetric(
      (eta) => erfc(-eta / SQRT2) / 2,
      (eta) => exp((-eta * eta) / 2) / sqrt(2 * PI),
      "erf",
    ),
    hyperbolic_secant: symmetric(
      (eta) => (2 / PI) * atan(exp((PI / 2) * eta)),
      (eta) => sech((PI / 2) * eta) / 2,
      "gudermannian",
    ),
    student_t2: symmetric(
      (eta) => {
        const root = hypot(SQRT2, eta);
        return eta < 0 ? 1 / (root * (root - eta)) : (1 + eta / root) / 2;
      },
      (eta) => (1 / hypot(SQRT2, eta)) ** 3,
      "algebraic",
    ),
    cauchit: symmetric(
      (eta) => atan2(1, -eta) / PI,
      (eta) => (1 / hypot(1, eta)) ** 2 / PI,
      "arctan",
    ),
    softsign: symmetric(
      (eta) => (eta < 0 ? 1 / (1 - eta) / 2 : 1 - 1 / (1 + eta) / 2),
      (eta) => (1 / (1 + abs(eta))) ** 2 / 2,
      "softsign",
    ),
    cloglog: {
      mean: (eta) => -expm1(-exp(eta)),
      rest: (eta) => exp(-exp(eta)),
      density: (eta) => exp(eta - exp(eta)),
      middle: log(log(2)),
    },
    loglog: {
      mean: (eta) => exp(-exp(-eta)),
      rest: (eta) => -expm1(-exp(-eta)),
      density: (eta) => exp(-eta - exp(-eta)),
      middle: -log(log(2)),
    },
  };

  const logLikelihood = (link, x, y, [b, w]) =>
    x.reduce((sum, xi, i) => sum + log(max(y[i] ? link.mean(b + w * xi) : link.rest(b + w * xi), 1e-300)), 0);

  // Score and expected information of (b, w): McCullagh and Nelder, Generalized Linear Models, section 2.5.
  function scoring(link, x, y, [b, w]) {
    const score = [0, 0];
    const information = [0, 0, 0];
    x.forEach((xi, i) => {
      const eta = b + w * xi;
      const density = link.density(eta);
      const inverseVariance = 1 / max(link.mean(eta) * link.rest(eta), 1e-300);
      const residual = (y[i] ? link.rest(eta) : -link.mean(eta)) * density * inverseVariance;
      const weight = density * density * inverseVariance;
      [1, xi].forEach((z, j) => (score[j] += residual * z));
      [1, xi, xi * xi].forEach((z, j) => (information[j] += weight * z));
    });
    return { score, information };
  }
  function direction({ score: [sb, sw], information: [bb, bw, ww] }) {
    const determinant = bb * ww - bw * bw;
    return [(ww * sb - bw * sw) / determinant, (bb * sw - bw * sb) / determinant];
  }
  function damped(link, x, y, theta, step) {
    const before = logLikelihood(link, x, y, theta);
    const along = (length) => theta.map((t, j) => t + length * step[j]);
    let length = 1;
    while (length > 1e-9 && !(logLikelihood(link, x, y, along(length)) >= before - 1e-12)) length /= 2;
    return along(length);
  }

  // Fisher scoring, damped. `x` is moved to its mean meanwhile, which makes the two unknowns nearly independent.
  function fitLink(link, x, y) {
    const centre = x.reduce((sum, xi) => sum + xi, 0) / x.length;
    const moved = x.map((xi) => xi - centre);
    let theta = [0, 0];
    let step = [1, 1];
    for (let count = 0; count < 100 && abs(step[0]) + abs(step[1]) > 1e-12; count++) {
      step = direction(scoring(link, moved, y, theta));
      theta = damped(link, moved, y, theta, step);
    }
    const [b, w] = [theta[0] - centre * theta[1], theta[1]];
    return { b, w, logLikelihood: logLikelihood(link, x, y, [b, w]), mean: (xi) => link.mean(b + w * xi) };
  }

  model.sigmoids = { normalised, plain, links, fitLink, erf, erfc };
})();
