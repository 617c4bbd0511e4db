"""Figures of single experiments: Fig. 6, and how the error depends on one number (Fig. 4)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from companion.evidence.breakdown import point_spread, predictions
from companion.evidence.effects import seed_means
from companion.exhibits import figures
from companion.exhibits.tables import label
from companion.experiments.experiment import Comparison, arm_name
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns


def spread_distribution(
    runs: ArmRuns, pairs: Mapping[str, Comparison], highest: float = 0.06
) -> Figure:
    """Fig. 6: how the spread of the seeds' predictions is distributed over faces and landmarks, up
    to `highest` or to twice the largest mean.

    A histogram and a kernel density for each arm of each pair, and lines at their plain means,
    which the jackknife of `companion.evidence.breakdown` does not correct for the number of seeds.
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


MEAN, DEVIATION = "NME (%)", "standard deviation over seeds (%)"
COLUMNS = ["panel", "line", "place", MEAN]  # of a row for each seed


def sweep(seeds: pd.DataFrame, axis: str) -> Figure:
    """NME over a number such as the resolution or w, on a logarithmic axis: means with standard
    deviations over seeds, from `resolution_seeds` or `weight_seeds`. A line without a place is
    drawn as a level."""
    if seeds.empty:
        return figures.nothing()
    keys, seeds = ["panel", "line", axis], seeds.rename(columns={"place": axis})
    by_place = seeds.groupby(keys, sort=False, dropna=False)
    moments = by_place[MEAN].agg(["mean", "std", "count"])
    data = moments.set_axis([MEAN, DEVIATION, "seeds"], axis=1).reset_index()
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


def resolution_seeds(runs: ArmRuns) -> pd.DataFrame:
    """Figure 4: NME of each seed by distance, without and with STAR, and side of the input."""
    rows = []
    for name, arm in EXPERIMENTS["resolution"].arms.items():
        line = "without STAR" if arm.value("loss") == "regression" else "with STAR"
        place = (label(arm.value("distance")), line, arm.value("image_size"))
        rows += [(*place, nme) for nme in 100 * seed_means(runs.get(name, {}))]
    return pd.DataFrame(rows, columns=COLUMNS)


def weight_seeds(runs: ArmRuns) -> pd.DataFrame:
    """Table 4: NME of each seed of STAR and of regression with the value restriction by the weight
    w, and of the baseline, which has none."""
    rows = []
    for name, arm in EXPERIMENTS["restriction"].arms.items():
        if arm.changes.keys() <= {"loss", "weight"}:
            line = arm_name({key: v for key, v in arm.changes.items() if key != "weight"})
            place = np.nan if line == "baseline" else arm.value("weight")
            rows += [("", line, place, nme) for nme in 100 * seed_means(runs.get(name, {}))]
    return pd.DataFrame(rows, columns=COLUMNS)
