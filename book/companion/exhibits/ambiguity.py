"""Figure 3 of the paper on rendered faces, whose noise is known: principal components, and angles
to the noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from companion.evidence import ambiguity as measured
from companion.exhibits import face_figures, figures
from companion.exhibits.plotted import landmark_rows
from starlib.data import load_dataset, synthface
from starlib.data.crops import STORE_MARGIN, landmark_boxes
from starlib.runs.records import Run

# Points of WFLW's 98 whose arrows and ellipses can be told apart on a small picture.
SHOWN = [*range(0, 33, 3), 33, 37, 42, 46, 54, 57, 60, 64, 68, 72, 76, 79, 82, 85]
FULL = 4.0  # λ1/λ2 from which an ellipse has the whole shade


def add_components(axes: Axes, points: NDArray, covariance: NDArray) -> None:
    """Principal components as arrows of two standard deviations, and ellipses around them whose
    shade is λ1/λ2: none where it is 1, full from FULL on."""
    figures.add_ellipses(axes, points, covariance, color="white", lw=0.6)
    values, vectors = measured.components(covariance)
    shades = np.clip(np.log(measured.eigenvalue_ratio(covariance)) / np.log(FULL), 0, 1)
    for patch, shade in zip(axes.patches, shades, strict=True):
        patch.set(fill=True, facecolor=(*to_rgb(figures.BLUE), 0.75 * shade))
        figures.hover(patch, [f"λ1/λ2 = {FULL**shade:.1f}" + " or more" * bool(shade == 1)])
    for k, colour in enumerate((figures.ORANGE, figures.SKY)):
        ends = 2 * np.sqrt(values[:, k : k + 1]) * vectors[..., k]
        options: Any = {"angles": "xy", "scale_units": "xy", "scale": 1}
        options |= {"width": 0.01, "headwidth": 2.5, "headlength": 2.5, "headaxislength": 2.5}
        axes.quiver(*points.T, *ends.T, color=colour, **options)


def ellipses(runs: Mapping[int, Run], faces: Sequence[int] = (0, 1)) -> Figure:
    """Figure 3: what a network's heatmaps say of points of rendered test faces, above, and the
    known noise of the labels, below; two standard deviations.

    The heatmaps' covariances are multiplied by the factor that fits the errors on training faces.
    """
    kept = [
        runs[seed] for seed in sorted(runs) if measured.stored_covariance(runs[seed]) is not None
    ]
    if not kept:
        return figures.nothing()
    run = kept[0]
    arrays, factor = run.landmarks(), run.calibration.get("factor", 1.0)
    noise = measured.noise_covariance(run.config.dataset, 1 + max(faces))
    figure, rows = face_figures.grid(2, len(faces))
    data = []
    for column, number in enumerate(faces):
        # Noise is known in the whole picture's [-1, 1]; the crop is the square around the labels.
        drawn = load_dataset("synthface", "test").landmarks[number : number + 1]
        scale = synthface.SIZE / landmark_boxes(drawn, STORE_MARGIN)[0, 2]
        covariance = factor * arrays["covariance"][number].astype(np.float64)
        for axes, title, points, spread in (
            (rows[0, column], "the heatmaps", arrays["predicted"][number], covariance),
            (rows[1, column], "the labels' noise", arrays["clean"][number],
             noise[number] * scale**2),
        ):  # fmt: skip
            figures.show_face(axes, face_figures.face(number, face_figures.LARGE), title, alpha=0.8)
            add_components(axes, points[SHOWN], spread[SHOWN])
            data.append(landmark_rows(points, spread, face=number, **{"ellipses of": title}))
    return figures.done(figure, pd.concat(data), pad=0.4)


def angles(groups: Mapping[str, Mapping[int, Run]]) -> Figure:
    """How the angles between heatmaps and the labels' noise are distributed over landmarks, of
    several arms, name -> seed -> run, beside chance."""
    edges = np.linspace(0, 90, 19)
    found = {
        name: [a for run in runs.values() if (a := measured.angles_to_noise(run)) is not None]
        for name, runs in groups.items()
    }
    kept = {name: np.concatenate(arrays) for name, arrays in found.items() if arrays}
    if not kept:
        return figures.nothing()
    figure, [axes] = figures.panels(1, height=2.8)
    data = []
    for index, (name, values) in enumerate(kept.items()):
        share = 100 * np.histogram(values, edges)[0] / len(values)
        look = figures.style(index, "color", "ls")
        axes.stairs(share, edges, lw=2, label=f"{name}: {values.mean():.0f}° on average", **look)
        middle = (edges[1:] + edges[:-1]) / 2
        [marks] = axes.plot(middle, share, "o", ms=7, alpha=0)
        figures.hover(marks, (f"{name}, {a:g} to {a + 5:g}°: {v:.1f} %"
                      for a, v in zip(edges, share, strict=False)))  # fmt: skip
        data.append(pd.DataFrame({"network": name, "angle (°)": middle, "landmarks (%)": share}))
    axes.axhline(100 / (len(edges) - 1), color="black", lw=1, ls=":", label="chance: 45°")
    axes.set(xlabel="angle between heatmap and noise, °", ylabel="landmarks, %", xlim=(0, 90))
    figures.legends_below(figure, [axes])
    return figures.done(figure, pd.concat(data))
