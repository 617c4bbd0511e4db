/* A heatmap to paint on, with its moments and principal axes. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown, clamp } = play;
  const CELLS = 24;
  const SIDE = 360; // of the drawing
  const FLOOR = (2 / CELLS) ** 2 / 12; // of λ under STAR's root
  const scale = play.square(SIDE);
  const cell = SIDE / CELLS;

  const empty = () => ({ width: CELLS, height: CELLS, values: new Float64Array(CELLS * CELLS) });

  function added(...maps) {
    const sum = empty();
    for (const map of maps) map.values.forEach((value, i) => { sum.values[i] += value; });
    return sum;
  }

  /* Mass along an arc of a circle, as a heatmap at a cheek has. */
  function arc() {
    return added(...Array.from({ length: 9 }, (_, k) => {
      const turn = (-28 + 7 * k) * (Math.PI / 180);
      return play.gaussianMap(CELLS, [-0.95 + 1.1 * Math.cos(turn), 1.1 * Math.sin(turn)], 0.07, 0.07, 0);
    }));
  }

  const PRESETS = {
    corner: ["eye corner", () => play.gaussianMap(CELLS, [0.2, -0.15], 0.11, 0.09, 0)],
    contour: ["contour", arc],
    blobs: ["two blobs", () => added(play.gaussianMap(CELLS, [-0.55, 0.3], 0.12, 0.12, 0),
      play.gaussianMap(CELLS, [0.55, -0.3], 0.12, 0.12, 0))],
    uniform: ["uniform", () => { const map = empty(); map.values.fill(1); return map; }],
    one: ["one cell", () => { const map = empty(); map.values[9 * CELLS + 15] = 1; return map; }],
    empty: ["empty", empty],
  };

  /* A soft dab of the brush around a column and row; a negative amount takes away. */
  function dab(map, column, row, amount, radius) {
    for (let r = Math.max(row - radius, 0); r <= Math.min(row + radius, CELLS - 1); r++) {
      for (let c = Math.max(column - radius, 0); c <= Math.min(column + radius, CELLS - 1); c++) {
        const far = Math.hypot(c - column, r - row) / (radius + 0.5);
        const index = r * CELLS + c;
        map.values[index] = Math.max(0, map.values[index] + amount * Math.exp(-2 * far * far));
      }
    }
  }

  /* Everything that the page shows of a map. */
  function evaluate(map) {
    const found = play.moments(map);
    return { ...found, axes: play.principalComponents(found.covariance) };
  }

  function numbers({ v1, v2, mean, spread, covariance, axes, empty: none }) {
    const [first, second] = axes.values;
    const degrees = axes.isotropic ? "none, the map is isotropic" : `${shown((axes.theta * 180) / Math.PI, 1)}°`;
    const price = (value) => shown(1 / Math.sqrt(Math.max(value, FLOOR)), 2);
    const matrix = ({ xx, xy, yy }) => `${shown(xx, 4)}, ${shown(xy, 4)}, ${shown(yy, 4)}`;
    const rows = none ? [["the map is empty", "no mass"]] : [
      ["mean μ (Eq. 1)", `${shown(mean[0])}, ${shown(mean[1])}`],
      ["mass V₁; V₂ / V₁²", `${shown(v1, 2)}; ${shown(v2, 4)}`],
      ["Σ without correction (Eq. 3): xx, xy, yy", matrix(spread)],
      ["Σ (Eq. 4): xx, xy, yy", matrix(covariance)],
      ["λ₁, λ₂ (Eq. 5)", `${shown(first, 4)}, ${shown(second, 4)}`],
      ["direction of v₁", degrees],
      ["√λ₁, √λ₂ in cells", `${shown((Math.sqrt(Math.max(first, 0)) * CELLS) / 2, 2)}, ${shown((Math.sqrt(Math.max(second, 0)) * CELLS) / 2, 2)}`],
      ["what STAR multiplies errors along v₁ and v₂ with", `${price(first)}, ${price(second)}`]];
    return play.table("Moments of the map", ["quantity", "value"], rows);
  }

  function drawAxes({ mean, axes, empty: none }) {
    if (none) return [];
    const [mx, my] = scale(mean);
    const line = (k) => {
      const reach = Math.sqrt(Math.max(axes.values[k], 0));
      const end = (sign) => scale(mean.map((m, a) => m + sign * reach * axes.vectors[k][a]));
      return svg("path", { class: `sp-axis sp-axis${k + 1}`, d: play.polyline([end(-1), end(1)]) });
    };
    return [play.ellipse(axes, mean, scale), line(0), line(1),
      svg("circle", { cx: mx, cy: my, r: 5, class: "sp-mean" })];
  }

  play.heatmap = { evaluate, presets: PRESETS, cells: CELLS, mount(root) {
    let map = PRESETS.contour[1]();
    const brush = { column: 12, row: 12, amount: 0.3, radius: 1, erase: false };
    const speech = play.status();
    const canvas = html("canvas", { class: "sp-map", "aria-hidden": "true" });
    const shape = svg("g", { class: "sp-shape" });
    const cursor = svg("rect", { class: "sp-cursor", width: cell, height: cell });
    const drawing = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "sp-drawing", tabindex: 0,
      role: "application", "aria-label": "Heatmap of 24 by 24 cells. Arrow keys move the brush, "
        + "with Shift by four cells; space paints, Backspace takes away." }, shape, cursor);
    const below = html("div");
    let [pending, rest] = [0, 0];
    const redraw = () => { pending = pending || requestAnimationFrame(draw); };

    function draw() {
      pending = 0;
      const seen = evaluate(map);
      play.paintMap(canvas, map);
      shape.replaceChildren(...drawAxes(seen));
      cursor.setAttribute("x", brush.column * cell);
      cursor.setAttribute("y", brush.row * cell);
      clearTimeout(rest); // the map first: it follows the pointer
      rest = setTimeout(() => below.replaceChildren(numbers(seen)));
    }
    function say() {
      const { mean, axes } = evaluate(map);
      const value = map.values[brush.row * CELLS + brush.column];
      speech.say(`Brush at column ${brush.column + 1}, row ${brush.row + 1}, value ${shown(value, 2)}. `
        + `Mean ${shown(mean[0], 2)}, ${shown(mean[1], 2)}; λ₁ ${shown(axes.values[0], 4)}, λ₂ ${shown(axes.values[1], 4)}.`);
    }
    function paint(sign = brush.erase ? -1 : 1) {
      dab(map, brush.column, brush.row, sign * brush.amount, brush.radius);
      redraw();
      say();
    }
    function go(column, row) {
      brush.column = clamp(column, 0, CELLS - 1);
      brush.row = clamp(row, 0, CELLS - 1);
      redraw();
    }
    function follow(event) {
      const [x, y] = play.pointer(event, drawing);
      go(Math.floor(x / cell), Math.floor(y / cell));
      paint();
    }
    // A finger paints with a tap or a stroke that begins sideways; up or down it scrolls the page.
    let finger = null;
    drawing.addEventListener("pointerdown", (event) => {
      finger = event.pointerType === "touch" ? { x: event.clientX, y: event.clientY } : null;
      if (finger) return;
      drawing.setPointerCapture(event.pointerId);
      drawing.focus({ preventScroll: true });
      follow(event);
      event.preventDefault();
    });
    drawing.addEventListener("pointermove", (event) => {
      if (finger) {
        const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
        finger.paints = finger.paints || Math.abs(dx) > Math.abs(dy);
      }
      if (finger ? finger.paints : drawing.hasPointerCapture(event.pointerId)) follow(event);
    });
    drawing.addEventListener("pointerup", (event) => {
      if (finger && !finger.paints) follow(event);
      finger = null;
    });
    drawing.addEventListener("pointercancel", () => { finger = null; });
    drawing.addEventListener("keydown", (event) => {
      const step = play.ARROWS[event.key];
      const keys = { " ": () => paint(), Backspace: () => paint(-1), Delete: () => paint(-1) };
      if (step) {
        const far = event.shiftKey ? 4 : 1;
        go(brush.column + far * step[0], brush.row + far * step[1]);
        say();
      } else if (keys[event.key]) keys[event.key]();
      else return;
      event.preventDefault();
    });
    const presets = Object.entries(PRESETS).map(([name, [label, make]]) =>
      play.button(label, () => { map = make(); redraw(); say(); }, { name }));
    root.replaceChildren(
      html("div", { class: "sp-beside" },
        html("div", {}, html("div", { class: "sp-stack" }, canvas, drawing),
          html("p", { class: "sp-legend" }, html("span", { class: "sp-key sp-mean" }, "mean μ"),
            html("span", { class: "sp-key sp-axis1" }, "√λ₁ along v₁"),
            html("span", { class: "sp-key sp-axis2" }, "√λ₂ along v₂"),
            html("span", { class: "sp-key sp-shape" }, "one standard deviation"))),
        html("div", {}, play.group("Start from", html("div", { class: "sp-row" }, presets)),
          play.group("Brush",
            play.slider({ name: "amount", label: "strength", min: 0.05, max: 1, step: 0.05, value: brush.amount, said: (v) => shown(v, 2), change: (v) => { brush.amount = v; } }).box,
            play.slider({ name: "radius", label: "size", min: 0, max: 4, step: 1, value: brush.radius, said: (v) => `${2 * v + 1} ${v ? "cells" : "cell"} wide`, change: (v) => { brush.radius = v; } }).box,
            play.checkbox({ name: "erase", label: "take away instead of adding", checked: false, change: (v) => { brush.erase = v; } }).box))),
      html("p", { class: "sp-hint" }, "Paint with the mouse or a finger. With keys: Tab to the map, arrows move the brush, space paints, Backspace takes away."),
      speech.line, below);
    play.onChange(root, redraw);
    draw();
  } };
  play.mountAll("heatmap");
})();
