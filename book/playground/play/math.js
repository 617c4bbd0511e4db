/* Moments of a heatmap and the losses, as starlib computes them: Eqs. 1, 2, 4, 5, 6, 7 and 8.

   Coordinates are (x, y) in [-1, 1] with y downwards; cell j of W is at (2j + 1) / W - 1. Covariances
   are {xx, xy, yy}. A map is {width, height, values}, values row by row. tests/book/test_browser.py
   compares every function here with starlib. Classic scripts and not modules, because a browser
   loads no module from a page that is opened as a file. */
(() => {
  "use strict";
  const play = (window.starplay = window.starplay || {});

  const ONE_CELL = 1e-6; // 1 - V2 / V1^2 below this: the mass is on one cell
  const ISOTROPIC = 1e-5; // (l1 - l2) / (l1 + l2) below this: no direction is defined
  const EMPTY = 1e-20; // a map whose largest value is below this has no mass
  const SMOOTH = 0.01; // s of Eq. 8
  const WING_WIDTH = 0.01;
  const WING_CURVATURE = 2;

  /* Distance d and its derivative at a signed error. */
  const distances = {
    l1: (e) => [Math.abs(e), Math.sign(e)],
    l2: (e) => [e * e, 2 * e],
    smooth_l1: (e) => {
      const size = Math.abs(e);
      return size < SMOOTH
        ? [(0.5 * e * e) / SMOOTH, e / SMOOTH]
        : [size - 0.5 * SMOOTH, Math.sign(e)];
    },
    wing: (e) => {
      const size = Math.abs(e);
      const offset = WING_WIDTH - WING_WIDTH * Math.log1p(WING_WIDTH / WING_CURVATURE);
      return size < WING_WIDTH
        ? [
            WING_WIDTH * Math.log1p(size / WING_CURVATURE),
            (WING_WIDTH / (WING_CURVATURE + size)) * Math.sign(e),
          ]
        : [size - offset, Math.sign(e)];
    },
    power_4_3: (e) => [Math.abs(e) ** (4 / 3), (4 / 3) * Math.cbrt(e)],
  };

  const position = (index, size) => (2 * index + 1) / size - 1;

  /* A Gaussian map with standard deviations s1, s2 along and across `angle` (degrees). */
  function gaussianMap(size, mean, s1, s2, angle) {
    const turn = (angle * Math.PI) / 180;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    const values = new Float64Array(size * size);
    const mirrored = mean[0] === 0 && mean[1] === 0; // the second half is the first, turned round
    const last = mirrored ? Math.ceil(size / 2) : size;
    for (let row = 0; row < last; row++) {
      const dy = position(row, size) - mean[1];
      for (let column = 0; column < size; column++) {
        const dx = position(column, size) - mean[0];
        const along = (cos * dx + sin * dy) / s1;
        const across = (cos * dy - sin * dx) / s2;
        const value = Math.exp(-(along * along + across * across) / 2);
        values[row * size + column] = value;
        if (mirrored) values[size * size - 1 - row * size - column] = value;
      }
    }
    return { width: size, height: size, values };
  }

  /* Mean (Eq. 1) and unbiased covariance (Eq. 4); `spread` is Eq. 3, v1 the mass, v2 the sum of
     squares of the normalised map. An empty map has all of them zero. */
  function moments({ width, height, values }) {
    let [v1, v2, largest, x, y, xx, xy, yy] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < values.length; i++) {
      v1 += values[i];
      if (values[i] > largest) largest = values[i];
    }
    const none = { xx: 0, xy: 0, yy: 0 };
    if (!(largest > EMPTY)) return { v1, v2, mean: [0, 0], spread: none, covariance: none, empty: true };
    const places = Float64Array.from({ length: width }, (_, column) => position(column, width));
    for (let row = 0, i = 0; row < height; row++) {
      const py = position(row, height);
      for (let column = 0; column < width; column++, i++) {
        const share = values[i] / v1;
        x += share * places[column];
        y += share * py;
        v2 += share * share;
      }
    }
    for (let row = 0, i = 0; row < height; row++) {
      const dy = position(row, height) - y;
      for (let column = 0; column < width; column++, i++) {
        const share = values[i] / v1;
        const dx = places[column] - x;
        xx += share * dx * dx;
        xy += share * dx * dy;
        yy += share * dy * dy;
      }
    }
    const bessel = Math.max(1 - v2, ONE_CELL);
    return { v1, v2, mean: [x, y], spread: { xx, xy, yy }, empty: false,
      covariance: { xx: xx / bessel, xy: xy / bessel, yy: yy / bessel } };
  }

  function each({ width, height, values }, visit, mass) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const index = row * width + column;
        visit(values[index] / mass, position(column, width), position(row, height), index);
      }
    }
  }

  /* Eigenvalues, largest first, and eigenvectors of a symmetric 2 x 2 matrix in closed form (Eq. 5).
     Where no direction is defined the first is (1, 0). */
  function principalComponents({ xx, xy, yy }) {
    const middle = (xx + yy) / 2;
    const half = (xx - yy) / 2;
    const isotropic = Math.max(Math.abs(half), Math.abs(xy)) <= ISOTROPIC * Math.abs(middle);
    const radius = isotropic ? 0 : Math.hypot(half, xy);
    const theta = isotropic ? 0 : Math.atan2(xy, half) / 2;
    const [cos, sin] = [Math.cos(theta), Math.sin(theta)];
    return {
      values: [middle + radius, middle - radius],
      vectors: [[cos, sin], [-sin, cos]],
      isotropic,
      theta,
    };
  }

  /* Eq. 2: d of x plus d of y; `gradient` is that of the loss with respect to the mean. */
  function regressionLoss(mean, label, distance) {
    const parts = [0, 1].map((axis) => distances[distance](label[axis] - mean[axis]));
    return {
      total: parts[0][0] + parts[1][0],
      terms: parts.map(([value]) => value),
      gradient: parts.map(([, slope]) => -slope),
    };
  }

  /* Eqs. 6 and 7 from a map's moments. `options`: distance, restriction (value, none, detach), weight,
     cells (per side of the map). Returns the terms, their sum, and gradients with respect to the
     mean, to the eigenvalues and to the angle of the first eigenvector. */
  function starLoss({ mean, covariance }, label, { distance, restriction, weight, cells }) {
    const { values, vectors, isotropic, theta } = principalComponents(covariance);
    const error = [label[0] - mean[0], label[1] - mean[1]];
    const projected = vectors.map((v) => v[0] * error[0] + v[1] * error[1]);
    const floor = (2 / cells) ** 2 / 12;
    const widths = values.map((value) => Math.sqrt(Math.max(value, floor)));
    const parts = projected.map((p) => distances[distance](p));
    const terms = parts.map(([value], k) => value / widths[k]);
    const limit = restriction === "value" ? (weight * (values[0] + values[1])) / 2 : 0;
    const pull = parts.map(([, slope], k) => slope / widths[k]);
    const gradient = [0, 1].map((axis) => -pull[0] * vectors[0][axis] - pull[1] * vectors[1][axis]);
    const open = restriction !== "detach";
    const slopes = values.map((value, k) => {
      const shrink = value >= floor ? -terms[k] / (2 * value) : 0;
      return open ? shrink + (restriction === "value" ? weight / 2 : 0) : 0;
    });
    const turn = open && !isotropic ? pull[0] * projected[1] - pull[1] * projected[0] : 0;
    return {
      total: terms[0] + terms[1] + limit,
      terms, limit, gradient, slopes, turn, values, vectors, projected, widths, theta, isotropic,
      distances: parts.map(([value]) => value),
    };
  }

  /* Gradient of the STAR loss with respect to every cell of the map, through mean and covariance. */
  function starMapGradient(map, label, options) {
    const found = moments(map);
    const gradient = new Float64Array(map.values.length);
    if (found.empty) return gradient;
    const star = starLoss(found, label, options);
    const { turn, values, vectors, gradient: pull } = star;
    // Where no direction is defined the eigenvalues move together.
    const both = (star.slopes[0] + star.slopes[1]) / 2;
    const slopes = star.isotropic ? [both, both] : star.slopes;
    const [v1, v2] = vectors;
    const twist = turn ? turn / (values[0] - values[1]) : 0;
    // dL/dCov as a symmetric matrix
    const outer = (i, j) =>
      slopes[0] * v1[i] * v1[j] + slopes[1] * v2[i] * v2[j] +
      (twist * (v1[i] * v2[j] + v1[j] * v2[i])) / 2;
    const [gxx, gxy, gyy] = [outer(0, 0), outer(0, 1), outer(1, 1)];
    const { xx, xy, yy } = found.spread;
    const bessel = Math.max(1 - found.v2, ONE_CELL);
    const inner = gxx * xx + 2 * gxy * xy + gyy * yy;
    const crowd = 1 - found.v2 > ONE_CELL ? inner / (bessel * bessel) : 0;
    each(map, (share, px, py, index) => {
      const [dx, dy] = [px - found.mean[0], py - found.mean[1]];
      const moved = pull[0] * dx + pull[1] * dy;
      const spread = (gxx * dx * dx + 2 * gxy * dx * dy + gyy * dy * dy - inner) / bessel;
      gradient[index] = (moved + spread + crowd * 2 * (share - found.v2)) / found.v1;
    }, found.v1);
    return gradient;
  }

  /* Factor b by which widths grow at the optimum of (t1 + t2) / b + w b^2 (l1 + l2) / 2. */
  function bestBlur(terms, values, weight) {
    const limit = weight * (values[0] + values[1]);
    return limit > 0 ? Math.cbrt((terms[0] + terms[1]) / limit) : Infinity;
  }

  Object.assign(play, {
    distances, gaussianMap, moments, principalComponents, regressionLoss, starLoss,
    starMapGradient, bestBlur, position,
  });
})();
