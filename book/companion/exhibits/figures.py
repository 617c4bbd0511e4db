"""Figures of the book, drawn from effects, run records and rendered faces."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from companion.evidence.ambiguity import components
from companion.evidence.statistics import Effect, bounds, counted, points
from companion.exhibits.plotted import keep, landmark_rows
from companion.exhibits.svg import TIPS
from companion.exhibits.tables import label
from companion.experiments.records import ArmRuns
from starlib.checks import one_of

# Okabe and Ito's colours; dark and light enough to tell apart in grey, with other marks beside.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"
VERMILION, BLACK = "#D55E00", "#000000"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, BLACK)
WITHOUT, WITH = BLUE, ORANGE
MARKERS = ("s", "o", "^", "D", "v", "P", "X")
DASHES = ("--", "-", "-.", ":")
WIDTH = 5.4  # of a figure, in inches: the column of a page, and legible on a phone


def style(index: int, *parts: str) -> dict[str, Any]:
    """Those of a line's "color", "marker" and "ls" that are asked for, of the arm with a number."""
    every = {"color": COLOURS, "marker": MARKERS, "ls": DASHES}
    return {part: every[part][index % len(every[part])] for part in parts}


def hover(artist: Artist, texts: Iterable[str]) -> None:
    """What the page shows where a pointer rests on an artist: one text for all of it, or one for
    each of its marks, in their order."""
    artist.set_gid(TIPS + "|".join(texts))


def show_face(axes: Axes, picture: NDArray, title: str = "", **options: Any) -> None:
    """A picture uint8 [S, S, 3] over [-1, 1], x to the right and y down."""
    axes.imshow(picture, extent=(-1, 1, 1, -1), **options)
    axes.set_title(title, fontsize=12)
    axes.axis("off")


def add_ellipses(axes: Axes, points: NDArray, covariance: Any, **style: Any) -> None:
    """Ellipses of two standard deviations around points [N, 2], of covariances [N, 2, 2]."""
    values, vectors = components(covariance)
    for point, lengths, axis in zip(points, np.sqrt(values), vectors[..., 0], strict=True):
        angle = np.degrees(np.arctan2(axis[1], axis[0]))
        axes.add_patch(Ellipse(point, *(4 * lengths), angle=angle, fill=False, **style))


def effect_rows(effects: Mapping[str, Effect], unit: str = "points of NME") -> pd.DataFrame:
    """A row for each comparison: the effect, its 95 % interval, the paper's effect, the seeds."""
    names = ("effect", "lower limit, 95 %", "upper limit, 95 %", "the paper's effect")
    rows = []
    for name, effect in effects.items():
        values = (effect.mean, effect.low, effect.high, effect.published)
        row: dict[str, Any] = {"comparison": label(name)}
        for column, value in zip(names, values, strict=True):
            row[f"{column} ({unit})"] = np.nan if value is None else 100 * value
        rows.append(row | {"seeds": counted(effect.seeds)})
    return pd.DataFrame(rows)


def forest(
    effects: Mapping[str, Effect],
    axis: str = "effect in points of NME (right: lower error)",
    unit: str = "points of NME",
    links: Mapping[str, str] | None = None,
) -> Figure:
    """Any effects with their 95 % intervals, as marks and in numbers, and the paper's beside them
    where it prints one. `links`: effect -> an address that its mark leads to."""
    if not any(effect.run for effect in effects.values()):
        return nothing()
    data = effect_rows(effects, unit)
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(figsize=(WIDTH, 0.36 * len(effects) + 1.2))
    beside: Any = {"transform": axes.get_yaxis_transform(), "va": "center"}
    for row, (name, effect) in enumerate(effects.items()):
        if not effect.run:
            axes.text(1.02, row, "not run", **beside)
            continue
        said = f"{points(effect.mean)} {bounds(effect.low, effect.high)}".rstrip(" –")
        axes.text(1.02, row, said.replace("+", ""), **beside)
        low, mean, high = (100 * value for value in (effect.low, effect.mean, effect.high))
        if not np.isnan(low):
            axes.plot([low, high], [row, row], "-", color=WITHOUT, lw=2, label="95 % interval")
        [mark] = axes.plot(mean, row, "o", color=WITHOUT, ms=6, label="ours")
        mark.set_url((links or {}).get(name))
        hover(mark, [f"{label(name)}: {said} {unit}, {counted(effect.seeds)} seeds"])
        if effect.published is not None:
            [paper] = axes.plot(100 * effect.published, row, "D", mfc="none", mec="black", ms=7)
            paper.set_label("paper")
            hover(paper, [f"{label(name)}, the paper: {points(effect.published)} {unit}"])
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(range(len(data)), [fill(name, 26) for name in data["comparison"]])
    axes.set_ylim(len(data) - 0.5, -0.5)
    axes.locator_params(axis="x", nbins=5)
    figure.supxlabel(fill(axis, 60), fontsize=10)  # below the names as well: it is wide
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    place: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": 3}
    axes.legend(once.values(), once.keys(), frameon=False, columnspacing=1, **place)
    return done(figure, data)


