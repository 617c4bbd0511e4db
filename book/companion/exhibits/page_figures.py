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
from matplotlib.patches import Ellipse

from companion.evidence.headline import headline_effects, links
from companion.exhibits import figures, svg
from companion.exhibits.framework import framework
from companion.exhibits.plotted import as_csv, data_of, keep, landmark_rows
from companion.experiments.records import Records
from starlib.data.synthface import SIZE, STRENGTH
from starlib.moments import principal_components
from starlib.synthface.faces import render_faces

ORANGE, BLUE = "#D55E00", "#0072B2"  # of Okabe and Ito, as in companion.exhibits.figures
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
    """File -> text of every picture, SVG, and of its data, CSV; those of many ellipses are saved in
    the folder as pixels."""
    save_sheet(folder / "synthface.webp")
    found = {"framework.svg": framework()}
    pictures: dict[str, Callable[[], Figure]] = {
        "optimum": optimum, "cheek": cheek, "effects": partial(effects, records),
    }  # fmt: skip
    for name, draw in pictures.items():
        found |= {f"{name}{suffix}": text for suffix, text in as_text(name, draw).items()}
    return found


def as_text(name: str, draw: Callable[[], Figure]) -> dict[str, str]:
    """A figure as SVG for the page's own text colour, and its data, by suffix."""
    with matplotlib.rc_context(STYLE):
        figure = draw()
        found = {".svg": plain_svg(figure, name)}
    plt.close(figure)
    data = data_of(figure)
    return found if data is None else found | {".csv": as_csv(data)}


def plain_svg(drawing: Figure, salt: str) -> str:
    """A figure as SVG whose black takes the colour of the text around it, without a size.

    `salt` tells its ids from those of other figures on the page.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        drawing.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    return svg.for_page(buffer.getvalue())


def optimum() -> Figure:
    """d/√λ + wλ/2 over the width √λ: with the restriction it has a minimum, without it none."""
    figure, axes = plt.subplots(figsize=(5.6, 3.3), layout="constrained")
    deviation = np.geomspace(0.03, 1.5, 100)
    data = []
    for error, colour in ((0.02, BLUE), (0.1, ORANGE)):
        free, kept = error / deviation, error / deviation + deviation**2 / 2
        best = error ** (1 / 3)
        axes.plot(deviation, kept, color=colour, label=f"|e| = {error:g}, w = 1")
        axes.plot(deviation, free, "--", color=colour, label=f"|e| = {error:g}, no restriction")
        axes.plot(best, 1.5 * error ** (2 / 3), "o", color=colour)
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


def show_face(axes: Axes, picture: np.ndarray) -> None:
    """A picture uint8 [S, S, 3] over [-1, 1], x to the right and y down."""
    axes.imshow(picture, extent=(-1, 1, 1, -1), interpolation="none")
    axes.axis("off")


def add_ellipses(axes: Axes, points: np.ndarray, covariance: object, **style: object) -> None:
    """Ellipses of two standard deviations around points [N, 2]."""
    eigenvalues, eigenvectors = principal_components(covariance)  # type: ignore[arg-type]
    for point, values, axis in zip(
        points, eigenvalues.numpy(), eigenvectors[..., 0].numpy(), strict=True
    ):
        width, height = 4 * np.sqrt(values)
        angle = np.degrees(np.arctan2(axis[1], axis[0]))
        axes.add_patch(Ellipse(point, width, height, angle=angle, fill=False, **style))


def cheek() -> Figure:
    """A rendered face with the ellipses of its annotation noise, at the strength that is used."""
    figure, axes = plt.subplots(figsize=(3.6, 3.6), layout="constrained")
    keep(figure, show_noise(axes))
    return figure


def effects(records: Records) -> Figure:
    """The effects of the first screen, ours and the paper's, each with a link to its claim."""
    axis = "error reduction by STAR (points of NME)"
    return figures.forest(headline_effects(records), axis=axis, links=links())


def show_noise(axes: Axes) -> pd.DataFrame:
    """A rendered face; ellipses at a point of the cheek and at the corner of an eye. Returns what
    is drawn."""
    faces = render_faces(1, 11, 224, STRENGTH, start=8)
    show_face(axes, faces.images[0].permute(1, 2, 0).numpy())
    points = faces.clean[0].numpy()
    axes.plot(*points.T, ".", color="white", ms=2)
    for chosen, colour in ((CHEEK, "#E69F00"), (EYE, "#56B4E9")):
        style = {"color": colour, "lw": 2.5}
        add_ellipses(axes, points[[chosen]], faces.covariance[0, [chosen]], **style)
    covariance = np.full((len(points), 2, 2), np.nan)
    covariance[[CHEEK, EYE]] = faces.covariance[0, [CHEEK, EYE]]
    return landmark_rows(points, covariance, PLACES)


def save_sheet(path: Path) -> None:
    """`sheet` and its data as files, once."""
    table = path.with_suffix(".csv")
    if not path.is_file() or not table.is_file():
        figure, data = sheet()
        table.write_text(as_csv(data), encoding="utf-8")
        figure.savefig(path, dpi=130, transparent=True, pil_kwargs={"quality": 80})
        plt.close(figure)


def sheet(columns: int = 4) -> tuple[Figure, pd.DataFrame]:
    """Rendered faces; below, the same with exact landmarks and the ellipses of their noise. With
    what is drawn."""
    data = []
    faces = render_faces(columns, 0, SIZE, STRENGTH)
    figure, panels = plt.subplots(2, columns, figsize=(1.9 * columns, 3.8), layout="constrained")
    for column in range(columns):
        for axes in panels[:, column]:
            show_face(axes, faces.images[column].permute(1, 2, 0).numpy())
        points = faces.clean[column].numpy()
        panels[1, column].plot(*points.T, ".", color="white", ms=1.5)
        style = {"color": "#E69F00", "lw": 0.6}
        add_ellipses(panels[1, column], points, faces.covariance[column], **style)
        data.append(landmark_rows(points, faces.covariance[column].numpy(), PLACES, face=column))
    return figure, pd.concat(data)
