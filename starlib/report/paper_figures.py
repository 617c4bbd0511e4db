"""Figures of single experiments: Fig. 6, and how the error depends on one number (Fig. 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import seaborn as sns
from matplotlib.figure import Figure
from numpy.typing import NDArray

from starlib.experiments.experiment import Comparison
from starlib.experiments.selection import ArmRuns
from starlib.report.breakdown import seed_means
from starlib.report.figures import COLOURS, DASHES, MARKERS, WITH, WITHOUT, done, nothing, panels
from starlib.report.stability import point_spread, predictions
from starlib.report.tables import label

Series = Mapping[str, Mapping[float, NDArray]]  # name -> place on the axis -> NME of each seed


def spread_distribution(
    runs: ArmRuns, pairs: Mapping[str, Comparison], highest: float = 0.06
) -> Figure:
    """Fig. 6: how the spread of the seeds' predictions is distributed over faces and landmarks.

    A histogram and a kernel density for each arm of each pair, and lines at their means.
    """
    shown = {
        name: pair
        for name, pair in pairs.items()
        if all(len(runs.get(arm, {})) > 1 for arm in (pair.without, pair.with_))
    }
    if not shown:
        return nothing()
    figure, row = panels(len(shown), width=3.4)
    for axes, (name, pair) in zip(row, shown.items(), strict=True):
        for arm, colour, dash in ((pair.without, WITHOUT, "--"), (pair.with_, WITH, "-")):
            spread = point_spread(predictions(runs[arm]))
            shown_values = 100 * spread[spread < highest]
            style: Any = {"color": colour, "ax": axes, "stat": "density", "element": "step"}
            sns.histplot(shown_values, bins=60, alpha=0.2, lw=0, **style)
            sns.kdeplot(shown_values, color=colour, ls=dash, ax=axes, label=label(arm))
            axes.axvline(100 * spread.mean(), color=colour, ls=dash, lw=1)
        axes.set(title=label(name), xlabel="spread of the predictions, %", ylabel="density")
        axes.legend(frameon=False, fontsize=8)
    return done(figure)


def arm_series(runs: ArmRuns, arms: Mapping[float, str], **which: Any) -> dict[float, NDArray]:
    """Place on an axis -> NME of each seed, for arms that differ in one number."""
    return {place: seed_means(runs.get(arm, {}), **which) for place, arm in arms.items()}


def sweep(
    series: Series,
    axis: str,
    levels: Mapping[str, NDArray] | None = None,
    logarithmic: bool = True,
    printed: Mapping[str, Mapping[float, float]] | None = None,
) -> Figure:
    """NME over a number such as the resolution or w: means with standard deviations over seeds.

    Args:
        series: lines to draw.
        axis: what the number is.
        levels: arms without that number, as horizontal lines.
        logarithmic: scale of the number's axis.
        printed: the paper's NME in %, drawn in a panel of its own.
    """
    kept = {
        name: {place: values for place, values in sorted(line.items()) if len(values)}
        for name, line in series.items()
    }
    if not any(kept.values()):
        return nothing()
    figure, row = panels(2 if printed else 1, width=4.0, share=False)
    if printed:
        for axes, title in zip(row, ("ours", "paper"), strict=True):
            axes.set_title(title)
        for index, (name, numbers) in enumerate(printed.items()):
            row[1].plot([*numbers], [*numbers.values()], label=label(name), **_style(index))
    for index, (name, line) in enumerate(kept.items()):
        if line:
            means = [100 * values.mean() for values in line.values()]
            bars = [100 * values.std(ddof=1) if len(values) > 1 else 0 for values in line.values()]
            row[0].errorbar([*line], means, bars, capsize=3, label=label(name), **_style(index))
    for index, (name, values) in enumerate((levels or {}).items()):
        if len(values):
            style: Any = {"color": "black", "ls": DASHES[(index + 1) % len(DASHES)], "lw": 1}
            row[0].axhline(100 * values.mean(), label=label(name), **style)
    lines = [*kept.values(), *(printed or {}).values()]
    places = sorted({place for line in lines for place in line})
    for axes in row:
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel(axis)
        axes.legend(frameon=False, fontsize=8)
    row[0].set_ylabel("NME, %")
    return done(figure)


def _style(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "ls": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def resolution_series(
    runs: ArmRuns, distances: Sequence[str] = ("smooth_l1", "l2")
) -> dict[str, dict[float, NDArray]]:
    """The lines of Fig. 4: each distance without and with STAR by the input's side in pixels."""
    sizes = sorted({int(arm.split()[0]) for arm in runs})
    return {
        f"{star}{distance}": arm_series(runs, {n: f"{n} {star}{distance}" for n in sizes})
        for distance in distances
        for star in ("", "STAR ")
    }


def weight_series(runs: ArmRuns) -> dict[str, dict[float, NDArray]]:
    """The lines of Table 4: STAR and regression with the value restriction by its weight w."""
    weights = sorted(int(arm.split()[-1]) for arm in runs if arm.startswith("STAR w "))
    restricted = "regression with restriction"
    return {
        "STAR": arm_series(runs, {1: "STAR", **{w: f"STAR w {w}" for w in weights}}),
        restricted: arm_series(runs, {1: restricted, 20: f"{restricted} w 20"}),
    }
