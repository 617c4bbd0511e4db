"""Figures of single experiments: Fig. 6, and how the error depends on one number (Fig. 4)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from companion.evidence.breakdown import seed_means
from companion.evidence.stability import point_spread, predictions
from companion.exhibits.figures import (
    WITH,
    WITHOUT,
    done,
    legends_below,
    nothing,
    panels,
    style,
)
from companion.exhibits.tables import label
from companion.experiments.experiment import Arm, Comparison, arm_name
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns

Series = Mapping[str, Mapping[float, NDArray]]  # name -> place on the axis -> NME of each seed


def spread_distribution(
    runs: ArmRuns, pairs: Mapping[str, Comparison], highest: float = 0.06
) -> Figure:
    """Fig. 6: how the spread of the seeds' predictions is distributed over faces and landmarks.

    A histogram and a kernel density for each arm of each pair, and lines at their plain means,
    which the jackknife of `companion.evidence.stability` does not correct for the number of seeds.
    """
    shown = {
        name: pair
        for name, pair in pairs.items()
        if all(len(runs.get(arm, {})) > 1 for arm in (pair.without, pair.with_))
    }
    if not shown:
        return nothing()
    figure, row = panels(len(shown))
    edges = np.linspace(0, 100 * highest, 81)
    data = []
    for axes, (name, pair) in zip(row, shown.items(), strict=True):
        for arm, colour, dash in ((pair.without, WITHOUT, "--"), (pair.with_, WITH, "-")):
            spread = 100 * point_spread(predictions(runs[arm]))
            same = {"comparison": label(name), "arm": label(arm), "mean spread (%)": spread.mean()}
            density = _densities(spread[spread < 100 * highest], edges, same)
            data.append(density)
            axes.stairs(density[BARS], edges, fill=True, alpha=0.2, color=colour)
            axes.plot(density[PLACE], density[SMOOTH], dash, color=colour, label=label(arm))
            axes.axvline(spread.mean(), color=colour, ls=dash, lw=1)
        axes.set(title=label(name), xlabel="spread of the predictions, %", ylabel="density")
        axes.margins(y=0.35)  # room for the legend
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    return done(figure, pd.concat(data))


PLACE, BARS, SMOOTH = "spread (%)", "histogram (1/%)", "kernel density (1/%)"


def _densities(values: NDArray, edges: NDArray, same: dict[str, Any]) -> pd.DataFrame:
    """Histogram and Gaussian kernel density of values at the middle of each bin; `same` are columns
    that all rows share, and come first."""
    middle = (edges[:-1] + edges[1:]) / 2
    bars, _ = np.histogram(values, edges, density=True)
    smooth = gaussian_kde(values)(middle)
    return pd.DataFrame(same | {PLACE: middle, BARS: bars, SMOOTH: smooth})


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
    if not any(len(values) for line in series.values() for values in line.values()):
        return nothing()
    data = _sweep_rows(series, axis, levels or {}, printed or {})
    figure, row = panels(2 if printed else 1, width=2.6, share=False)
    names = dict.fromkeys([*series, *(printed or {})])
    styles = {label(n): style(i, "color", "ls", "marker") for i, n in enumerate(names)}
    placed = data.dropna(subset=axis)
    for axes, source in zip(row, ("ours", "paper"), strict=False):
        if printed:
            axes.set_title(source)
        for name, line in placed[placed["source"] == source].groupby("line", sort=False):
            values = (line[axis], line[MEAN], line[DEVIATION].fillna(0))
            axes.errorbar(*values, capsize=3, label=name, **styles[str(name)])
    for index, (name, line) in enumerate(data[data[axis].isna()].groupby("line", sort=False)):
        row[0].axhline(line[MEAN].item(), label=name, color="black", lw=1, **style(index + 1, "ls"))
    places = sorted(placed[axis].unique())
    for axes in row:
        if logarithmic:
            axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_xlabel(axis)
    legends_below(figure, row)
    row[0].set_ylabel("NME, %")
    return done(figure, data)


MEAN, DEVIATION = "NME (%)", "standard deviation over seeds (%)"


def _sweep_rows(
    series: Series,
    axis: str,
    levels: Mapping[str, NDArray],
    printed: Mapping[str, Mapping[float, float]],
) -> pd.DataFrame:
    """A row for each point of the lines; those of levels have no place on the axis."""
    points = [(name, x, line[x]) for name, line in series.items() for x in sorted(line)]
    points += [(name, np.nan, values) for name, values in levels.items()]
    rows: list[dict[str, Any]] = [
        {
            **{"source": "ours", "line": label(name), axis: place},
            MEAN: 100 * values.mean(),
            DEVIATION: 100 * values.std(ddof=1) if len(values) > 1 else np.nan,
            "seeds": len(values),
        }
        for name, place, values in points
        if len(values)
    ]
    for name, numbers in printed.items():
        for place, value in numbers.items():
            rows.append({"source": "paper", "line": label(name), axis: place, MEAN: value})
    return pd.DataFrame(rows)


def _lines(
    runs: ArmRuns, experiment: str, field: str, shown: Callable[[Arm], bool]
) -> dict[str, dict[float, NDArray]]:
    """Those of an experiment's arms that are shown, by a number: line -> place -> NME of seeds."""
    lines: dict[str, dict[float, NDArray]] = {}
    for name, arm in EXPERIMENTS[experiment].arms.items():
        if shown(arm):
            line = arm_name({key: v for key, v in arm.changes.items() if key != field})
            lines.setdefault(line, {})[arm.value(field)] = seed_means(runs.get(name, {}))
    return lines


def resolution_series(
    runs: ArmRuns, distances: Sequence[str] = ("smooth_l1", "l2")
) -> dict[str, dict[float, NDArray]]:
    """The lines of Fig. 4: each distance without and with STAR by the input's side in pixels."""
    return _lines(runs, "resolution", "image_size", lambda arm: arm.value("distance") in distances)


def weight_series(runs: ArmRuns) -> dict[str, dict[float, NDArray]]:
    """The lines of Table 4: STAR and regression with the value restriction by its weight w."""

    def shown(arm: Arm) -> bool:
        return arm.changes.keys() <= {"loss", "weight"} and arm.value("loss") != "regression"

    return _lines(runs, "restriction", "weight", shown)
