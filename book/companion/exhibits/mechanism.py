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
    runs = list(runs)
    groups = {n: [r for r in runs if kind(r.config)] for n, kind in mechanism.KINDS.items()}
    plain = next(iter(groups))
    if len(groups[plain]) < 2:
        return nothing()
    figure, [axes] = panels(1, height=3.2)
    data = []
    for index, (name, group) in enumerate(groups.items()):
        if not group:
            continue
        look = style(index, "color", "marker")
        training, test = (np.exp(values) for values in mechanism.errors(group))
        [marks] = axes.plot(training, 100 * test, ls="", ms=4, alpha=0.7, label=name, **look)
        names = (f"{label(varied_arm(r.config))}, seed {r.config.seed}" for r in group)
        hover(marks, (f"{n}: {100 * v:.2f} %" for n, v in zip(names, test, strict=True)))
        columns = {f"training error ({UNIT})": training, "NME (%)": 100 * test}
        data.append(pd.DataFrame({"arms": name, **columns}))
    found = mechanism.line(groups[plain])
    ends = np.array([min(d.iloc[:, 1].min() for d in data), max(d.iloc[:, 1].max() for d in data)])
    axes.plot(ends, 100 * np.exp(found.constant) * ends**found.slope, color="black", lw=1)
    axes.set(xscale="log", yscale="log", xlabel=f"training error, {UNIT}", ylabel="test NME, %")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", labelsize=8)
    legends_below(figure, [axes])
    return done(figure, pd.concat(data))
