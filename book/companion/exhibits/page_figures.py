"""Pictures of the book that are drawn by code: SVG that takes the colours of the text around it."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from companion.evidence.rules import headline_effects, headline_links
from companion.exhibits import figures, svg
from companion.exhibits.figures import BLUE, ORANGE, SKY, VERMILION, add_ellipses, show_face
from companion.exhibits.plotted import as_csv, data_of, keep, landmark_rows
from companion.experiments.records import Records
from starlib.data.synthface import SIZE, STRENGTH
from starlib.synthface.faces import Faces, render_faces

PLACES = "[-1, 1] of the picture"
CHEEK, EYE = 6, 60  # points that slide and that do not
STYLE = {
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


def drawn(folder: Path, records: Records) -> dict[str, str]:
    """File -> text of every picture, SVG without a size whose black is the colour of the text
    around it, and of its data, CSV; the one of many ellipses is saved in the folder as pixels,
    once."""
    pictures: dict[str, Callable[[], Figure]] = {
        "optimum": optimum, "cheek": cheek, "effects": partial(effects, records),
    }  # fmt: skip
    found: dict[str, str] = {}
    for name, draw in pictures.items():
        buffer = io.StringIO()
        # The salt tells the picture's ids from those of others on the page.
        with matplotlib.rc_context({**STYLE, "svg.fonttype": "none", "svg.hashsalt": name}):
            figure = draw()
            figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
        plt.close(figure)
        found[f"{name}.svg"] = svg.for_page(buffer.getvalue())
        if (data := data_of(figure)) is not None:
            found[f"{name}.csv"] = as_csv(data)
    path = folder / "synthface.webp"
    if not path.is_file() or not path.with_suffix(".csv").is_file():
        figure, data = sheet()
        path.with_suffix(".csv").write_text(as_csv(data), encoding="utf-8")
        figure.savefig(path, dpi=130, transparent=True, pil_kwargs={"quality": 80})
        plt.close(figure)
    return found


def optimum() -> Figure:
    """d/√λ + wλ/2 over the width √λ: with the restriction it has a minimum, without it none."""
    figure, axes = plt.subplots(figsize=(5.6, 3.3), layout="constrained")
    deviation = np.geomspace(0.03, 1.5, 100)
    data = []
    for error, colour in ((0.02, BLUE), (0.1, VERMILION)):
        free, kept = error / deviation, error / deviation + deviation**2 / 2
        best = error ** (1 / 3)
        axes.plot(deviation, kept, color=colour, label=f"|e| = {error:g}, w = 1")
        axes.plot(deviation, free, "--", color=colour, label=f"|e| = {error:g}, no restriction")
        [dot] = axes.plot(best, 1.5 * error ** (2 / 3), "o", color=colour)
        figures.hover(dot, [f"|e| = {error:g}: least at a width of {best:.2f}"])
        for weight, loss in (("1", kept), ("no restriction", free)):
            columns = {"error |e| ([-1, 1] of the view)": error, "weight w": weight}
            columns |= {"width √λ ([-1, 1] of the view)": deviation, "loss": loss}
            data.append(pd.DataFrame(columns))
    axes.set(xscale="log", yscale="log", ylim=(0.01, 3), xlabel="width √λ of the heatmap")
    axes.set_ylabel("loss along one axis")
    axes.set_xticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
    axes.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    axes.minorticks_off()
    axes.legend(fontsize=9)
    keep(figure, pd.concat(data))
    return figure


def cheek() -> Figure:
    """A rendered face with the ellipses of its annotation noise, at the strength that is used, at a
    point of the cheek and at the corner of an eye."""
    figure, axes = plt.subplots(figsize=(3.6, 3.6), layout="constrained")
    faces = render_faces(1, 11, 224, STRENGTH, start=8)
    points = show_points(axes, faces, 0, ms=2)
    covariance = np.full((len(points), 2, 2), np.nan)
    for chosen, colour in ((CHEEK, ORANGE), (EYE, SKY)):
        covariance[chosen] = faces.covariance[0, chosen]
        add_ellipses(axes, points[[chosen]], covariance[[chosen]], color=colour, lw=2.5)
    keep(figure, landmark_rows(points, covariance, PLACES))
    return figure


def show_points(axes: Axes, faces: Faces, number: int, ms: float | None = None) -> NDArray:
    """A rendered face, and where `ms` is given marks of that size at its true landmarks; these."""
    picture, points = faces.images[number].permute(1, 2, 0), faces.clean[number].numpy()
    show_face(axes, picture.numpy(), interpolation="none")
    if ms is not None:
        axes.plot(*points.T, ".", color="white", ms=ms)
    return points


def effects(records: Records) -> Figure:
    """The effects of the first screen, ours and the paper's, each with a link to its claim."""
    axis = "error reduction by STAR (points of NME)"
    return figures.forest(headline_effects(records, drawn=True), axis=axis, links=headline_links())


def sheet(columns: int = 4) -> tuple[Figure, pd.DataFrame]:
    """Rendered faces; below, the same with exact landmarks and the ellipses of their noise. With
    what is drawn."""
    data = []
    faces = render_faces(columns, 0, SIZE, STRENGTH)
    figure, panels = plt.subplots(2, columns, figsize=(1.9 * columns, 3.8), layout="constrained")
    for column, (above, below) in enumerate(panels.T):
        show_points(above, faces, column)
        points = show_points(below, faces, column, ms=1.5)
        covariance = faces.covariance[column].numpy()
        add_ellipses(below, points, covariance, color=ORANGE, lw=0.6)
        data.append(landmark_rows(points, covariance, PLACES, face=column))
    return figure, pd.concat(data)
