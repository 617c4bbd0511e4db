/* Your own photo: a picture, a box to draw, and what the network finds in it. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown, clamp } = play;
  const ASTRONAUT = { src: `${play.here}astronaut.jpg`, name: "astronaut", box: [178, 84, 274, 182] };
  const LONGEST = 1600; // side of a picture in pixels; larger ones are reduced
  const LARGEST = 0.03; // median ellipse over the box's side; wider ones are all drawn reduced
  const SMALLEST = 16; // side of a box in pixels

  /* 1, 1/2, 1/4, … by which ellipses suit a box of this side. */
  function reduction(components, side) {
    const widths = components.map((c) => Math.sqrt(Math.max(c.values[0], 0))).sort((a, b) => a - b);
    const middle = widths[Math.floor(widths.length / 2)] || 0;
    return 0.5 ** Math.ceil(Math.log2(Math.max(middle / (LARGEST * side), 1)));
  }

  const whole = (middle) => middle.map((v) => Math.round(v));
  const same = (point) => point;
  same.unit = 1; // the drawing is in pixels of the picture

  play.photo = { mount(root) {
    const canvas = html("canvas", { hidden: true });
    const speech = play.status();
    const told = html("p", { class: "sp-hint" });
    const layer = svg("g", { class: "sp-found" });
    const frame = svg("rect", { class: "sp-box" });
    const drawing = svg("svg", { class: "sp-photo", tabindex: 0, role: "application", hidden: true,
      "aria-label": "Picture with the box of a face. Arrow keys move the box, with Shift they change "
        + "its size; Enter finds the landmarks." }, svg("image"), layer, frame);
    let [box, found, start, busy, pictures] = [null, null, null, false, 0];
    const show = { curves: true, ellipses: true, zoom: true };
    const run = play.button("Find the landmarks", find, { hidden: true });

    function drawBox() {
      const [left, top, right, bottom] = box;
      for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) {
        frame.setAttribute(name, value);
      }
    }
    function drawFound() {
      layer.replaceChildren();
      const [w, h] = [canvas.width, canvas.height];
      drawing.setAttribute("viewBox", found && show.zoom
        ? [found.square[0], found.square[1], found.square[2], found.square[2]].join(" ") : `0 0 ${w} ${h}`);
      if (!found) return;
      const side = found.square[2];
      drawing.style.setProperty("--sp-thin", String(side / 180));
      const components = found.covariances.map(play.principalComponents);
      const share = found.calibrated ? 1 : reduction(components, side);
      if (show.curves) {
        layer.append(...found.edges.map(([points, closed]) => svg("path", { class: "sp-edge",
          d: play.polyline(points.map((i) => found.landmarks[i])) + (closed ? "Z" : "") })));
      }
      if (show.ellipses) {
        layer.append(...components.map((c, i) => play.ellipse(c, found.landmarks[i], same, share, { class: "sp-noise" })));
      }
      layer.append(...found.landmarks.map(([x, y]) => svg("circle", { class: "sp-dot", cx: x, cy: y, r: side / 140 })));
      told.textContent = `${found.landmarks.length} landmarks in ${shown(found.milliseconds, 0)} ms.`
        + (show.ellipses ? ` Ellipses: one standard deviation, ${found.calibrated ? "calibrated on held-out faces" : "of the heatmap, not calibrated"}`
          + `${share < 1 ? `, drawn at 1/${1 / share} of its size` : ""}.` : "");
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
        pictures += 1;
        const shrink = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
        canvas.width = Math.round(bitmap.width * shrink);
        canvas.height = Math.round(bitmap.height * shrink);
        const [w, h] = [canvas.width, canvas.height];
        canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0, w, h);
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
      const mine = pictures;
      told.textContent = "Working: the first time the network is loaded.";
      try {
        const [w, h] = [canvas.width, canvas.height];
        if (location.protocol === "file:") throw new Error(play.AS_FILE); // its pixels cannot be read either
        const landmarks = await play.detect(canvas.getContext("2d").getImageData(0, 0, w, h), box);
        if (mine === pictures) { // no other picture was taken meanwhile
          found = landmarks;
          drawFound();
          speech.say(`${found.landmarks.length} landmarks found.`);
        }
      } catch (error) {
        if (mine === pictures) {
          told.textContent = `No landmarks: ${error.message}`;
          speech.say("No landmarks.");
        }
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
    if (location.protocol === "file:") told.textContent = play.AS_FILE;
    root.replaceChildren(drop, canvas, drawing, run,
      html("div", { class: "sp-row" }, option("curves", "curves"), option("ellipses", "ellipses"), option("zoom", "zoom to the face")), told, speech.line);
  } };
  play.mountAll("photo");
})();
