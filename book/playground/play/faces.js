/* synthface viewer: a rendered face, the truth, the labels, the noise, and what networks predict. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown } = play;
  const FOLDER = `${play.here}data`;
  const SIDE = 320; // of the drawing
  const scale = play.square(SIDE);
  const EYE_CORNERS = [60, 72];
  const TIMES = 2; // standard deviations of an ellipse
  // view -> points around which it is cut; none: the whole picture
  const VIEWS = { whole: ["whole face", []], cheek: ["left cheek", range(0, 13)],
    eye: ["left eye", range(60, 68)], nose: ["nose", range(51, 60)], mouth: ["mouth", range(76, 96)] };
  // Marks of a radius around where the path is.
  const CROSS = (r) => `m${-r} ${-r}l${2 * r} ${2 * r}m${-2 * r} 0l${2 * r} ${-2 * r}`;
  const DOT = (r) => `m${-r} 0a${r} ${r} 0 1 1 ${2 * r} 0a${r} ${r} 0 1 1 ${-2 * r} 0z`;
  const SHAPES = [
    DOT,
    (r) => `m0 ${-1.2 * r}l${1.1 * r} ${2 * r}h${-2.2 * r}z`,
    (r) => `m${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    (r) => `m0 ${-1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
  ];

  function range(from, to) { return Array.from({ length: to - from }, (_, i) => from + i); }

  /* Errors of points in % of the inter-ocular distance: of each point, and root mean squares along the
     first axis of the noise and across it, over the points whose noise has a direction. */
  function errors(predicted, truth, noise) {
    const gap = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
    const ocular = gap(truth[EYE_CORNERS[0]], truth[EYE_CORNERS[1]]);
    const along = [];
    const across = [];
    predicted.forEach((point, i) => {
      const [xx, xy, yy] = noise[i];
      const { vectors, isotropic } = play.principalComponents({ xx, xy, yy });
      if (isotropic) return;
      const part = ([x, y]) => ((point[0] - truth[i][0]) * x + (point[1] - truth[i][1]) * y) / ocular;
      along.push(part(vectors[0]) ** 2);
      across.push(part(vectors[1]) ** 2);
    });
    const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
    return { nme: 100 * mean(predicted.map((p, i) => gap(p, truth[i]) / ocular)),
      along: 100 * Math.sqrt(mean(along)), across: 100 * Math.sqrt(mean(across)) };
  }

  /* All points of a layer in one path, and its halo. */
  function marks(points, shape, kind, unit) {
    const d = points.map((p) => `M${scale(p).join(" ")}${shape(2.3 * unit)}`).join("");
    return [svg("path", { class: "sp-halo", d }), svg("path", { class: `sp-mark ${kind}`, d })];
  }

  function viewBox(points, truth) {
    if (!points.length) return [0, 0, SIDE];
    const places = points.map((i) => scale(truth[i]));
    const [xs, ys] = [0, 1].map((a) => places.map((p) => p[a]));
    const span = 1.35 * Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
    return [(Math.max(...xs) + Math.min(...xs) - span) / 2, (Math.max(...ys) + Math.min(...ys) - span) / 2, span];
  }

  play.faces = { errors, async mount(root) {
    root.replaceChildren(html("p", {}, "Loading the faces …"));
    let data;
    try {
      data = await play.load("faces");
    } catch (error) {
      root.replaceChildren(html("p", {}, `The faces are not here: ${error.message}.`));
      return;
    }
    const layers = [["truth", "truth", DOT, "sp-truth"], ["labels", "labels, as an annotator gave them", CROSS, "sp-labels"],
      ...data.networks.map((n, i) => [`network${i}`, `prediction, ${n.name}`, SHAPES[i], `sp-net${i}`])];
    const state = { face: 0, view: "cheek", noise: true,
      on: new Set(["truth", "labels", ...data.networks.map((n, i) => (n.distance === "l2" ? `network${i}` : ""))]) };
    const speech = play.status();
    const drawing = svg("svg", { class: "sp-face", role: "img" });
    const below = html("div");

    function draw() {
      const { face } = state;
      const [truth, noise] = [data.truth[face], data.noise[face]];
      const [left, top, span] = viewBox(VIEWS[state.view][1], truth);
      const unit = (span / SIDE) ** 0.75;
      drawing.setAttribute("viewBox", `${left} ${top} ${span} ${span}`);
      drawing.style.setProperty("--sp-thin", String(0.9 * unit));
      drawing.setAttribute("aria-label", `Rendered face ${face + 1}, ${VIEWS[state.view][0]}, with `
        + `${[...layers.filter(([key]) => state.on.has(key)).map(([, label]) => label), ...(state.noise ? ["noise ellipses"] : [])].join(", ") || "no points"}.`);
      const curves = data.edges.map(([points, closed]) => svg("path", { class: "sp-edge",
        d: play.polyline(points.map((i) => scale(truth[i]))) + (closed ? "Z" : "") }));
      const ellipses = state.noise ? noise.map(([xx, xy, yy], i) => play.ellipse(
        play.principalComponents({ xx, xy, yy }), truth[i], scale, TIMES, { class: "sp-noise" })) : [];
      const places = { truth, labels: data.labels[face],
        ...Object.fromEntries(data.networks.map((n, i) => [`network${i}`, n.landmarks[face]])) };
      drawing.replaceChildren(svg("image", { href: `${FOLDER}/face-${face}.jpg`, width: SIDE, height: SIDE }),
        ...(state.on.has("truth") ? curves : []), ...ellipses,
        ...layers.filter(([key]) => state.on.has(key)).flatMap(([key, , shape, kind]) => marks(places[key], shape, kind, unit)));
      picker.querySelectorAll("button").forEach((b, i) => b.setAttribute("aria-pressed", String(i === face)));
      const rows = [["labels", data.labels[face]], ...data.networks.map((n) => [n.name, n.landmarks[face]])]
        .map(([name, points]) => {
          const e = errors(points, truth, noise);
          return [name, shown(e.nme, 2), shown(e.along, 2), shown(e.across, 2)];
        });
      below.replaceChildren(play.table("This face: errors against the truth, % of the inter-ocular distance",
        ["points", "NME", "along", "across"], rows));
      speech.say(`Face ${face + 1} of ${data.truth.length}.`);
    }
    const toggle = (key) => (on) => { state.on[on ? "add" : "delete"](key); draw(); };
    const picker = html("div", { class: "sp-row sp-picker", role: "group", "aria-label": "face" },
      data.truth.map((_, i) => html("button", { type: "button", class: "sp-thumb", "aria-pressed": "false",
        onclick: () => { state.face = i; draw(); } },
      html("img", { src: `${FOLDER}/face-${i}.jpg`, alt: `face ${i + 1}`, width: 56, height: 56, loading: "lazy" }))));
    const boxes = layers.map(([key, label, shape, kind]) => {
      const { box } = play.checkbox({ name: key, label, checked: state.on.has(key), change: toggle(key) });
      box.append(svg("svg", { viewBox: "-7 -7 14 14", class: "sp-sample", "aria-hidden": "true" },
        svg("path", { class: "sp-halo", d: shape(4) }), svg("path", { class: `sp-mark ${kind}`, d: shape(4) })));
      return box;
    });
    const ellipses = play.checkbox({ name: "noise", label: `noise, ellipses of ${TIMES} standard deviations`, checked: true,
      change: (on) => { state.noise = on; draw(); } });
    const view = play.choice({ name: "view", label: "part of the face", value: state.view,
      options: Object.entries(VIEWS).map(([key, [label]]) => [key, label]), change: (v) => { state.view = v; draw(); } });
    root.replaceChildren(picker, html("div", { class: "sp-beside" }, drawing,
      html("div", {}, play.group("Show", ...boxes, ellipses.box), view.box)), speech.line, below);
    draw();
  } };
  play.mountAll("faces");
})();
