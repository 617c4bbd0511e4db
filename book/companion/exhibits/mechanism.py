"""Figures on what STAR loss does: the heatmaps' width, and the error beside the training error."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from companion.evidence import mechanism
from companion.exhibits.figures import done, hover, legends_below, nothing, panels, style
from companion.exhibits.tables import label
from starlib.runs.records import Run
from starlib.training.config import varied_arm

UNIT = "[-1, 1] of the view"


def width_law(table: pd.DataFrame) -> Figure:
    """Measured widths of `mechanism.widths` over the optimum; on the line they are equal."""
    if table.empty:
        return nothing("widths: not in the records")
    figure, [axes] = panels(1, height=3.2)
    for index, (distance, arms) in enumerate(table.groupby("distance")):
        look = style(index, "color", "marker")
        name = label(str(distance))
        [marks] = axes.plot(arms["optimum"], arms["width"], ls="", label=name, **look)
        hover(marks, (f"{label(str(a.data))}, {name}, w = {a.w:g}: {a.width:.3f}"
                      for a in arms.itertuples()))  # fmt: skip
    ends = [0.9 * table[["optimum", "width"]].min().min(), 1.1 * table["width"].max()]
    axes.plot(ends, ends, color="black", lw=1, label="width = √λ*")
    axes.set(xscale="log", yscale="log", xlabel=f"√λ* = (d/w)^⅓, {UNIT}", ylabel="measured width")
    ticks = [0.1, 0.15, 0.2, 0.3, 0.4]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_minor_formatter("")
    legends_below(figure, [axes])
    return done(figure, table)


def error_law(runs: Iterable[Run]) -> Figure:
    """Test NME over the training error of the last epoch, each run a mark, by kind of arm, with the
    line through the arms without STAR, DR and AAM."""
    runs, x, y = list(runs), f"training error ({UNIT})", "NME (%)"
    names = (f"{label(varied_arm(r.config))}, seed {r.config.seed}" for r in runs)
    rows = [
        {"arms": kind, "run": name, x: run.curves["error"][-1],
         y: 100 * next(iter(run.metrics.values()))["nme"]}
        for run, name in zip(runs, names, strict=True)
        for kind, is_of in mechanism.KINDS.items() if is_of(run.config)
    ]  # fmt: skip
    plain = [run for run in runs if mechanism.KINDS[mechanism.PLAIN](run.config)]
    if len(plain) < 2:
        return nothing()
    data = pd.DataFrame(rows)
    figure, [axes] = panels(1, height=3.2)
    for index, kind in enumerate(mechanism.KINDS):
        group = data[data["arms"] == kind]
        if group.empty:
            continue
        look = style(index, "color", "marker")
        [marks] = axes.plot(group[x], group[y], ls="", ms=4, alpha=0.7, label=kind, **look)
        hover(marks, (f"{n}: {v:.2f} %" for n, v in zip(group["run"], group[y], strict=True)))
    found, ends = mechanism.line(plain), np.array([data[x].min(), data[x].max()])
    axes.plot(ends, 100 * np.exp(found.intercept) * ends**found.slope, color="black", lw=1)
    axes.set(xscale="log", yscale="log", xlabel=f"training error, {UNIT}", ylabel="test NME, %")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", labelsize=8)
    legends_below(figure, [axes])
    return done(figure, data)
