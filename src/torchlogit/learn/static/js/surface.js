"use strict";
/* A loss over (w, b) as contour lines with shades between them, in a frame whose x is w and whose y is b.

   torchlogit.surface(f, {levels, class, size})  → {node, set(of)}: contours of `of`, a function of [w, b], over what f shows */
torchlogit.surface = (f, { levels, class: name = "", size = 64 }) => {
  const MOST = 12; // contours; of more levels, every second or third
  const contours = d3.contours().size([size, size]);
  const shape = d3.geoPath();
  const node = f.plot.append("g").attr("class", `surface ${name}`);
  const [across, up] = [f.width, f.height].map((pixels) => pixels / (size - 1));
  node.attr("transform", `translate(0,${f.height}) scale(${across},${-up}) translate(-0.5,-0.5)`);
  const set = (of) => {
    const values = torchlogit.model.logistic.grid(of, f.x.domain(), f.y.domain(), size, size);
    const [low, high] = d3.extent(values);
    const between = levels.filter((level) => level > low && level < high); // a level below all would shade everything
    const sparse = between.filter((_, i) => i % Math.ceil(between.length / MOST) === 0);
    node.selectAll("path").data(contours.thresholds(sparse)(values)).join("path").attr("d", shape);
  };
  return { node, set };
};
