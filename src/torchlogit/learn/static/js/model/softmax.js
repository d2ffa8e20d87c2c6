// Softmax on images of 28 × 28 pixels, the linear unit beside it, and ink from strokes. Mathematics only.
(() => {
  const model = ((globalThis.torchlogit ??= {}).model ??= {});
  const { exp, hypot, max, min, round } = Math;
  const SIDE = 28;
  const PIXELS = SIDE * SIDE;
  const BOX = 20; // MNIST fits every digit into a box of this side, then centres its ink
  const PEN = 1.15; // pixels from a stroke's middle to its edge
  const LEAST = 12; // a drawing smaller than this is not made larger: a dot stays a dot
  const total = (values) => values.reduce((sum, value) => sum + value, 0);

  const bytes = (base64) => Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  const signed = (base64) => new Int8Array(bytes(base64).buffer);
  const doubles = (base64) => new Float64Array(bytes(base64).buffer);

  /** Each image of packed bytes, its pixels 0 to 1. */
  function images(base64) {
    const all = bytes(base64);
    const of = (k) => Float64Array.from(all.subarray(k * PIXELS, (k + 1) * PIXELS), (value) => value / 255);
    return Array.from({ length: all.length / PIXELS }, (_, k) => of(k));
  }

  /** η of each class: theta is (785, classes) row by row, intercepts first. */
  function etas(theta, pixels) {
    const classes = theta.length / (PIXELS + 1);
    const eta = Array.from(theta.subarray(0, classes));
    pixels.forEach((x, j) => {
      if (x) for (let k = 0; k < classes; k++) eta[k] += x * theta[(j + 1) * classes + k];
    });
    return eta;
  }

  function probabilities(eta) {
    const most = max(...eta);
    const odds = eta.map((each) => exp(each - most));
    return odds.map((each) => each / total(odds));
  }

  const best = (values) => values.indexOf(max(...values));

  /** What the linear unit says: least squares is linear in the labels, so it is a sum over what each digit adds. */
  const linear = (parts, names) => total(parts.map((part, digit) => part * names[digit]));
  const nearest = (value, names) => names.indexOf(min(9, max(0, round(value))));

  /** Segments [x1, y1, x2, y2] of strokes [x, y, x, y, …]; a stroke of one point is a segment of no length. */
  function segments(strokes) {
    return strokes.flatMap((stroke) => {
      const points = Array.from({ length: stroke.length / 2 }, (_, k) => [stroke[2 * k], stroke[2 * k + 1]]);
      return points.length === 1 ? [[...points[0], ...points[0]]] : points.slice(1).map((point, k) => [...points[k], ...point]);
    });
  }

  function distance([x1, y1, x2, y2], x, y) {
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = dx || dy ? max(0, min(1, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy))) : 0;
    return hypot(x - x1 - along * dx, y - y1 - along * dy);
  }

  /** Ink of each pixel, 0 to 1, with an edge one pixel soft. */
  function raster(lines) {
    return Float64Array.from({ length: PIXELS }, (_, at) => {
      const [x, y] = [(at % SIDE) + 0.5, Math.floor(at / SIDE) + 0.5];
      return max(0, min(1, PEN + 0.5 - min(...lines.map((line) => distance(line, x, y)))));
    });
  }

  const moved = (lines, scale, dx, dy) => lines.map(([x1, y1, x2, y2]) => [x1 * scale + dx, y1 * scale + dy, x2 * scale + dx, y2 * scale + dy]);

  /** Where the ink's middle lies, in pixels. */
  function middle(pixels) {
    const sum = total(pixels);
    const mean = (place) => pixels.reduce((out, ink, at) => out + ink * (place(at) + 0.5), 0) / sum;
    return [mean((at) => at % SIDE), mean((at) => Math.floor(at / SIDE))];
  }

  /** Strokes of any size as MNIST would show them: in a box of 20 pixels, the middle of their ink in the middle. */
  function ink(strokes) {
    const lines = segments(strokes);
    if (!lines.length) return new Float64Array(PIXELS);
    const [xs, ys] = [0, 1].map((i) => lines.flatMap((line) => [line[i], line[i + 2]]));
    const scale = (BOX - 2 * PEN) / max(LEAST, max(...xs) - min(...xs), max(...ys) - min(...ys));
    const fitted = moved(lines, scale, 0, 0);
    const centred = ([x, y]) => moved(fitted, 1, SIDE / 2 - x, SIDE / 2 - y);
    const rough = centred([scale * (max(...xs) + min(...xs)), scale * (max(...ys) + min(...ys))].map((sum) => sum / 2));
    const [x, y] = middle(raster(rough));
    return raster(moved(rough, 1, SIDE / 2 - x, SIDE / 2 - y));
  }

  model.softmax = { SIDE, PIXELS, signed, doubles, images, etas, probabilities, best, linear, nearest, ink, middle };
})();
