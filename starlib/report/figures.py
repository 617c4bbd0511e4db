"""Figures of the book, drawn from run records and rendered faces."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from starlib.experiments.records import Run
from starlib.moments import principal_components
from starlib.report.effects import paired, paired_effect
from starlib.report.tables import DISTANCE_NAMES, LOSS_NAMES, published
from starlib.synthface.faces import render_faces

WITHOUT, WITH = "#8c8c8c", "#c2410c"
COLOURS = {"regression": WITHOUT, "star": WITH}


def effects(runs: Sequence[Run], dataset: str, **which: str) -> Figure:
    """Effect of STAR per distance with 95 % interval, the paper's beside it where it has one."""
    block = published()["table3"].get(dataset, {}).get("basic", {})
    distances = [d for d in DISTANCE_NAMES if paired(runs, d, **which) is not None]
    if not distances:
        return _nothing()
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(figsize=(6.4, 0.75 * len(distances) + 1.2))
    for row, distance in enumerate(distances):
        arms = paired(runs, distance, **which)
        assert arms is not None
        effect = paired_effect(*arms)
        mean, low, high = (100 * v for v in (effect.mean, effect.low, effect.high))
        label = "ours, 95 % interval" if row == 0 else None
        errors = [[mean - low], [high - mean]]
        axes.errorbar(mean, row - 0.1, xerr=errors, fmt="o", color=WITH, capsize=4, label=label)
        per_seed = 100 * (arms[0] - arms[1]).mean(1)
        label = "ours, each seed" if row == 0 else None
        axes.plot(per_seed, np.full(len(per_seed), row - 0.1), "|", color=WITH, ms=10, label=label)
        if distance in block:
            label = "paper" if row == 0 else None
            without, with_star = block[distance]
            axes.plot(without - with_star, row + 0.15, "D", color="black", ms=6, label=label)
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(range(len(distances)), [DISTANCE_NAMES[d] for d in distances])
    axes.set_ylim(len(distances) - 0.5, -0.5)
    axes.set_xlabel("effect of STAR: NME without minus NME with, in points (right: STAR is better)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return _done(figure)


def _nothing() -> Figure:
    figure = plt.figure(figsize=(4, 0.6))
    figure.text(0.5, 0.5, "no finished runs", ha="center", va="center")
    return _done(figure)


def _done(figure: Figure, pad: float = 1.08) -> Figure:
    """Closed, so that a notebook shows it once: as the value of its cell."""
    figure.tight_layout(pad=pad)
    plt.close(figure)
    return figure


def curves(runs: Sequence[Run]) -> Figure:
    """Mean point error on the training batches by epoch, one line per run, a panel per distance."""
    distances = [d for d in DISTANCE_NAMES if any(r.config.distance == d for r in runs)]
    if not distances:
        return _nothing()
    with sns.axes_style("whitegrid"):
        figure, panels = plt.subplots(
            1, len(distances), figsize=(2.6 * len(distances) + 1, 3), sharey=True, squeeze=False
        )
    for axes, distance in zip(panels[0], distances, strict=True):
        seen: set[str] = set()
        for run in runs:
            if run.config.distance == distance:
                loss = run.config.loss
                label = None if loss in seen else LOSS_NAMES[loss]
                seen.add(loss)
                epochs = range(1, len(run.curves["error"]) + 1)
                axes.plot(epochs, run.curves["error"], color=COLOURS[loss], label=label, lw=1.2)
        axes.set(title=DISTANCE_NAMES[distance], xlabel="epoch", yscale="log")
    panels[0, 0].set_ylabel("training error, [-1, 1] units")
    panels[0, -1].legend(frameon=False)
    return _done(figure)


def synthface_sheet(columns: int = 6, size: int = 160, seed: int = 0) -> Figure:
    """Rendered faces; below, the same with clean landmarks and the ellipses of their noise."""
    faces = render_faces(columns, seed, size)
    eigenvalues, eigenvectors = principal_components(faces.covariance)
    figure, panels = plt.subplots(2, columns, figsize=(1.6 * columns, 3.3))
    for column in range(columns):
        picture = faces.images[column].permute(1, 2, 0).numpy()
        for axes in panels[:, column]:
            axes.imshow(picture, extent=(-1, 1, 1, -1))
            axes.axis("off")
        points = faces.clean[column].numpy()
        panels[1, column].plot(*points.T, ".", color="white", ms=1.5)
        for point, spreads, axis in zip(
            points, eigenvalues[column].numpy(), eigenvectors[column, :, 0].numpy(), strict=True
        ):
            width, height = 4 * np.sqrt(spreads)  # two standard deviations to each side
            angle = np.degrees(np.arctan2(axis[1], axis[0]))
            panels[1, column].add_patch(
                Ellipse(point, width, height, angle=angle, color=WITH, fill=False, lw=0.7)
            )
    return _done(figure, pad=0.3)


def predictions(images: NDArray, target: NDArray, predicted: NDArray) -> Figure:
    """Crops [F, 3, S, S] with labels and predictions [F, N, 2], in [-1, 1] of the crops."""
    figure, panels = plt.subplots(1, len(images), figsize=(2.4 * len(images), 2.5), squeeze=False)
    for axes, image, labels, points in zip(panels[0], images, target, predicted, strict=True):
        axes.imshow(image.transpose(1, 2, 0), extent=(-1, 1, 1, -1))
        axes.plot(*labels.T, "o", color="white", ms=4)
        axes.plot(*points.T, "x", color=WITH, ms=5)
        axes.axis("off")
    return _done(figure, pad=0.3)
