"""Figures of single experiments: Fig. 6, and how the error depends on one number (Fig. 4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import gaussian_kde

from companion.evidence.effects import seed_means
from companion.evidence.stability import point_spread, predictions
from companion.exhibits import figures
from companion.exhibits.tables import label
from companion.experiments.experiment import Comparison, arm_name
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns

Series = Mapping[str, Mapping[float, NDArray]]  # name -> place on the axis -> NME of each seed


def spread_distribution(
    runs: ArmRuns, pairs: Mapping[str, Comparison], highest: float = 0.06
) -> Figure:
    """Fig. 6: how the spread of the seeds' predictions is distributed over faces and landmarks, up
    to `highest` or to twice the largest mean.

    A histogram and a kernel density for each arm of each pair, and lines at their plain means,
    which the jackknife of `companion.evidence.stability` does not correct for the number of seeds.
    """
    shown = {
        name: pair
        for name, pair in pairs.items()
        if all(len(runs.get(arm, {})) > 1 for arm in (pair.without, pair.with_))
    }
    if not shown:
        return figures.nothing()
    arms = {arm for pair in shown.values() for arm in (pair.without, pair.with_)}
    spreads = {arm: 100 * point_spread(predictions(runs[arm])) for arm in arms}
    most = max(100 * highest, *(2 * spread.mean() for spread in spreads.values()))
    figure, row = figures.panels(len(shown))
    edges = np.linspace(0, most, 81)
    middle = (edges[:-1] + edges[1:]) / 2
    data = []
    for axes, (name, pair) in zip(row, shown.items(), strict=True):
        for arm, colour, dash in (
            (pair.without, figures.WITHOUT, "--"),
            (pair.with_, figures.WITH, "-"),
        ):
            spread = spreads[arm]
            same = {"comparison": label(name), "arm": label(arm), "mean spread (%)": spread.mean()}
            name_of = f"{label(arm)}: {spread.mean():.2f} %"
            shares, _ = np.histogram(kept := spread[spread < most], edges, density=True)
            smooth = gaussian_kde(kept)(middle)
            columns = {"histogram (1/%)": shares, "kernel density (1/%)": smooth}
            data.append(pd.DataFrame(same | {"spread (%)": middle} | columns))
            axes.stairs(shares, edges, fill=True, alpha=0.2, color=colour)
            axes.plot(middle, smooth, dash, color=colour, label=name_of)
            mean = axes.axvline(spread.mean(), color=colour, ls=dash, lw=1)
            figures.hover(mean, [f"{label(arm)}: mean spread {spread.mean():.2f} %"])
        axes.set(title=label(name), xlabel="spread of the predictions, %")
        axes.set_xlim(0, most)
    row[0].set_ylabel("density, 1/%")
    figures.legends_below(figure, row)
    return figures.done(figure, pd.concat(data))


def sweep(
    groups: Mapping[str, Series], axis: str, levels: Mapping[str, NDArray] | None = None
) -> Figure:
    """NME over a number such as the resolution or w: means with standard deviations over seeds.

    Args:
        groups: panel -> lines to draw; points without runs are left out.
        axis: what the number is, drawn on a logarithmic scale.
        levels: arms without that number, as horizontal lines in the first panel.
    """
    data = _sweep_rows(groups, axis, levels or {})
    if data.empty:
        return figures.nothing()
    shown = list(data["panel"].unique())
    figure, row = figures.panels(len(shown), height=2.3)
    styles = {
        n: figures.style(i, "color", "ls", "marker") for i, n in enumerate(data["line"].unique())
    }
    for axes, panel in zip(row, shown, strict=True):
        kept = data[data["panel"] == panel]
        for name, line in kept.groupby("line", sort=False):
            if line[axis].isna().all():
                axes.axhline(line[MEAN].item(), label=name, color="black", lw=1, ls="--")
                continue
            values = (line[axis], line[MEAN], line[DEVIATION].fillna(0))
            drawn = axes.errorbar(*values, capsize=3, label=name, **styles[str(name)])
            marks = zip(line[axis], line[MEAN], line["seeds"], strict=True)
            figures.hover(drawn[0], (f"{name}, {x:g}: {y:.2f} %, {n} seeds" for x, y, n in marks))
        places = sorted(data[axis].dropna().unique())
        axes.set(title=panel, xscale="log", xlabel=axis)
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.set_xlim(places[0] / 1.15, places[-1] * 1.15)
        axes.minorticks_off()
    for axes in row[::2]:
        axes.set_ylabel("NME, %")
    figures.legend_below(figure, row)
    return figures.done(figure, data)


MEAN, DEVIATION = "NME (%)", "standard deviation over seeds (%)"


def _sweep_rows(
    groups: Mapping[str, Series], axis: str, levels: Mapping[str, NDArray]
) -> pd.DataFrame:
    """A row for each point of the lines; those of levels have no place on the axis."""
    every = [
        (panel, name, place, values)
        for panel, series in groups.items()
        for name, line in series.items()
        for place, values in sorted(line.items())
    ]
    every += [(next(iter(groups)), name, np.nan, values) for name, values in levels.items()]
    rows: list[dict[str, Any]] = [
        {
            **{"panel": label(panel), "line": label(name), axis: place},
            MEAN: 100 * values.mean(),
            DEVIATION: 100 * values.std(ddof=1) if len(values) > 1 else np.nan,
            "seeds": len(values),
        }
        for panel, name, place, values in every
        if len(values)
    ]
    return pd.DataFrame(rows)


def resolution_series(runs: ArmRuns) -> Mapping[str, Series]:
    """Figure 4: distance -> without and with STAR -> side of the input in pixels -> NME of seeds,
    of the distances that were run."""
    groups: dict[str, dict[str, dict[float, NDArray]]] = {}
    for name, arm in EXPERIMENTS["resolution"].arms.items():
        if values := runs.get(name):
            line = "without STAR" if arm.value("loss") == "regression" else "with STAR"
            lines = groups.setdefault(arm.value("distance"), {})
            lines.setdefault(line, {})[arm.value("image_size")] = seed_means(values)
    return groups


def weight_series(runs: ArmRuns) -> dict[str, dict[float, NDArray]]:
    """Table 4 as lines: STAR and regression with the value restriction by its weight w."""
    lines: dict[str, dict[float, NDArray]] = {}
    for name, arm in EXPERIMENTS["restriction"].arms.items():
        if arm.changes.keys() <= {"loss", "weight"} and arm.value("loss") != "regression":
            line = arm_name({key: v for key, v in arm.changes.items() if key != "weight"})
            lines.setdefault(line, {})[arm.value("weight")] = seed_means(runs.get(name, {}))
    return lines
