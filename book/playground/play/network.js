/* The small synthface network in the page, by ONNX Runtime. Nothing leaves the machine. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html } = play;
  const NETWORK = `${play.here}../_static/play/synthface.onnx`;
  const RUNTIME = `${play.here}../onnxruntime/`;
  const METADATA = 14; // field of an ONNX model that holds pairs of key and value
  const AS_FILE = "This page was opened as a file, and a browser loads no network into such a page. "
    + "Serve the book and open it from there: `python -m http.server -d book/_build/html`, then "
    + "http://localhost:8000/photos.html.";

  async function gunzipped(response) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer; // the server has unpacked it
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  /* Keys and values that `starlib export` wrote into an ONNX file: size, calibration, scheme. */
  function metadata(buffer) {
    const bytes = new Uint8Array(buffer);
    const text = new TextDecoder();
    function fields(from, to) {
      const found = [];
      let at = from;
      const varint = () => {
        let [value, factor, byte] = [0, 1, 0];
        do {
          byte = bytes[at++];
          value += (byte & 127) * factor;
          factor *= 128;
        } while (byte & 128);
        return value;
      };
      while (at < to) {
        const key = varint();
        const kind = key & 7;
        if (kind === 2) {
          const length = varint();
          found.push([key >> 3, at, at + length]);
          at += length;
        } else if (kind === 0) varint(); else at += kind === 1 ? 8 : 4;
      }
      return found;
    }
    const pairs = fields(0, bytes.length).filter(([number]) => number === METADATA).map(([, from, to]) =>
      fields(from, to).map(([, first, last]) => text.decode(bytes.subarray(first, last))));
    return Object.fromEntries(pairs);
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
      const weights = await (await fetched(NETWORK)).arrayBuffer();
      await new Promise((resolve, reject) => document.head.append(html("script", {
        src: `${RUNTIME}ort.wasm.min.js`, onload: resolve,
        onerror: () => reject(new Error("ONNX Runtime could not be loaded")) })));
      const { ort } = window;
      ort.env.logLevel = "error";
      ort.env.wasm.numThreads = 1; // more need headers that a plain server does not send
      ort.env.wasm.wasmPaths = { mjs: `${RUNTIME}ort-wasm-simd-threaded.mjs` };
      ort.env.wasm.wasmBinary = await gunzipped(await fetched(`${RUNTIME}ort-wasm-simd-threaded.wasm.gz`));
      const session = await ort.InferenceSession.create(weights, { executionProviders: ["wasm"] });
      const about = metadata(weights);
      const calibration = Number(about["starlib.calibration"] || 1);
      return { ort, session, calibration, size: Number(about["starlib.image_size"]),
        edges: JSON.parse(about["starlib.scheme"]).edges };
    })();
    loading.catch(() => { loading = null; });
    return loading;
  }

  /* Landmarks [[x, y]] and covariances [{xx, xy, yy}] in pixels of a picture {width, height, data}, of
     the face in a box [left, top, right, bottom]. */
  async function detect(picture, box) {
    const { ort, session, size, calibration, edges } = await network();
    const square = play.viewSquare(box);
    const view = play.networkView(picture, square, size);
    const began = performance.now();
    const found = await session.run({ images: new ort.Tensor("float32", view, [1, 3, size, size]) });
    const [left, top, side] = square;
    const points = found.landmarks.data;
    const spread = found.covariance ? found.covariance.data : [];
    const unit = calibration * (side / 2) ** 2;
    const landmarks = Array.from({ length: points.length / 2 }, (_, i) =>
      [left + ((points[2 * i] + 1) / 2) * side, top + ((points[2 * i + 1] + 1) / 2) * side]);
    const covariances = Array.from({ length: spread.length / 4 }, (_, i) =>
      ({ xx: spread[4 * i] * unit, xy: spread[4 * i + 1] * unit, yy: spread[4 * i + 3] * unit }));
    return { landmarks, covariances, square, size, edges, calibrated: calibration !== 1, milliseconds: performance.now() - began };
  }

  Object.assign(play, { detect, AS_FILE });
})();