def nothing(text: str = "no finished runs") -> Figure:
    """What is shown where there is nothing to draw."""
    figure, axes = plt.subplots(figsize=(4, 0.6))  # a figure without axes is not shown
    axes.axis("off")
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return done(figure)


def done(figure: Figure, data: pd.DataFrame | None = None, pad: float = 1.08) -> Figure:
    """Without a background, and closed, so that a notebook shows it once: as its cell's value.

    `data`: what is drawn, for `companion.exhibits.plotted`.
    """
    if data is not None:
        keep(figure, data)
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    figure.tight_layout(pad=pad)
    plt.close(figure)
    return figure


def panels(count: int, height: float = 2.6, share: bool = True) -> tuple[Figure, list[Axes]]:
    """Axes in rows of two, which a phone can show; `share`: of one vertical axis.

    `height`: of one panel, in inches.
    """
    rows, columns = -(-count // 2), min(count, 2)
    size = (WIDTH, height * rows + 0.4)
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(rows, columns, figsize=size, sharey=share, squeeze=False)
    for unused in axes.flat[count:]:
        unused.remove()
    return figure, list(axes.flat[:count])


def legends_below(figure: Figure, row: Sequence[Axes]) -> None:
    """A legend below each of the `panels`, where it hides no curve; the figure grows for them."""
    place: Any = {"loc": "upper left", "bbox_to_anchor": (-0.1, -0.24), "handlelength": 3}
    legends = [axes.legend(frameon=False, fontsize=10, **place) for axes in row]
    lines = max(len(legend.get_texts()) for legend in legends)
    figure.set_figheight(figure.get_figheight() + 0.2 * lines * -(-len(row) // 2))


def legend_below(figure: Figure, row: Sequence[Axes]) -> None:
    """One legend below all `panels`, each name once."""
    handles = {t: h for a in row for h, t in zip(*a.get_legend_handles_labels(), strict=True)}
    place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "handlelength": 3}
    columns = min(len(handles), 3)
    figure.legend(handles.values(), handles, frameon=False, fontsize=10, ncols=columns, **place)


CURVE_AXES = {  # curve -> its axis, and its unit
    "error": ("training error", "[-1, 1] of the view"),
    "loss": ("training loss", "no unit"),
    "gradient": ("gradient norm", "no unit"),
    "width": ("width of the heatmaps", "[-1, 1] of the view"),
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
    one_of(CURVE_AXES).check("curve", curve)
    name, unit = CURVE_AXES[curve]
    kept = {}  # arm -> a column for each seed, a row for each epoch
    for arm, by_seed in runs.items():
        have = {s: r.curves[curve] for s, r in sorted(by_seed.items()) if curve in r.curves}
        if have:
            epochs = pd.RangeIndex(1, 1 + max(map(len, have.values())), name="epoch")
            kept[arm] = pd.DataFrame(have, epochs).rename_axis(columns="seed")
    groups = {
        title: [arm for arm in arms if arm in kept]
        for title, arms in (groups or {"": list(runs)}).items()
    }
    alone = len(groups) == 1  # of several panels each compares, so one arm says nothing
    groups = {title: arms for title, arms in groups.items() if len(arms) > 1 or (arms and alone)}
    if not groups:
        return nothing(f"{name}: not in the records")
    figure, row = panels(len(groups))
    drawn = {}
    for axes, (title, arms) in zip(row, groups.items(), strict=True):
        for index, arm in enumerate(arms):
            look, seeds = style(index, "color", "ls"), kept[arm]
            drawn[label(arm)] = seeds
            axes.plot(seeds.index, seeds, lw=0.6, alpha=0.6, **look)
            words = fill(label(arm), 24) if len(groups) > 1 else label(arm)
            mean = seeds.mean(axis=1)
            axes.plot(seeds.index, mean, lw=2, label=words, **look)
            [marks] = axes.plot(seeds.index, mean, "o", ms=6, alpha=0)
            hover(marks, (f"{label(arm)}, epoch {n}: {v:.3g}" for n, v in mean.items()))
        axes.set(title=label(title), xlabel="epoch", yscale="log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    legends_below(figure, row)
    for axes in row[::2]:
        axes.set_ylabel(name)
    table = pd.concat(drawn, names=["arm"])
    data = table.melt(var_name="seed", value_name=f"{name} ({unit})", ignore_index=False).dropna()
    return done(figure, data.reset_index())


def predictions(images: NDArray, target: NDArray, predicted: NDArray) -> Figure:
    """Crops [F, 3, S, S] with labels and predictions [F, N, 2], in [-1, 1] of the crops."""
    size = (WIDTH, WIDTH / len(images) + 0.1)
    figure, [row] = plt.subplots(1, len(images), figsize=size, squeeze=False)
    data = []
    for face, (axes, image) in enumerate(zip(row, images, strict=True)):
        show_face(axes, image.transpose(1, 2, 0))
        axes.plot(*target[face].T, "o", color="white", ms=4)
        [marks] = axes.plot(*predicted[face].T, "x", color=WITH, ms=5)
        hover(marks, (f"landmark {number}" for number in range(len(predicted[face]))))
        for shown, found in (("label", target[face]), ("prediction", predicted[face])):
            data.append(landmark_rows(found, face=face, shown=shown))
    return done(figure, pd.concat(data), pad=0.3)
