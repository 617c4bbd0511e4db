/* From a picture to what the network sees, as starlib.inference cuts it: the square of a box, resized
   twice, in [-1, 1]. tests/book/test_browser.py compares it with starlib. */
(() => {
  "use strict";
  const play = (window.starplay = window.starplay || {});
  const STORE_MARGIN = 1.5; // of starlib.data.crops
  const VIEW_MARGIN = 1.2;

  /* The square that the network sees around a face's box [left, top, right, bottom]. */
  function viewSquare([left, top, right, bottom]) {
    const side = VIEW_MARGIN * Math.max(right - left, bottom - top);
    return [(left + right - side) / 2, (top + bottom - side) / 2, side];
  }

  /* Which pixels a resized pixel is made from, and their weights: a triangle as wide as a pixel of the
     result, as Pillow's bilinear filter has it. */
  function filters(start, length, limit, size) {
    const step = length / size;
    const reach = Math.max(step, 1);
    return Array.from({ length: size }, (_, i) => {
      const centre = start + (i + 0.5) * step;
      const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
      const last = Math.min(Math.trunc(centre + reach + 0.5), limit);
      const weights = [];
      for (let k = first; k < last; k++) {
        weights.push(Math.max(1 - Math.abs((k - centre + 0.5) / reach), 0));
      }
      const sum = weights.reduce((a, b) => a + b, 0);
      return { first, weights: weights.map((w) => w / sum) };
    });
  }

  /* The square [left, top, side] of a picture {width, height, data: RGBA} as size x size RGB values 0 to
     255, channel by channel; black outside. */
  function cut({ width, height, data }, [left, top, side], size) {
    const [x0, y0] = [Math.trunc(left) - 2, Math.trunc(top) - 2];
    const [w, h] = [Math.trunc(left + side) + 3 - x0, Math.trunc(top + side) + 3 - y0];
    const across = filters(left - x0, side, w, size);
    const down = filters(top - y0, side, h, size);
    const result = new Float32Array(3 * size * size);
    const rows = new Float32Array(h * size);
    for (let channel = 0; channel < 3; channel++) {
      rows.fill(0);
      for (let r = 0; r < h; r++) {
        const y = r + y0;
        if (y < 0 || y >= height) continue;
        across.forEach(({ first, weights }, c) => {
          let sum = 0;
          for (let k = 0; k < weights.length; k++) {
            const x = first + k + x0;
            if (x >= 0 && x < width) sum += weights[k] * data[4 * (y * width + x) + channel];
          }
          rows[r * size + c] = Math.round(sum);
        });
      }
      down.forEach(({ first, weights }, r) => {
        for (let c = 0; c < size; c++) {
          let sum = 0;
          for (let k = 0; k < weights.length; k++) sum += weights[k] * rows[(first + k) * size + c];
          result[(channel * size + r) * size + c] = Math.round(sum);
        }
      });
    }
    return result;
  }

  /* What the network sees, [3][size][size] in [-1, 1], of a picture and the square around its box. */
  function networkView(picture, [left, top, side], size) {
    const room = (side * (STORE_MARGIN / VIEW_MARGIN - 1)) / 2;
    const stored = Math.round((size * STORE_MARGIN) / VIEW_MARGIN);
    const crop = cut(picture, [left - room, top - room, side + 2 * room], stored);
    const view = new Float32Array(3 * size * size);
    const places = Array.from({ length: size }, (_, i) => {
      const place = ((((2 * i + 1) / size - 1) * VIEW_MARGIN) / STORE_MARGIN + 1) * (stored / 2) - 0.5;
      return [Math.floor(place), place - Math.floor(place)];
    });
    for (let channel = 0; channel < 3; channel++) {
      const at = (r, c) => crop[(channel * stored + r) * stored + c];
      places.forEach(([r, down], i) => places.forEach(([c, across], j) => {
        const upper = at(r, c) * (1 - across) + at(r, c + 1) * across;
        const lower = at(r + 1, c) * (1 - across) + at(r + 1, c + 1) * across;
        view[(channel * size + i) * size + j] = (upper * (1 - down) + lower * down) / 127.5 - 1;
      }));
    }
    return view;
  }

  Object.assign(play, { viewSquare, networkView });
})();
