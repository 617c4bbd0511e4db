"""Figures of the book, drawn from effects, run records and rendered faces."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from starlib.experiments.experiment import Experiment
from starlib.experiments.records import Run
from starlib.experiments.selection import ArmRuns
from starlib.report.effects import Effect
from starlib.report.tables import label

# Okabe and Ito's colours; dark and light enough to tell apart in grey, with other marks beside.
WITHOUT, WITH = "#0072B2", "#E69F00"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = ("s", "o", "^", "D", "v", "P", "X")
DASHES = ("--", "-", "-.", ":")


def forest(
    effects: Mapping[str, Effect],
    factor: float = 100,
    axis: str = "effect: NME without minus NME with, in points (right: STAR is better)",
) -> Figure:
    """Any effects with their 95 % intervals, the paper's beside them where it prints one."""
    shown = {name: effect for name, effect in effects.items() if effect.run}
    if not shown:
        return nothing()
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(figsize=(6.8, 0.42 * len(effects) + 1.3))

    for row, effect in enumerate(effects.values()):
        if not effect.run:
            axes.text(0, row, " not run", va="center", color="0.45", fontsize=8)
            continue
        if not np.isnan(effect.low):
            limits = factor * np.array([effect.low, effect.high])
            axes.plot(limits, [row, row], "-", color=WITHOUT, lw=2, label="95 % interval")
        axes.plot(factor * effect.mean, row, "o", color=WITHOUT, ms=7, label="ours")
        if effect.published is not None:
            place = factor * effect.published
            axes.plot(place, row, "D", mfc="none", mec="black", ms=7, label="paper")
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(range(len(effects)), [label(name) for name in effects])
    axes.set_ylim(len(effects) - 0.5, -0.5)
    axes.set_xlabel(axis)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    place_of: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3}
    axes.legend(once.values(), once.keys(), frameon=False, **place_of)
    return done(figure)


def nothing() -> Figure:
    """What is shown where no run is finished."""
    figure, axes = plt.subplots(figsize=(4, 0.6))  # a figure without axes is not shown
    axes.axis("off")
    figure.text(0.5, 0.5, "no finished runs", ha="center", va="center")
    return done(figure)


def done(figure: Figure, pad: float = 1.08) -> Figure:
    """Without a background, and closed, so that a notebook shows it once: as its cell's value."""
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    figure.tight_layout(pad=pad)
    plt.close(figure)
    return figure


def panels(
    count: int, width: float = 2.7, height: float = 3.0, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """A row of axes; `share`: of one vertical axis."""
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(
            1, count, figsize=(width * count + 1, height), sharey=share, squeeze=False
        )
    return figure, list(axes[0])


def pairs_of(experiment: Experiment, comparisons: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Comparison -> its two arms, as the panels of `curves`."""
    found = {name: experiment.comparisons[name] for name in comparisons}
    return {name: (pair.without, pair.with_) for name, pair in found.items()}


CURVE_AXES = {
    "error": "training error",
    "loss": "training loss",
    "gradient": "gradient norm",
    "width": "width of the heatmaps",
}


def curves(
    runs: ArmRuns, groups: Mapping[str, Sequence[str]] | None = None, curve: str = "error"
) -> Figure:
    """A curve by epoch, mean over seeds in bold and each seed thin; the axis is logarithmic.

    Args:
        runs: arm -> seed -> run.
        groups: panel -> arms; all arms in one panel otherwise.
        curve: "error", mean distance of predictions from labels on the augmented training batches,
            and "width", mean standard deviation of the heatmaps, both in [-1, 1] of the view;
            "loss"; or "gradient", its norm. Older records lack "width" and "gradient".
    """
    if curve not in CURVE_AXES:
        raise ValueError(f"curve: expected one of {', '.join(CURVE_AXES)}, got {curve!r}")
    kept = {arm: _curves(by_seed, curve) for arm, by_seed in runs.items()}
    groups = {
        title: [arm for arm in arms if len(kept.get(arm, ()))]
        for title, arms in (groups or {"": list(runs)}).items()
    }
    groups = {title: arms for title, arms in groups.items() if arms}
    if not groups:
        return nothing()
    figure, row = panels(len(groups))
    for axes, (title, arms) in zip(row, groups.items(), strict=True):
        for index, arm in enumerate(arms):
            style: Any = {"color": COLOURS[index % len(COLOURS)], "ls": DASHES[index % len(DASHES)]}
            epochs = range(1, len(kept[arm][0]) + 1)
            axes.plot(epochs, kept[arm].T, lw=0.6, alpha=0.6, **style)
            axes.plot(epochs, kept[arm].mean(0), lw=2, label=label(arm), **style)
        axes.set(title=label(title), xlabel="epoch", yscale="log")
        axes.legend(frameon=False, fontsize=8)
    row[0].set_ylabel(CURVE_AXES[curve])
    return done(figure)


def _curves(by_seed: Mapping[int, Run], curve: str) -> NDArray:
    found = [run.curves[curve] for run in by_seed.values() if curve in run.curves]
    return np.array(found)


def predictions(images: NDArray, target: NDArray, predicted: NDArray) -> Figure:
    """Crops [F, 3, S, S] with labels and predictions [F, N, 2], in [-1, 1] of the crops."""
    figure, panels = plt.subplots(1, len(images), figsize=(2.4 * len(images), 2.5), squeeze=False)
    for axes, image, labels, points in zip(panels[0], images, target, predicted, strict=True):
        axes.imshow(image.transpose(1, 2, 0), extent=(-1, 1, 1, -1))
        axes.plot(*labels.T, "o", color="white", ms=4)
        axes.plot(*points.T, "x", color=WITH, ms=5)
        axes.axis("off")
    return done(figure, pad=0.3)
