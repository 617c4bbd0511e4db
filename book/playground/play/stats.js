/* The interval of Welch over seeds, and a histogram. */
(() => {
  "use strict";
  const play = (window.starplay = window.starplay || {});

  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const variance = (values) => {
    const middle = mean(values);
    return values.reduce((sum, v) => sum + (v - middle) ** 2, 0) / (values.length - 1);
  };

  /* Logarithm of the gamma function (Lanczos), for x > 0. */
  function logGamma(x) {
    const c = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155,
      0.1208650973866179e-2, -0.5395239384953e-5];
    const t = x + 5.5;
    const series = c.reduce((sum, v, i) => sum + v / (x + 1 + i), 1.000000000190015);
    return Math.log((2.5066282746310005 * series) / x) - t + (x + 0.5) * Math.log(t);
  }

  /* Regularised incomplete beta function, by its continued fraction (Lentz). */
  function incompleteBeta(x, a, b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b)
      + a * Math.log(x) + b * Math.log(1 - x)) / a;
    const tiny = 1e-300;
    let [f, c, d] = [1, 1, 0];
    for (let i = 0; i <= 300; i++) {
      const m = Math.floor(i / 2);
      const step = i === 0 ? 1
        : i % 2 === 0 ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
          : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / (Math.abs(1 + step * d) < tiny ? tiny : 1 + step * d);
      c = Math.abs(1 + step / c) < tiny ? tiny : 1 + step / c;
      f *= c * d;
      if (Math.abs(1 - c * d) < 1e-14) break;
    }
    return front * (f - 1);
  }

  /* Two-sided p of Student's t. */
  const tailsOfT = (t, freedom) => incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);

  /* The t beyond which the two tails hold `tails`, by bisection. */
  function quantileOfT(tails, freedom) {
    let [low, high] = [0, 1e4];
    for (let i = 0; i < 200; i++) {
      const middle = (low + high) / 2;
      if (tailsOfT(middle, freedom) > tails) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }

  /* Mean of the first sample minus that of the second, one value per seed, with the 95 % interval of
     Welch: Student's t with Satterthwaite's degrees of freedom. NaN where a sample has one value. */
  function welch(first, second) {
    const effect = mean(first) - mean(second);
    if (Math.min(first.length, second.length) < 2) {
      return { mean: effect, low: NaN, high: NaN, freedom: NaN, p: NaN };
    }
    const parts = [first, second].map((s) => variance(s) / s.length);
    const error = Math.sqrt(parts[0] + parts[1]);
    const freedom = (parts[0] + parts[1]) ** 2
      / (parts[0] ** 2 / (first.length - 1) + parts[1] ** 2 / (second.length - 1));
    const margin = quantileOfT(0.05, freedom) * error;
    return { mean: effect, low: effect - margin, high: effect + margin, freedom,
      p: tailsOfT(effect / error, freedom) };
  }

  function quantile(sorted, share) {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }

  /* Counts of values in equal bins from low to high; what lies outside goes into the end bins. */
  function histogram(values, low, high, bins) {
    const counts = new Array(bins).fill(0);
    for (const value of values) {
      const bin = Math.floor(((value - low) / (high - low)) * bins);
      counts[Math.min(Math.max(bin, 0), bins - 1)]++;
    }
    return counts;
  }

  Object.assign(play, { mean, welch, histogram, quantile, quantileOfT, tailsOfT });
})();
