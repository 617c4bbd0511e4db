/* Your own photo: the small synthface network in the page. Nothing leaves the machine. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown, clamp } = play;
  const NETWORK = "../_static/play/synthface.onnx";
  const RUNTIME = "../onnxruntime/";
  const ASTRONAUT = { src: "astronaut.jpg", name: "astronaut", box: [172, 62, 276, 196] };
  const LONGEST = 1600; // side of a picture in pixels; larger ones are reduced
  const LARGEST = 0.03; // median ellipse over the box's side; wider ones are all drawn reduced
  const SMALLEST = 16; // side of a box in pixels
  const AS_FILE = "This page was opened as a file, and a browser loads no network into such a page. "
    + "Serve the book and open it from there: `python -m http.server -d book/_build/html`, then "
    + "http://localhost:8000/play/photo.html.";

  async function gunzipped(response) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer; // the server has unpacked it
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  async function fetched(url) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} is not here (${response.status})`);
    return response;
  }

  /* ONNX Runtime and the network, loaded once, when first asked for. */
  let loading = null;
  function network() {
    loading = loading || (async () => {
      if (location.protocol === "file:") throw new Error(AS_FILE);
      const weights = (await fetched(NETWORK)).arrayBuffer();
      await new Promise((resolve, reject) => document.head.append(html("script", {
        src: `${RUNTIME}ort.wasm.min.js`, onload: resolve,
        onerror: () => reject(new Error("ONNX Runtime could not be loaded")) })));
      const { ort } = window;
      ort.env.wasm.numThreads = 1; // more need headers that a plain server does not send
      ort.env.wasm.wasmPaths = { mjs: new URL(`${RUNTIME}ort-wasm-simd-threaded.mjs`, location.href).href };
      ort.env.wasm.wasmBinary = await gunzipped(await fetched(`${RUNTIME}ort-wasm-simd-threaded.wasm.gz`));
      const session = await ort.InferenceSession.create(await weights, { executionProviders: ["wasm"] });
      return { ort, session, size: Number(session.inputMetadata[0].shape[3]) };
    })();
    loading.catch(() => { loading = null; });
    return loading;
  }

  /* Landmarks [[x, y]] and covariances [{xx, xy, yy}] in pixels of a picture {width, height, data}, of
     the face in a box [left, top, right, bottom]. */
  async function detect(picture, box) {
    const { ort, session, size } = await network();
    const square = play.viewSquare(box);
    const view = play.networkView(picture, square, size);
    const began = performance.now();
    const found = await session.run({ images: new ort.Tensor("float32", view, [1, 3, size, size]) });
    const [left, top, side] = square;
    const points = found.landmarks.data;
    const spread = found.covariance ? found.covariance.data : [];
    const unit = (side / 2) ** 2;
    const landmarks = Array.from({ length: points.length / 2 }, (_, i) =>
      [left + ((points[2 * i] + 1) / 2) * side, top + ((points[2 * i + 1] + 1) / 2) * side]);
    const covariances = Array.from({ length: spread.length / 4 }, (_, i) =>
      ({ xx: spread[4 * i] * unit, xy: spread[4 * i + 1] * unit, yy: spread[4 * i + 3] * unit }));
    return { landmarks, covariances, square, size, milliseconds: performance.now() - began };
  }

  /* 1, 1/2, 1/4, … by which ellipses suit a box of this side. */
  function reduction(components, side) {
    const widths = components.map((c) => Math.sqrt(Math.max(c.values[0], 0))).sort((a, b) => a - b);
    const middle = widths[Math.floor(widths.length / 2)] || 0;
    return 0.5 ** Math.ceil(Math.log2(Math.max(middle / (LARGEST * side), 1)));
  }

  const whole = (middle) => middle.map((v) => Math.round(v));
  const same = (point) => point;
  same.unit = 1; // the drawing is in pixels of the picture

  play.photo = { detect, mount(root) {
    const canvas = html("canvas", { hidden: true });
    const speech = play.status();
    const told = html("p", { class: "sp-hint" });
    const layer = svg("g", { class: "sp-found" });
    const frame = svg("rect", { class: "sp-box" });
    const drawing = svg("svg", { class: "sp-photo", tabindex: 0, role: "application", hidden: true,
      "aria-label": "Picture with the box of a face. Arrow keys move the box, with Shift they change "
        + "its size; Enter finds the landmarks." }, svg("image"), layer, frame);
    let [box, edges, found, start, busy] = [null, [], null, null, false];
    const show = { curves: true, ellipses: true };
    const run = play.button("Find the landmarks", find, { hidden: true });

    function drawBox() {
      const [left, top, right, bottom] = box;
      for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) {
        frame.setAttribute(name, value);
      }
    }
    function drawFound() {
      layer.replaceChildren();
      if (!found) return;
      const side = found.square[2];
      drawing.style.setProperty("--sp-thin", String(side / 180));
      const components = found.covariances.map(play.principalComponents);
      const share = reduction(components, side);
      if (show.curves && found.landmarks.length === 98) {
        layer.append(...edges.map(([points, closed]) => svg("path", { class: "sp-edge",
          d: play.polyline(points.map((i) => found.landmarks[i])) + (closed ? "Z" : "") })));
      }
      if (show.ellipses) {
        layer.append(...components.map((c, i) => play.ellipse(c, found.landmarks[i], same, share, { class: "sp-noise" })));
      }
      layer.append(...found.landmarks.map(([x, y]) => svg("circle", { class: "sp-dot", cx: x, cy: y, r: side / 140 })));
      told.textContent = `${found.landmarks.length} landmarks in ${shown(found.milliseconds, 0)} ms.`
        + (show.ellipses && share < 1 ? ` Ellipses: one standard deviation of the heatmap, drawn at 1/${1 / share} of its size.` : "");
    }
    function change(next) {
      const [w, h] = [canvas.width, canvas.height];
      box = whole([clamp(next[0], 0, w - SMALLEST), clamp(next[1], 0, h - SMALLEST), clamp(next[2], SMALLEST, w), clamp(next[3], SMALLEST, h)]);
      if (box[2] - box[0] < SMALLEST) box[2] = box[0] + SMALLEST;
      if (box[3] - box[1] < SMALLEST) box[3] = box[1] + SMALLEST;
      drawBox();
    }
    async function take(source, name, face) {
      try {
        const bitmap = await createImageBitmap(source instanceof Blob ? source : await loaded(source));
        const shrink = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
        canvas.width = Math.round(bitmap.width * shrink);
        canvas.height = Math.round(bitmap.height * shrink);
        const [w, h] = [canvas.width, canvas.height];
        canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0, w, h);
        drawing.setAttribute("viewBox", `0 0 ${w} ${h}`);
        const picture = drawing.querySelector("image");
        const url = source instanceof Blob ? URL.createObjectURL(source) : source;
        for (const [key, value] of Object.entries({ href: url, width: w, height: h })) picture.setAttribute(key, value);
        for (const element of [drawing, run]) element.removeAttribute("hidden");
        found = null;
        drawFound();
        change(face || [0.3 * w, 0.2 * h, 0.7 * w, 0.2 * h + 0.5 * w]);
        told.textContent = "Draw a box around the face, from the brows to the chin and from ear to ear.";
        speech.say(`Picture ${name}, ${w} by ${h} pixels.`);
      } catch (error) {
        told.textContent = `${name} could not be read as a picture (${error.message}).`;
      }
    }
    function loaded(src) {
      return new Promise((resolve, reject) => {
        const image = new Image();
        image.onload = () => resolve(image);
        image.onerror = () => reject(new Error("not an image"));
        image.src = src;
      });
    }
    async function find() {
      if (!box || busy) return;
      busy = true;
      told.textContent = "Working: the first time the network is loaded.";
      try {
        const [w, h] = [canvas.width, canvas.height];
        edges = await play.load("wflw", "data").catch(() => []);
        if (location.protocol === "file:") throw new Error(AS_FILE); // its pixels cannot be read either
        found = await detect(canvas.getContext("2d").getImageData(0, 0, w, h), box);
        drawFound();
        speech.say(`${found.landmarks.length} landmarks found.`);
      } catch (error) {
        told.textContent = `No landmarks: ${error.message}`;
        speech.say("No landmarks.");
      }
      busy = false;
    }
    const pixel = (event) => play.pointer(event, drawing);
    drawing.addEventListener("pointerdown", (event) => {
      drawing.setPointerCapture(event.pointerId);
      drawing.focus({ preventScroll: true });
      start = pixel(event);
      event.preventDefault();
    });
    drawing.addEventListener("pointermove", (event) => {
      if (!start) return;
      const end = pixel(event);
      change([Math.min(start[0], end[0]), Math.min(start[1], end[1]), Math.max(start[0], end[0]), Math.max(start[1], end[1])]);
    });
    drawing.addEventListener("pointerup", () => { start = null; });
    drawing.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { find(); event.preventDefault(); return; }
      const step = play.ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      const far = Math.max(1, Math.round(canvas.width / 100));
      const [dx, dy] = step.map((s) => s * far);
      change(event.shiftKey ? [box[0], box[1], box[2] + dx, box[3] + dy] : [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy]);
      speech.say(`Box from ${box[0]}, ${box[1]} to ${box[2]}, ${box[3]}.`);
    });
    const id = "starplay-file";
    const file = html("input", { type: "file", id, accept: "image/*", class: "sp-file" });
    file.addEventListener("change", () => file.files[0] && take(file.files[0], file.files[0].name));
    const drop = html("div", { class: "sp-drop" },
      play.button("Take the astronaut", () => take(ASTRONAUT.src, ASTRONAUT.name, ASTRONAUT.box)),
      html("label", { for: id }, "or your own picture: "), file, html("span", {}, "or drop one here."));
    drop.addEventListener("dragover", (event) => event.preventDefault());
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      const dropped = event.dataTransfer.files[0];
      if (dropped) take(dropped, dropped.name);
    });
    const option = (name, label) => play.checkbox({ name, label, checked: true,
      change: (on) => { show[name] = on; drawFound(); } }).box;
    if (location.protocol === "file:") told.textContent = AS_FILE;
    root.replaceChildren(drop, canvas, drawing, run,
      html("div", { class: "sp-row" }, option("curves", "curves"), option("ellipses", "ellipses")), told, speech.line);
  } };
  play.mountAll("photo");
})();
