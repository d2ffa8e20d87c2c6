"use strict";
/* Charts: axes, lines, areas, dots and handles, a thin layer on D3. Colours are classes of site.css.

   const f = torchlogit.chart.frame(root, {width, height, x: [0, 10], y: [0, 1], xLabel, yLabel, title, desc});
   f.plot    what is drawn within the axes (clipped there, hidden from screen readers; desc speaks for it)
   f.over    what lies above and may be focused: handles, labels
   f.x, f.y  scales, data → pixels;  f.width, f.height: pixels within the axes;  f.rescale({x, y}): new domains

   line(f, [[x, y], …], {class})        → {node, set(points)}    area(f, [[x, low, high], …], {class}) → the same
   dots(f, [{x, y, class, r}, …])       → {node, set(points)}    rule(f, {x | y, class, label})        → {node, set(at)}
   handle(f, {x, y, min, max, step, label, text, onMove})        → {node, set(x, y)}: dragged or moved by arrow keys */
(() => {
  const MARGIN = { top: 34, right: 16, bottom: 44, left: 48 };
  const GAP = 8; // pixels between the x axis and its numbers; a knob on the axis wants more
  const TICK = 62; // pixels that a tick of the x axis wants at least
  const { keys, entries } = Object;
  let made = 0;

  const scale = (given) => (typeof given === "function" ? given : d3.scaleLinear().domain(given));

  /** Axes in an SVG that is as wide as its place, at most `width`; text keeps its size on a phone.
   *  `x`, `y`: a domain [low, high], or a D3 scale with its domain set (d3.scaleLog, …); `gap`: below the x axis. */
  function frame(root, { width = 900, height = 360, x, y, xLabel = "", yLabel = "", title, desc, margin, gap = GAP, xFormat, yFormat }) {
    const edge = { ...MARGIN, bottom: MARGIN.bottom + gap - GAP, ...margin };
    const outer = Math.min(width, root.clientWidth || width);
    const [wide, high] = [outer - edge.left - edge.right, height - edge.top - edge.bottom];
    const svg = surface(root, { outer, height, title, desc });
    const inner = svg.append("g").attr("transform", `translate(${edge.left},${edge.top})`);
    const f = { svg, width: wide, height: high, x: scale(x).range([0, wide]), y: scale(y).range([high, 0]) };
    const axes = axesOf(inner, f, { xLabel, yLabel, xFormat, yFormat, edge, gap });
    f.plot = clipped(inner, wide, high);
    f.over = inner.append("g");
    f.rescale = (domains) => {
      for (const [name, domain] of entries(domains)) f[name].domain(domain);
      axes();
    };
    axes();
    return f;
  }

  function surface(root, { outer, height, title, desc }) {
    const id = `chart-${++made}`;
    const svg = d3.select(root).append("svg").attr("class", "chart").attr("viewBox", `0 0 ${outer} ${height}`);
    svg.style("max-width", `${outer}px`).attr("role", "group").attr("aria-label", title);
    if (desc) svg.attr("aria-describedby", id).append("desc").attr("id", id).text(desc);
    return svg;
  }

  function clipped(inner, wide, high) {
    const id = `clip-${++made}`;
    inner.append("clipPath").attr("id", id).append("rect").attr("width", wide).attr("height", high);
    return inner.append("g").attr("clip-path", `url(#${id})`).attr("aria-hidden", "true");
  }

  /** Grid, ticks and labels; the returned function draws them anew for the scales as they are. */
  function axesOf(inner, f, { xLabel, yLabel, xFormat, yFormat, edge, gap }) {
    const axes = inner.append("g").attr("class", "axes").attr("aria-hidden", "true");
    const [left, bottom] = [axes.append("g"), axes.append("g").attr("transform", `translate(0,${f.height})`)];
    const label = (text, x, y, anchor) =>
      axes.append("text").attr("class", "label").attr("x", x).attr("y", y).attr("text-anchor", anchor).text(text);
    label(yLabel, -edge.left + 4, -16, "start");
    label(xLabel, f.width, f.height + gap + 30, "end");
    return () => {
      left.call(d3.axisLeft(f.y).ticks(Math.max(2, f.height / 50), yFormat).tickSize(-f.width).tickPadding(8));
      bottom.call(d3.axisBottom(f.x).ticks(Math.max(2, f.width / TICK), xFormat).tickSize(-f.height).tickPadding(gap));
      axes.selectAll(".domain").remove();
    };
  }

  /** A path in the plot, remade from points by `shape`. */
  function path(f, points, shape, name) {
    const node = f.plot.append("path").attr("class", name);
    const set = (next) => node.attr("d", shape(next));
    set(points);
    return { node, set };
  }

  const finite = (point) => point.every(Number.isFinite);

  function line(f, points, { class: name = "" } = {}) {
    const shape = d3.line().defined(finite).x((p) => f.x(p[0])).y((p) => f.y(p[1]));
    return path(f, points, shape, `line ${name}`);
  }

  function area(f, points, { class: name = "" } = {}) {
    const shape = d3.area().defined(finite).x((p) => f.x(p[0])).y0((p) => f.y(p[1])).y1((p) => f.y(p[2]));
    return path(f, points, shape, `area ${name}`);
  }

  function dots(f, points) {
    const node = f.plot.append("g");
    const set = (next) =>
      node.selectAll("circle").data(next).join("circle").attr("class", (p) => `dot ${p.class ?? ""}`)
        .attr("cx", (p) => f.x(p.x)).attr("cy", (p) => f.y(p.y)).attr("r", (p) => p.r ?? 6);
    set(points);
    return { node, set };
  }

  /** A straight line across the plot, at x or at y, with a label at its end. */
  function rule(f, { x, y, class: name = "", label = "" }) {
    const upright = x !== undefined;
    const node = f.plot.append("g").attr("class", `rule ${name}`);
    node.append("line").attr(upright ? "y2" : "x2", upright ? f.height : f.width);
    node.append("text").attr("x", upright ? 6 : f.width - 4).attr("y", upright ? 14 : -6).text(label)
      .attr("text-anchor", upright ? "start" : "end");
    const set = (at) => node.attr("transform", upright ? `translate(${f.x(at)},0)` : `translate(0,${f.y(at)})`);
    set(x ?? y);
    return { node, set };
  }

  const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

  /** A knob that moves along x between `min` and `max`, a slider to keyboards and screen readers.
   *  `text`: x → what a screen reader says; `onMove(x)` is told of every move and answers with `set`. */
  function handle(f, { x, y = 0, min, max, step, label, text = String, class: name = "", onMove }) {
    const node = f.over.append("g").attr("class", `handle ${name}`).attr("tabindex", 0);
    for (const [key, value] of entries({ role: "slider", "aria-label": label, "aria-valuemin": min, "aria-valuemax": max })) {
      node.attr(key, value);
    }
    node.append("circle").attr("class", "touch").attr("r", 22);
    node.append("circle").attr("class", "knob").attr("r", 9);
    let at = x;
    const set = (next, height = y) => {
      at = next;
      node.attr("transform", `translate(${f.x(next)},${f.y(height)})`);
      node.attr("aria-valuenow", next).attr("aria-valuetext", text(next));
    };
    const move = (to) => onMove(Math.min(max, Math.max(min, Number((Math.round(to / step) * step).toFixed(10)))));
    node.call(d3.drag().container(f.over.node()).subject(() => ({ x: f.x(at), y: 0 })).on("drag", (event) => move(f.x.invert(event.x))));
    node.on("keydown", (event) => {
      const places = { Home: min, End: max };
      const to = event.key in places ? places[event.key] : at + step * STEPS[event.key];
      if (Number.isNaN(to)) return;
      event.preventDefault();
      move(to);
    });
    set(x);
    return { node, set };
  }

  torchlogit.chart = { frame, line, area, dots, rule, handle };
})();
