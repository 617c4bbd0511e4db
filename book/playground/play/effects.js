/* Effect explorer: two arms of a data set, their seeds, the interval, and the faces. */
(() => {
  "use strict";
  const play = window.starplay;
  const { html, svg, shown } = play;
  const BINS = 40;

  /* Errors in the index's unit from base64 of little-endian uint16. */
  function unpack(text, unit) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float64Array.from({ length: bytes.length / 2 }, (_, i) => view.getUint16(2 * i, true) * unit);
  }

  /* Effect between errors [seeds][faces] without and with: with its interval, and by face. */
  function effect(without, withStar) {
    const means = [without, withStar].map((arm) => arm.map((errors) => play.mean([...errors])));
    const faces = without[0].map((_, f) =>
      play.mean(without.map((e) => e[f])) - play.mean(withStar.map((e) => e[f])));
    return { ...play.welch(...means), means, faces };
  }

  const seedsOf = (runs) => Object.keys(runs).map(Number);

  /* Links to the records of an arm's runs: configuration, commit, seed, curves and errors. */
  const recordsOf = (name, runs) => html("li", {}, `${name}: `,
    Object.entries(runs).map(([seed, run], i) => [i ? ", " : "",
      html("a", { href: `${play.here}data/runs/${run}.json` }, `seed ${seed}`)]).flat());

  const points = (value, digits = 2) =>
    `${value > 0 ? "+" : ""}${shown(100 * value, digits)}`;
  const range = ({ low, high }) =>
    Number.isNaN(low) ? "needs two seeds of each arm" : `${points(low)} to ${points(high)}`;

  function intervalChart(found, wide) {
    const [width, height, edge] = [Math.min(Math.max(wide, 300), 640), 76, 14];
    const ends = [found.low, found.high].filter(Number.isFinite).concat(0, found.mean);
    const pad = 0.12 * (Math.max(...ends) - Math.min(...ends)) || 0.001;
    const [low, high] = [Math.min(...ends) - pad, Math.max(...ends) + pad];
    const x = (v) => edge + ((v - low) / (high - low)) * (width - 2 * edge);
    const upright = (v) => `M${x(v)} 10v24`;
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "sp-chart", role: "img",
      "aria-label": `Effect ${points(found.mean)} points; Welch interval ${range(found)}.` },
    play.ticks(100 * low, 100 * high).map((t) => svg("g", { class: "sp-grid" },
      svg("path", { d: upright(t / 100) }),
      svg("text", { x: x(t / 100), y: 52, "text-anchor": "middle" }, points(t / 100)))),
    svg("path", { class: "sp-zero", d: upright(0) }),
    Number.isNaN(found.low) ? null : svg("path", { class: "sp-line sp-with", d: `M${x(found.low)} 22H${x(found.high)}` }),
    svg("circle", { class: "sp-now", cx: x(found.mean), cy: 22, r: 6 }),
    svg("text", { x: width / 2, y: 72, "text-anchor": "middle" }, "effect in points of NME; right of 0: the second arm is better"));
  }

  function faceChart(found, wide) {
    const [width, height, left, bottom] = [Math.min(Math.max(wide, 300), 640), 220, 40, 42];
    const sorted = Array.from(found.faces).sort((a, b) => a - b);
    const reach = Math.max(-play.quantile(sorted, 0.01), play.quantile(sorted, 0.99), 1e-4);
    const counts = play.histogram(sorted, -reach, reach, BINS);
    const high = Math.max(...counts);
    const x = (v) => left + ((v + reach) / (2 * reach)) * (width - left - 12);
    const y = (n) => height - bottom - (n / high) * (height - bottom - 10);
    const bars = (from, to) => counts.slice(from, to).map((n, i) => {
      const start = x(-reach + (2 * reach * (i + from)) / BINS);
      return `M${start.toFixed(1)} ${height - bottom}V${y(n).toFixed(1)}h${((width - left - 12) / BINS - 1).toFixed(1)}V${height - bottom}Z`;
    }).join("");
    const better = sorted.filter((v) => v > 0).length;
    const worse = sorted.filter((v) => v < 0).length;
    const told = `${better} of ${sorted.length} faces have a smaller error with the second arm, ${worse} a larger one`;
    return [svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "sp-chart", role: "img",
      "aria-label": `Histogram over faces of the difference: ${told}.` },
    play.ticks(0, high, 4).filter(Number.isInteger).map((t) => svg("g", { class: "sp-grid" },
      svg("path", { d: `M${left} ${y(t)}H${width - 12}` }),
      svg("text", { x: left - 5, y: y(t) + 4, "text-anchor": "end" }, String(t)))),
    svg("path", { class: "sp-bars sp-without", d: bars(0, BINS / 2) }),
    svg("path", { class: "sp-bars sp-with", d: bars(BINS / 2, BINS) }),
    svg("path", { class: "sp-zero", d: `M${x(0)} 6V${height - bottom}` }),
    svg("path", { class: "sp-best", d: `M${x(found.mean)} 6V${height - bottom}` }),
    play.ticks(-100 * reach, 100 * reach, width < 400 ? 4 : 7).map((t) =>
      svg("text", { x: x(t / 100), y: height - bottom + 17, "text-anchor": "middle" }, points(t / 100, 1))),
    svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "difference in points of NME")),
    html("p", {}, `${told}. The end bars hold what lies beyond them.`)];
  }

  play.effects = { effect, unpack, async mount(root) {
    const speech = play.status();
    root.replaceChildren(html("p", {}, "Loading the list of runs …"));
    let [index, turn, address] = [null, 0, null];
    try {
      index = await play.load("effects");
    } catch (error) {
      root.replaceChildren(html("p", {}, `The runs are not here: ${error.message}.`));
      return;
    }
    const sets = Object.fromEntries(index.sets.map((s) => [s.key, s]));
    const state = { set: index.sets[0].key, against: "target", seeds: null };
    const results = html("div");
    const seedBox = html("div", { class: "sp-row", role: "group", "aria-label": "seeds" });
    const named = (names) => names.map((name) => [name, name]);
    const data = choice("data", "data set", index.sets.map((s) =>
      [s.key, `${s.title}, ${s.faces} test faces (${s.subsets.join(", ")})`]), pickSet);
    const against = choice("against", "error against", [["target", "the labels"]], (v) => { state.against = v; draw(); });
    const without = choice("without", "first arm (without)", [], pickArm);
    const withStar = choice("with", "second arm (with)", [], pickArm);

    function choice(name, label, options, change) {
      return play.choice({ name, label, options, value: options[0] && options[0][0], change });
    }
    function pickSet(key) {
      state.set = key;
      const { arms, against: kinds } = sets[key];
      const names = Object.keys(arms);
      const pair = names.find((n) => names.includes(`STAR ${n}`) && n === "l2")
        || names.find((n) => names.includes(`STAR ${n}`)) || names[0];
      without.offer(named(names), pair);
      withStar.offer(named(names), names.includes(`STAR ${pair}`) ? `STAR ${pair}` : names[0]);
      const texts = { target: "the labels", clean: "the truth" };
      against.offer(kinds.map((k) => [k, texts[k]]), "target");
      state.against = "target";
      pickArm();
    }
    function pickArm() {
      const { arms } = sets[state.set];
      const every = [...new Set([...seedsOf(arms[without.input.value]), ...seedsOf(arms[withStar.input.value])])].sort((a, b) => a - b);
      state.seeds = new Set(every);
      seedBox.replaceChildren(...every.map((seed) => play.checkbox({ name: `seed${seed}`, label: `${seed}`, checked: true,
        change: (on) => { state.seeds[on ? "add" : "delete"](seed); draw(); } }).box));
      if (address) address.write(choices());
      draw();
    }
    const choices = () => ({ set: state.set, without: without.input.value, with: withStar.input.value });
    /* The choices that the page's address names, where they are there. */
    function takeAddress() {
      address = play.settings({ set: play.oneOf(Object.keys(sets)), without: String, with: String }, choices());
      const asked = address.read();
      if (asked.set) {
        data.input.value = asked.set;
        pickSet(asked.set);
      }
      for (const [name, box] of [["without", without], ["with", withStar]]) {
        if (asked[name] in sets[state.set].arms) box.input.value = asked[name];
      }
      pickArm();
    }
    async function draw() {
      const { arms, key } = sets[state.set];
      turn += 1;
      const mine = turn;
      const all = await play.load(`effects-${key}`);
      if (mine !== turn) return; // something else was chosen while this was loading
      const chosen = [without, withStar].map(({ input }) => ({ name: input.value,
        seeds: seedsOf(arms[input.value]).filter((s) => state.seeds.has(s)) }));
      if (chosen.some((arm) => !arm.seeds.length)) {
        results.replaceChildren(html("p", {}, "Choose at least one seed that each arm has."));
        return;
      }
      const errors = chosen.map((arm) => arm.seeds.map((s) => unpack(all[state.against][arm.name][s], index.unit)));
      const found = effect(...errors);
      const wide = results.clientWidth || 600;
      const list = (i) => found.means[i].map((m) => shown(100 * m, 2)).join(", ");
      results.replaceChildren(
        html("figure", {}, html("figcaption", {}, `Effect: ${chosen[0].name} minus ${chosen[1].name}`), intervalChart(found, wide)),
        play.table("The effect in points of NME", ["quantity", "value"], [
          ["mean", points(found.mean, 3)],
          ["95 % interval, Welch over seeds", range(found)],
          ["degrees of freedom; p", `${shown(found.freedom, 1)}; ${shown(found.p, 3)}`],
          [`${chosen[0].name}: NME % of each seed`, list(0)],
          [`${chosen[1].name}: NME % of each seed`, list(1)]]),
        html("figure", {}, html("figcaption", {}, "By face: mean error over seeds, first arm minus second"), faceChart(found, wide)),
        html("p", {}, "The records of the runs (JSON: configuration, commit, seed, curves, errors):"),
        html("ul", {}, [...new Set(chosen.map((arm) => arm.name))].map((name) => recordsOf(name, arms[name]))));
      speech.say(`Effect ${points(found.mean)} points, Welch interval ${range(found)}.`);
    }
    root.replaceChildren(html("div", { class: "sp-controls" },
      play.group("Compare", data.box, without.box, withStar.box),
      play.group("With", against.box, html("p", { class: "sp-hint" }, "seeds"), seedBox)), speech.line, results);
    play.onChange(root, draw);
    pickSet(state.set);
    takeAddress();
  } };
  play.mountAll("effects");
})();
