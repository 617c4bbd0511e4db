/* STAR for one point: a Gaussian heatmap, a label to drag, both losses, their gradients, and blur. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown, slider, choice, group, clamp } = play;
  const CELLS = 64; // of a 256-px network's heatmaps
  const SIDE = 320; // of a panel's drawing
  const LEVELS = 7;
  const FIELD = 25; // label positions per side at which a panel's contours are computed
  const SPREADS = Array.from({ length: 17 }, (_, i) => 0.25 * 16 ** (i / 16)); // of the blur chart
  const MEAN = [0, 0]; // the middle, so that a wide map loses as much on each side
  const LIMIT = 0.96; // of the label
  const at = (i) => -1 + (2 * i) / (FIELD - 1); // place of a column or row of the field
  const START = { label: [0.12, 0.16], s1: 0.25, s2: 0.06, angle: 20, weight: 10, blur: 1,
    distance: "smooth_l1", restriction: "value" };
  const DISTANCES = [["l1", "l1"], ["l2", "l2"], ["smooth_l1", "smooth-l1"], ["wing", "Wing"]];
  const RESTRICTIONS = [["value", "value: + w (λ₁ + λ₂) / 2"], ["none", "none"],
    ["detach", "detach: λ, v as constants"]];
  const RANGES = { s1: [0.03, 0.3], s2: [0.03, 0.3], angle: [-90, 90], weight: [0, 20], blur: [0.25, 4] };
  const KINDS = { ...Object.fromEntries(Object.entries(RANGES).map(([name, ends]) => [name, play.within(...ends)])),
    distance: play.oneOf(DISTANCES.map(([name]) => name)),
    restriction: play.oneOf(RESTRICTIONS.map(([name]) => name)),
    label(text) {
      const place = text.split(",").map(play.within(-LIMIT, LIMIT));
      return place.length === 2 && !place.includes(undefined) ? place : undefined;
    } };
  const address = play.settings(KINDS, START);
  const scale = play.square(SIDE);

  const mapOf = (state, blur = state.blur) =>
    play.gaussianMap(CELLS, MEAN, state.s1 * blur, state.s2 * blur, state.angle);

  const shapeOf = ({ s1, s2, angle }) => `${s1} ${s2} ${angle}`;
  const keyOf = (state) => `${shapeOf(state)} ${state.blur}`;

  /* A state's map and its moments, the same ones while only the label or the loss changes. */
  const last = {};
  function mapped(state) {
    const key = keyOf(state);
    if (last.key !== key) {
      const map = mapOf(state);
      Object.assign(last, { key, map, found: play.moments(map) });
    }
    return last;
  }

  /* Everything that the page shows of a state; what the test compares with starlib. */
  function evaluate(state) {
    const { map, found } = mapped(state);
    const options = { ...state, cells: CELLS };
    return { map, found,
      regression: play.regressionLoss(found.mean, state.label, state.distance),
      star: play.starLoss(found, state.label, options),
      get mapGradient() { return play.starMapGradient(map, state.label, options); } };
  }

  /* Moments of the map at every factor of SPREADS; they stay while only the label or the loss changes. */
  const kept = {};
  function blurred({ s1, s2, angle }) {
    const shape = shapeOf({ s1, s2, angle });
    if (kept.shape !== shape) {
      Object.assign(kept, { shape, moments: SPREADS.map((blur) => play.moments(mapOf({ s1, s2, angle }, blur))) });
    }
    return kept.moments;
  }

  /* Losses at every factor of SPREADS, of the map drawn that much wider. */
  function blurCurves(state) {
    return blurred(state).map((found, i) => {
      const blur = SPREADS[i];
      const loss = (restriction) => play.starLoss(found, state.label,
        { ...state, restriction, cells: CELLS }).total;
      return { blur, none: loss("none"), value: loss("value") };
    });
  }

  /* Σ d(aᵀe) / σ at the places of a field: with the axes x and y and σ = 1 the loss without STAR, with
     principal components STAR loss without its restriction, which no label changes. */
  function fieldOf(mean, axes, widths, distance) {
    const d = play.distances[distance];
    const one = (c, r) => axes.reduce((sum, axis, k) =>
      sum + d(axis[0] * (at(c) - mean[0]) + axis[1] * (at(r) - mean[1]))[0] / widths[k], 0);
    return Array.from({ length: FIELD }, (_, r) => Array.from({ length: FIELD }, (_, c) => one(c, r)));
  }

  function panel(title, kind, state, move) {
    const canvas = html("canvas", { class: `sp-map sp-${kind}`, "aria-hidden": "true" });
    const contours = svg("g", { class: `sp-contours sp-${kind}` });
    const shape = svg("g", { class: "sp-shape" });
    const handle = svg("g", { class: "sp-handle", tabindex: 0, role: "slider",
      "aria-label": `label, ${title}: arrow keys move it, with Shift further`,
      "aria-valuemin": -1, "aria-valuemax": 1 },
    svg("circle", { r: 15, class: "sp-touch" }), svg("path", { d: "M-7 0H7M0 -7V7" }),
    svg("circle", { r: 9, class: "sp-ring" }));
    const drawing = svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "sp-drawing",
      role: "group", "aria-label": title }, contours, shape, handle);
    // A finger drags the label where it takes hold of it, and scrolls the page anywhere else.
    handle.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    drawing.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" && !handle.contains(event.target)) return;
      drawing.setPointerCapture(event.pointerId);
      handle.focus({ preventScroll: true });
      move(scale.back(play.pointer(event, drawing)));
      event.preventDefault();
    });
    drawing.addEventListener("pointermove", (event) => {
      if (drawing.hasPointerCapture(event.pointerId)) move(scale.back(play.pointer(event, drawing)));
    });
    drawing.addEventListener("click", (event) => {
      if (event.pointerType === "touch") move(scale.back(play.pointer(event, drawing))); // a tap
    });
    handle.addEventListener("keydown", (event) => {
      const step = play.ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      const far = event.shiftKey ? 0.1 : 0.02;
      move(state.label.map((value, axis) => value + far * step[axis]));
    });
    const figure = html("figure", { class: "sp-panel" }, html("figcaption", {}, title),
      html("div", { class: "sp-stack" }, canvas, drawing));
    return { figure, canvas, contours, shape, handle };
  }

  /* The contours of a loss, which depend on `key` alone: the label does not move them. */
  function drawContours(contours, key, evaluated) {
    if (contours.dataset.key === key) return;
    contours.dataset.key = key;
    const field = evaluated();
    const [low, high] = [Math.min(...field.flat()), Math.max(...field.flat())];
    const place = (c, r) => scale([at(c), at(r)]);
    contours.replaceChildren(...Array.from({ length: LEVELS }, (_, k) => svg("path",
      { d: play.contour(field, low + ((k + 0.5) / LEVELS) * (high - low), place) })));
  }

  function drawPanel(panel, state, seen, key, field, gradient) {
    const { canvas, contours, shape, handle } = panel;
    if (panel.painted !== seen.map) play.paintMap(canvas, seen.map);
    panel.painted = seen.map;
    drawContours(contours, key, field);
    const [mx, my] = scale(seen.found.mean);
    const size = Math.hypot(...gradient);
    const tip = size ? gradient.map((g) => (-g / size) * 0.34) : [0, 0];
    const [tx, ty] = scale([seen.found.mean[0] + tip[0], seen.found.mean[1] + tip[1]]);
    const turn = (Math.atan2(ty - my, tx - mx) * 180) / Math.PI;
    shape.replaceChildren(
      play.ellipse(play.principalComponents(seen.found.covariance), seen.found.mean, scale),
      svg("circle", { cx: mx, cy: my, r: 4, class: "sp-mean" }),
      ...(size ? [svg("path", { class: "sp-arrow", d: `M${mx} ${my}L${tx} ${ty}` }),
        svg("path", { class: "sp-tip", d: "M2 0L-11 -6V6Z",
          transform: `translate(${tx} ${ty}) rotate(${turn})` })] : []));
    const [x, y] = scale(state.label);
    handle.setAttribute("transform", `translate(${x} ${y})`);
    handle.setAttribute("aria-valuenow", state.label[0].toFixed(2));
    handle.setAttribute("aria-valuetext", `x ${shown(state.label[0], 2)}, y ${shown(state.label[1], 2)}`);
  }

  function numbers(state, { found, regression, star }) {
    const pair = (values, digits = 3) => values.map((v) => shown(v, digits)).join(", ");
    const tend = (slope) => slope > 0 ? " (narrower)" : slope < 0 ? " (wider)" : "";
    const limit = state.restriction === "value" ? shown(star.limit) : "–";
    return html("div", { class: "sp-tables" },
      play.table("Without STAR (Eq. 2)", ["quantity", "value"], [
        ["error e = label − mean", pair([0, 1].map((a) => state.label[a] - found.mean[a]))],
        ["d(e), along x", shown(regression.terms[0])],
        ["d(e), along y", shown(regression.terms[1])],
        ["loss", shown(regression.total)],
        ["∂L/∂μ", pair(regression.gradient)]]),
      play.table("With STAR (Eqs. 6 and 7)", ["quantity", "value"], [
        ["√λ₁, √λ₂", pair(star.values.map((v) => Math.sqrt(Math.max(v, 0))))],
        ["v₁ᵀe, v₂ᵀe", pair(star.projected)],
        ["d(v₁ᵀe) / √λ₁", shown(star.terms[0])],
        ["d(v₂ᵀe) / √λ₂", shown(star.terms[1])],
        ["w (λ₁ + λ₂) / 2", limit],
        ["loss", shown(star.total)],
        ["∂L/∂μ", pair(star.gradient)],
        ["∂L/∂λ₁: a step makes λ₁", shown(star.slopes[0]) + tend(star.slopes[0])],
        ["∂L/∂λ₂: a step makes λ₂", shown(star.slopes[1]) + tend(star.slopes[1])]]));
  }

  function blurChart(state, star, wide) {
    const [width, height, left, bottom, top] = [clamp(wide, 300, 640), 240, 48, 42, 12];
    const curves = blurCurves(state);
    const one = play.starLoss(play.moments(mapOf(state, 1)), state.label,
      { ...state, restriction: "value", cells: CELLS });
    const high = Math.max(2.2 * one.total, 1.05 * star.total, 1e-9);
    const log = (b) => Math.log(b / SPREADS[0]) / Math.log(16);
    const x = (b) => left + log(b) * (width - left - 14);
    const y = (loss) => height - bottom - (clamp(loss, 0, high) / high) * (height - bottom - top);
    const line = (key) => play.polyline(
      curves.filter((c) => c[key] <= high).map((c) => [x(c.blur), y(c[key])]));
    const best = play.bestBlur(one.terms, one.values, state.weight);
    const inside = best >= SPREADS[0] && best <= SPREADS[SPREADS.length - 1];
    const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "sp-chart", role: "img",
      "aria-label": `Loss against blur. Without a restriction it falls from ${shown(curves[0].none, 2)} `
        + `to ${shown(curves[curves.length - 1].none, 2)}; with the value restriction its optimum is at a blur of ${shown(best, 2)}.` },
    play.ticks(0, high, 4).map((t) => svg("g", { class: "sp-grid" },
      svg("path", { d: `M${left} ${y(t)}H${width - 14}` }),
      svg("text", { x: left - 6, y: y(t) + 4, "text-anchor": "end" }, shown(t, high < 0.5 ? 2 : 1)))),
    [0.25, 0.5, 1, 2, 4].map((b) => svg("text", { x: x(b), y: height - bottom + 18,
      "text-anchor": "middle" }, `${b}×`)),
    svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" },
      "blur: the map's width, times the sliders' σ"),
    svg("path", { class: "sp-line sp-without", d: line("none") }),
    svg("path", { class: "sp-line sp-with", d: line("value") }),
    inside ? svg("path", { class: "sp-best", d: `M${x(best)} ${top}V${height - bottom}` }) : null,
    svg("circle", { class: "sp-now", cx: x(state.blur), cy: y(star.total), r: 6 }));
    return html("figure", { class: "sp-blur" },
      html("figcaption", {}, "STAR loss against blur"),
      html("p", { class: "sp-legend" }, html("span", { class: "sp-key sp-without" }, "no restriction, or detach"),
        html("span", { class: "sp-key sp-with" }, "value restriction"),
        html("span", { class: "sp-key sp-best" }, inside
          ? `predicted optimum, ${shown(best, 2)}×` : `predicted optimum outside, at ${shown(best, 2)}×`),
        html("span", { class: "sp-key sp-now" }, "this map")), drawing);
  }

  play.point = { evaluate, blurCurves, start: START, cells: CELLS, mount(root) {
    const state = { ...structuredClone(START), ...address.read() };
    const speech = play.status();
    const below = html("div");
    const chart = html("div");
    let [pending, rest, wide] = [0, 0, 0];
    const redraw = () => { pending = pending || requestAnimationFrame(draw); };
    const move = (next) => {
      state.label = next.map((value) => Math.round(clamp(value, -LIMIT, LIMIT) * 1000) / 1000);
      redraw();
    };
    const panels = { without: panel("without STAR", "without", state, move),
      with: panel("with STAR", "with", state, move) };

    function draw() {
      pending = 0;
      const seen = evaluate(state);
      drawPanel(panels.without, state, seen, state.distance,
        () => fieldOf(seen.found.mean, [[1, 0], [0, 1]], [1, 1], state.distance),
        seen.regression.gradient);
      drawPanel(panels.with, state, seen, `${state.distance} ${keyOf(state)}`,
        () => fieldOf(seen.found.mean, seen.star.vectors, seen.star.widths, state.distance),
        seen.star.gradient);
      clearTimeout(rest); // the panels first: they follow the pointer; a new curve when it rests
      rest = setTimeout(() => {
        below.replaceChildren(numbers(state, seen));
        chart.replaceChildren(blurChart(state, seen.star, wide));
      }, kept.shape && kept.shape !== shapeOf(state) ? 100 : 0);
      address.write(state);
      speech.say(`Loss without STAR ${shown(seen.regression.total)}, with STAR ${shown(seen.star.total)}.`);
    }

    const set = (key) => (value) => { state[key] = value; redraw(); };
    const two = (value) => shown(value, 2);
    const ends = (name) => ({ min: RANGES[name][0], max: RANGES[name][1] });
    const sliders = {
      s1: slider({ name: "s1", label: "σ₁", ...ends("s1"), step: 0.01, value: state.s1, said: two, change: set("s1") }),
      s2: slider({ name: "s2", label: "σ₂", ...ends("s2"), step: 0.01, value: state.s2, said: two, change: set("s2") }),
      angle: slider({ name: "angle", label: "angle of σ₁", ...ends("angle"), step: 1, value: state.angle, said: (v) => `${shown(v, 0)}°`, change: set("angle") }),
      weight: slider({ name: "weight", label: "weight w", ...ends("weight"), step: 0.5, value: state.weight, said: (v) => shown(v, 1), change: set("weight") }),
      blur: slider({ name: "blur", label: "blur", min: -2, max: 2, step: 0.05, value: Math.log2(state.blur), said: (v) => `${two(2 ** v)}×`, change: (v) => { state.blur = Number((2 ** v).toFixed(4)); redraw(); } }),
    };
    const choices = {
      distance: choice({ name: "distance", label: "distance d", options: DISTANCES, value: state.distance, change: set("distance") }),
      restriction: choice({ name: "restriction", label: "restriction", options: RESTRICTIONS, value: state.restriction, change: set("restriction") }),
    };
    const reset = play.button("Start again", () => {
      Object.assign(state, structuredClone(START));
      for (const key of ["s1", "s2", "angle", "weight"]) sliders[key].set(START[key]);
      sliders.blur.set(0);
      for (const key of ["distance", "restriction"]) choices[key].input.value = START[key];
      redraw();
    });
    root.replaceChildren(
      html("div", { class: "sp-controls" },
        group("The heatmap", sliders.s1.box, sliders.s2.box, sliders.angle.box, sliders.blur.box),
        group("The loss", choices.distance.box, choices.restriction.box, sliders.weight.box, reset)),
      html("p", { class: "sp-hint" }, "Drag the label ⊕, or reach it with Tab and move it with the arrow keys."),
      html("div", { class: "sp-panels" }, panels.without.figure, panels.with.figure),
      html("p", { class: "sp-legend" },
        html("span", { class: "sp-key sp-ring" }, "label"),
        html("span", { class: "sp-key sp-mean" }, "mean μ"),
        html("span", { class: "sp-key sp-shape" }, "one standard deviation"),
        html("span", { class: "sp-key sp-arrow" }, "where a step moves the mean, −∂L/∂μ (direction only)"),
        html("span", { class: "sp-key sp-contours" }, "a label on a line has the same loss anywhere on it; with STAR the lines are solid")),
      speech.line, below, chart);
    const renew = () => { // the map in the theme's colours, the chart as wide as there is room
      panels.without.painted = panels.with.painted = null;
      wide = chart.clientWidth; // read once: it lays out the page
      draw();
    };
    play.onChange(root, renew);
    renew();
  } };
  play.mountAll("point");
})();
