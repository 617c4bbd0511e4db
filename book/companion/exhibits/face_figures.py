"""Figures 1, 3 and 5 of the paper on faces that may be shown: rendered ones, and one photograph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from companion.evidence.ambiguity import noise_covariance, stored_covariance
from companion.evidence.effects import counted, error_matrix
from companion.exhibits.cells import percent
from companion.exhibits.figures import (
    COLOURS,
    MARKERS,
    SKY,
    WITH,
    WITHOUT,
    add_ellipses,
    done,
    nothing,
    show_face,
)
from companion.exhibits.plotted import landmark_rows
from companion.exhibits.tables import label
from companion.experiments.experiment import Comparison
from companion.experiments.records import ArmRuns
from starlib.data import synthface
from starlib.data.crops import STORE_MARGIN, crop, landmark_boxes
from starlib.inference.detector import load_detector
from starlib.inference.locate import locate
from starlib.inference.shipped import weights_path
from starlib.runs.records import Run
from starlib.synthface import render_faces

LARGE = 320  # side of the pictures that are shown large, in pixels
ZOOMS = {"cheek": (6, 0.2), "eye corner": (60, 0.2)}  # point, half the side that is seen
FAILED = 0.10  # NME above which a face counts as failed, as for FR10


def face(number: int, size: int = synthface.SIZE) -> NDArray[np.uint8]:
    """The crop [S, S, 3] of a test face of synthface, over [-1, 1] of which its record's landmarks
    are; cut from a picture of `size` pixels."""
    drawn = render_faces(1, synthface.SPLITS["test"][0], size, synthface.STRENGTH, start=number)
    picture = Image.fromarray(drawn.images[0].permute(1, 2, 0).numpy())
    box = landmark_boxes((drawn.landmarks.numpy() + 1) * (size / 2), STORE_MARGIN)[0]
    return crop(picture, box, round(float(box[2]))).transpose(1, 2, 0)


def _grid(rows: int, columns: int, side: float) -> tuple[Figure, NDArray]:
    size = (side * columns, (side + 0.35) * rows)
    return plt.subplots(rows, columns, figsize=size, squeeze=False)


def scatter(runs: ArmRuns, pair: Comparison, number: int = 0, most: int = 5) -> Figure:
    """Figure 1: predictions of networks trained alike for a rendered test face, without STAR above
    and with it below: the face, its cheek and the corner of its eye. White: the truth."""
    arms = [arm for arm in (pair.without, pair.with_) if len(runs.get(arm, {})) > 1]
    if len(arms) < 2:
        return nothing()
    picture = face(number, LARGE)
    figure, rows = _grid(2, 1 + len(ZOOMS), 2.3)
    truth = next(iter(runs[arms[0]].values())).landmarks()["clean"][number]
    data = [landmark_rows(truth, arm="truth", seed="")]
    for arm, row in zip(arms, rows, strict=True):
        seeds = sorted(runs[arm])[:most]
        predicted = [runs[arm][seed].landmarks()["predicted"][number] for seed in seeds]
        for seed, points in zip(seeds, predicted, strict=True):
            data.append(landmark_rows(points, arm=label(arm), seed=seed))
        for axes in row:
            show_face(axes, picture)
            small = axes is row[0]
            for index, points in enumerate(predicted):
                style: Any = {"color": COLOURS[index], "ms": 1.5 if small else 6, "mec": "none"}
                axes.plot(*points.T, MARKERS[index], **style)
            axes.plot(*truth.T, "+", color="white", ms=2 if small else 8, mew=0.5 if small else 1.5)
        row[0].set_title(f"{label(arm)}, {len(seeds)} networks", fontsize=12)
        for axes, (name, (point, half)) in zip(row[1:], ZOOMS.items(), strict=True):
            x, y = truth[point]
            axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
            axes.set_title(name, fontsize=12)
    return done(figure, pd.concat(data), pad=0.4)


def ellipses(runs: Mapping[int, Run], faces: Sequence[int] = (0, 1, 2)) -> Figure:
    """Figure 3: what a network's heatmaps say of each point of rendered test faces, above, and the
    known noise of the labels, below; two standard deviations.

    The heatmaps' covariances are multiplied by the factor that fits the errors on training faces.
    """
    kept = [runs[seed] for seed in sorted(runs) if stored_covariance(runs[seed]) is not None]
    if not kept:
        return nothing()
    run = kept[0]
    arrays, factor = run.landmarks(), run.calibration.get("factor", 1.0)
    noise = noise_covariance(run.config.dataset, 1 + max(faces))
    figure, rows = _grid(2, len(faces), 2.3)
    data = []
    for column, number in enumerate(faces):
        picture = face(number, LARGE)
        # Noise is known in the whole picture's [-1, 1]; the crop is the square around the labels.
        drawn = synthface.load("test").landmarks[number : number + 1]
        scale = synthface.SIZE / landmark_boxes(drawn, STORE_MARGIN)[0, 2]
        covariance = factor * arrays["covariance"][number].astype(np.float64)
        for axes, title, points, spread, colour in (
            (rows[0, column], "the heatmaps", arrays["predicted"][number], covariance, WITH),
            (
                rows[1, column], "the labels' noise", arrays["clean"][number],
                noise[number] * scale**2, SKY,
            ),
        ):  # fmt: skip
            show_face(axes, picture, title)
            axes.plot(*points.T, ".", color="white", ms=1.5)
            add_ellipses(axes, points, spread, color=colour, lw=0.8)
            data.append(landmark_rows(points, spread, face=number, **{"ellipses of": title}))
    return done(figure, pd.concat(data), pad=0.4)


def photograph(path: Path, box: Sequence[float], weights: str = "300w") -> Figure:
    """The heatmaps' ellipses of a network that comes with the project on a photograph, two standard
    deviations, calibrated on held-out faces. `box`: left, top, right, bottom of the face."""
    detector = load_detector(weights_path(weights))
    picture = Image.open(path).convert("RGB")
    left, top, right, bottom = box
    side = max(right - left, bottom - top)
    square = np.array([[(left + right - side) / 2, (top + bottom - side) / 2, side]])
    found = locate(detector, [picture], square)
    figure, [[axes]] = _grid(1, 1, 3.4)
    axes.imshow(picture)
    axes.axis("off")
    x, y, width = found.boxes[0]
    axes.set(xlim=(x - 0.2 * width, x + 1.2 * width), ylim=(y + 1.2 * width, y - 0.2 * width))
    points, covariance = found.landmarks[0], None
    axes.plot(*points.T, ".", color="white", ms=2.5)
    if found.covariance is not None:
        covariance = found.covariance[0]
        add_ellipses(axes, points, covariance, color=WITH, lw=0.9)
    return done(figure, landmark_rows(points, covariance, "pixels"), pad=0.3)


def failures(runs: ArmRuns, pair: Comparison, count: int = 3) -> Figure:
    """Figure 5: the rendered test faces that gain most from STAR, above, and those that lose most,
    below, by the error against the truth in the mean over the seeds.

    White: the truth; squares without STAR, circles with it, of the first seed. The title of a face
    is its NME without and with STAR.
    """
    both = [runs.get(arm, {}) for arm in (pair.without, pair.with_)]
    if not all(both):
        return nothing()
    means = [error_matrix(found, against="clean").mean(0) for found in both]
    order = np.argsort(means[1] - means[0])
    first = [found[min(found)].landmarks() for found in both]
    truth = first[0]["clean"]
    figure, rows = _grid(2, count, 2.3)
    data = []
    for axes, number in zip(rows.flat, [*order[:count], *order[::-1][:count]], strict=True):
        change = " → ".join(percent(mean[number], 1).text for mean in means)
        show_face(axes, face(int(number)), f"{change} %")
        axes.plot(*truth[number].T, ".", color="white", ms=1.5)
        data.append(landmark_rows(truth[number], face=number, arm="truth"))
        series = zip((pair.without, pair.with_), first, "so", (WITHOUT, WITH), means, strict=True)
        for arm, arrays, mark, colour, nmes in series:
            points = arrays["predicted"][number]
            axes.plot(*points.T, mark, color=colour, ms=2, mec="none")
            rows_of_arm = landmark_rows(points, face=number, arm=label(arm))
            data.append(rows_of_arm.assign(**{"NME of the face (%)": 100 * nmes[number]}))
    return done(figure, pd.concat(data), pad=0.4)


def failure_counts(runs: ArmRuns, pair: Comparison) -> str:
    """Shares of rendered test faces that fail without and with STAR, in a sentence (Markdown)."""
    both = [runs.get(arm, {}) for arm in (pair.without, pair.with_)]
    if not all(both):
        return ""
    errors = [error_matrix(found, against="clean") for found in both]
    shares = [f"{100 * (matrix > FAILED).mean():.1f} %" for matrix in errors]
    return (
        f"{shares[0]} of {errors[0].shape[1]} rendered faces fail with {label(pair.without)}, "
        f"{shares[1]} with {label(pair.with_)}: their NME against the truth is above "
        f"{100 * FAILED:.0f} % (averaged over {counted([len(found) for found in both])} seeds)."
    )
