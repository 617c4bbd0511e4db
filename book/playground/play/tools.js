/* What the tools share: elements, controls, plots in SVG, contour lines, a polite status line. */
(() => {
  "use strict";
  const play = (window.starplay = window.starplay || {});
  const HERE = new URL(".", document.currentScript.src).href; // of the tools, whatever page shows them
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== null && value !== false) {
        element.setAttribute(name, value === true ? "" : value);
      }
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  }

  const html = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  let serial = 0;
  const unique = (stem) => `starplay-${stem}-${++serial}`;

  /* A number in a few digits, with a true minus sign. */
  function shown(value, digits = 3) {
    if (Math.abs(value) < 1e-12) return (0).toFixed(digits);
    if (!Number.isFinite(value)) return value > 0 ? "∞" : value < 0 ? "−∞" : "–";
    const text = Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 10 ** -digits / 2)
      ? value.toExponential(1) : value.toFixed(digits);
    return text.replace("-", "−");
  }

  /* A labelled slider; `said` turns the value into what stands beside it. */
  function slider({ name, label, min, max, step, value, said = String, change }) {
    const id = unique(name);
    const read = html("output", { for: id, class: "sp-value" });
    const input = html("input", { type: "range", id, name, min, max, step, value });
    const write = () => {
      const text = said(Number(input.value));
      read.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    input.addEventListener("input", () => {
      write();
      change(Number(input.value));
    });
    write();
    const box = html("div", { class: "sp-control" }, html("label", { for: id }, label), read, input);
    return { box, input, set(next) { input.value = next; write(); } };
  }

  /* A labelled choice of one of `options`, [value, text] each. */
  function choice({ name, label, options, value, change }) {
    const id = unique(name);
    const input = html("select", { id, name, class: "sp-select" });
    const offer = (list, chosen) => {
      input.replaceChildren(...list.map(([key, text]) =>
        html("option", { value: key, selected: key === chosen }, text)));
    };
    offer(options, value);
    input.addEventListener("change", () => change(input.value));
    return { box: html("div", { class: "sp-control" }, html("label", { for: id }, label), input),
      input, offer };
  }

  function checkbox({ name, label, checked, change }) {
    const id = unique(name);
    const input = html("input", { type: "checkbox", id, name, checked });
    input.addEventListener("change", () => change(input.checked));
    return { box: html("div", { class: "sp-check" }, input, html("label", { for: id }, label)), input };
  }

  const button = (text, press, attributes) =>
    html("button", { type: "button", class: "sp-button", onclick: press, ...attributes }, text);

  const group = (legend, ...boxes) =>
    html("fieldset", { class: "sp-group" }, html("legend", {}, legend), ...boxes);

  /* A line that a screen reader speaks when it has been still for a moment. */
  function status() {
    const line = html("p", { role: "status", class: "sp-status" });
    let timer = 0;
    return { line, say(text) {
      clearTimeout(timer);
      timer = setTimeout(() => { line.textContent = text; }, 300);
    } };
  }

  /* A table with a caption, a head and rows; the first cell of a row is its head. */
  function table(caption, head, rows) {
    const cell = (text, index) =>
      index ? html("td", {}, text) : html("th", { scope: "row" }, text);
    return html("table", { class: "sp-table" }, html("caption", {}, caption),
      html("thead", {}, html("tr", {}, head.map((text) => html("th", { scope: "col" }, text)))),
      html("tbody", {}, rows.map((row) => html("tr", {}, row.map(cell)))));
  }

  /* Path of the contour lines of `field` [rows][columns] at a level, through marching squares;
     `place` turns column and row into coordinates of the drawing. */
  function contour(field, level, place) {
    const parts = [];
    const cut = (a, b) => (level - a) / (b - a);
    const tenth = (v) => Math.round(10 * v) / 10;
    for (let r = 0; r + 1 < field.length; r++) {
      for (let c = 0; c + 1 < field[r].length; c++) {
        const a = field[r][c], b = field[r][c + 1], d = field[r + 1][c + 1], e = field[r + 1][c];
        const below = (a < level) + (b < level) + (d < level) + (e < level);
        if (below === 0 || below === 4) continue;
        const ends = [];
        if (a < level !== b < level) ends.push([c + cut(a, b), r]);
        if (b < level !== d < level) ends.push([c + 1, r + cut(b, d)]);
        if (e < level !== d < level) ends.push([c + cut(e, d), r + 1]);
        if (a < level !== e < level) ends.push([c, r + cut(a, e)]);
        for (let k = 0; k + 1 < ends.length; k += 2) {
          const [from, to] = [place(...ends[k]), place(...ends[k + 1])];
          parts.push(`M${tenth(from[0])} ${tenth(from[1])}L${tenth(to[0])} ${tenth(to[1])}`);
        }
      }
    }
    return parts.join("");
  }

  /* Ellipse of `times` standard deviations of a covariance at a mean, in the drawing of `scale`. */
  function ellipse(components, mean, scale, times = 1, attributes = {}) {
    const [cx, cy] = scale(mean);
    const unit = scale.unit;
    const radii = components.values.map((v) => Math.sqrt(Math.max(v, 0)) * unit * times);
    const turn = (components.theta * 180) / Math.PI;
    return svg("ellipse", { cx, cy, rx: radii[0], ry: radii[1],
      transform: `rotate(${turn} ${cx} ${cy})`, ...attributes });
  }

  /* Coordinates in [-1, 1] to a square drawing of this side, and back. */
  function square(side) {
    const scale = ([x, y]) => [((x + 1) / 2) * side, ((y + 1) / 2) * side];
    scale.unit = side / 2;
    scale.back = ([x, y]) => [(x / side) * 2 - 1, (y / side) * 2 - 1];
    return scale;
  }

  /* Where a pointer is, in the coordinates of the SVG's viewBox. */
  function pointer(event, root) {
    const point = new DOMPoint(event.clientX, event.clientY);
    const { x, y } = point.matrixTransform(root.getScreenCTM().inverse());
    return [x, y];
  }

  /* A picture of a map: its values over the largest, from transparent to the map's colour. */
  function paintMap(canvas, map) {
    if (canvas.width !== map.width || canvas.height !== map.height) Object.assign(canvas, { width: map.width, height: map.height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(map.width, map.height);
    const largest = map.values.reduce((a, b) => Math.max(a, b), 0) || 1;
    const [red, green, blue] = getComputedStyle(canvas).color.match(/[\d.]+/g).map(Number);
    const pixels = new Uint32Array(image.data.buffer);
    const colour = new Uint32Array(new Uint8Array([red, green, blue, 0]).buffer)[0];
    const opaque = new Uint32Array(new Uint8Array([0, 0, 0, 1]).buffer)[0];
    map.values.forEach((value, i) => {
      pixels[i] = colour + opaque * Math.round(235 * Math.sqrt(value / largest));
    });
    context.putImageData(image, 0, 0);
  }

  /* Ticks at round steps within [low, high]. */
  function ticks(low, high, count = 5) {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const list = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step / 1e6; t += step) {
      list.push(Math.abs(t) < step / 1e6 ? 0 : t);
    }
    return list;
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /* Redraw when the page's light or dark scheme or the tool's width changes. */
  function onChange(root, redraw) {
    new MutationObserver(redraw).observe(document.documentElement,
      { attributes: true, attributeFilter: ["data-theme", "data-mode"] });
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth !== width) redraw();
      width = root.clientWidth;
    }).observe(root);
  }

  const polyline = (points) =>
    points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

  /* Data that a script of the book brings with starplay.receive(name, data), loaded when asked for:
     a page that is opened as a file may load scripts, and nothing else. */
  const waiting = {};
  function load(name) {
    waiting[name] = waiting[name] || new Promise((resolve, reject) => {
      waiting[`${name} arrived`] = resolve;
      document.head.append(html("script", { src: `${HERE}data/${name}.js`,
        onerror: () => reject(new Error(`${name}.js could not be loaded`)) }));
    });
    return waiting[name];
  }
  const receive = (name, data) => waiting[`${name} arrived`](data);

  /* Settings in the page's address, as ?name=value. `read` takes those of `kinds` that are valid, each
     name with a function from its text to a value, undefined where it is none; `write` leaves out
     what is as at the start. */
  function settings(kinds, start) {
    let timer = 0;
    function read() {
      const found = new URLSearchParams(location.search);
      const valid = Object.entries(kinds).filter(([name]) => found.has(name))
        .map(([name, parse]) => [name, parse(found.get(name))]);
      return Object.fromEntries(valid.filter(([, value]) => value !== undefined));
    }
    function write(state) {
      const address = new URL(location.href);
      for (const name of Object.keys(kinds)) {
        const text = String(state[name]);
        if (text === String(start[name])) address.searchParams.delete(name);
        else address.searchParams.set(name, text);
      }
      clearTimeout(timer); // a browser refuses more than some writes a second
      timer = setTimeout(() => history.replaceState(history.state, "", address), 300);
    }
    return { read, write };
  }
  const within = (low, high) => (text) =>
    text.trim() !== "" && Number(text) >= low && Number(text) <= high ? Number(text) : undefined;
  const oneOf = (options) => (text) => (options.includes(text) ? text : undefined);

  /* Build the tool of this name in the element of the page that asks for it. */
  function mountAll(name) {
    document.querySelectorAll(`[data-starplay="${name}"]`).forEach((root) => {
      root.classList.add("starplay");
      play[name].mount(root);
    });
  }

  Object.assign(play, { mountAll, html, svg, shown, slider, choice, checkbox, button, group, status, table,
    contour, ellipse, square, pointer, paintMap, ticks, clamp, onChange, polyline, load, receive, settings, within, oneOf, here: HERE,
    ARROWS });
})();
