"""Figures 1 and 5 of the paper on faces that may be shown: rendered ones, and one photograph."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from companion.evidence.breakdown import point_spread
from companion.evidence.effects import error_matrix, point_errors
from companion.evidence.statistics import counted
from companion.exhibits import figures
from companion.exhibits.cells import percent
from companion.exhibits.plotted import landmark_rows
from companion.exhibits.tables import label
from companion.experiments.experiment import Comparison
from companion.experiments.records import ArmRuns
from companion.files import BOOK
from starlib.data import synthface
from starlib.data.augment import view
from starlib.data.crops import STORE_MARGIN, crop, landmark_boxes
from starlib.inference.detector import Detector, load_detector
from starlib.inference.locate import Located, locate
from starlib.inference.shipped import DEFAULT, weights_path
from starlib.schemes import Scheme
from starlib.synthface import render_faces

PHOTOGRAPH = BOOK / "playground" / "play" / "astronaut.jpg"
FACE_BOX = (178, 84, 274, 182)  # left, top, right, bottom of the face in it
LARGE = 320  # side of the pictures that are shown large, in pixels
FAILED = 0.10  # NME above which a face counts as failed, as for FR10


def face(number: int, size: int = synthface.SIZE) -> NDArray[np.uint8]:
    """The crop [S, S, 3] of a test face of synthface, over [-1, 1] of which its record's landmarks
    are; cut from a picture of `size` pixels."""
    drawn = render_faces(1, synthface.SPLITS["test"][0], size, synthface.STRENGTH, start=number)
    picture = Image.fromarray(drawn.images[0].permute(1, 2, 0).numpy())
    box = landmark_boxes((drawn.landmarks.numpy() + 1) * (size / 2), STORE_MARGIN)[0]
    return crop(picture, box, round(float(box[2]))).transpose(1, 2, 0)


def grid(rows: int, columns: int) -> tuple[Figure, NDArray]:
    size = (figures.WIDTH, (figures.WIDTH / columns + 0.3) * rows)
    return plt.subplots(rows, columns, figsize=size, squeeze=False)


def scatter(runs: ArmRuns, pair: Comparison, most: int = 5) -> Figure:
    """Figure 1: what networks trained alike predict for one test face, without STAR above and with
    it below: the curves of its labels, a point of its cheek and the corner of its eye; and the
    heatmaps of such points by the network that comes with the project, on a photograph that may be
    shown. The face is the one whose predictions spread as much as in the median without STAR."""
    arms = [arm for arm in (pair.without, pair.with_) if len(runs.get(arm, {})) > 1]
    if len(arms) < 2:
        return figures.nothing()
    run = next(iter(runs[arms[0]].values()))
    if not {"contour", "eye corners"} <= run.scheme.regions.keys():
        return figures.nothing("no contour or no eye among these landmarks")
    seeds = {arm: sorted(runs[arm])[:most] for arm in arms}
    points = {a: np.stack([runs[a][s].landmarks()["predicted"] for s in seeds[a]]) for a in arms}
    spread = point_spread(points[arms[0]]).mean(1)
    number = int(np.argsort(spread)[len(spread) // 2])
    labels, scheme = run.landmarks()["target"][number], run.scheme
    zooms = _two_points(scheme)
    figure, rows = grid(3, 1 + len(zooms))
    data = [landmark_rows(labels, arm="labels", seed="", face=number)]
    for title, axes in zip(("a face", *zooms), rows[0], strict=True):
        axes.set_title(title, fontsize=10)
    for arm, row in zip(arms, rows, strict=False):
        found = points[arm][:, number]
        for axes in row:
            for edge, closed in scheme.edges:
                axes.plot(*labels[[*edge, *edge[: int(closed)]]].T, color="0.7", lw=1)
            axes.set(aspect="equal", xlim=(-1, 1), ylim=(1, -1), xticks=[], yticks=[])
        for index, (seed, one) in enumerate(zip(seeds[arm], found, strict=True)):
            data.append(landmark_rows(one, arm=label(arm), seed=seed, face=number))
            look = figures.style(index, "marker", "color") | {"mec": "none", "ls": ""}
            row[0].plot(*one.T, ms=1.6, **look)
            for axes, point in zip(row[1:], zooms.values(), strict=True):
                middle = found[:, point].mean(0)
                near = np.flatnonzero(np.abs(one - middle).max(-1) < ZOOM)
                [mark] = axes.plot(*one[near].T, ms=6, **look)
                figures.hover(mark, (f"{label(arm)}, seed {seed}, landmark {n}" for n in near))
        row[0].set_ylabel(f"{len(found)} networks, {label(arm)}", fontsize=9)
        for axes, point in zip(row[1:], zooms.values(), strict=True):
            axes.plot(*found.mean(0).T, "+", color="black", ms=12, mew=1.5)
            _zoom(axes, found[:, point].mean(0), ZOOM)
    _draw_heatmaps(rows[2])
    return figures.done(figure, pd.concat(data), pad=0.4)


def _two_points(scheme: Scheme) -> dict[str, int]:
    """A landmark of each kind, by what the figure calls it."""
    contour = scheme.region("contour")
    corner = scheme.region("eye corners")[0]
    return {"a point of the cheek": contour[len(contour) // 4], "the corner of the eye": corner}


ZOOM = 0.12  # half of the side that is seen, in [-1, 1] of the crop


def _zoom(axes: Axes, middle: NDArray, half: float) -> None:
    x, y = middle
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half))


def _draw_heatmaps(row: Sequence[Axes]) -> None:
    """The second row of Figure 1: two heatmaps of the shipped network on the photograph."""
    detector, picture, found = _locate_on_photograph()
    points = list(_two_points(detector.scheme).values())
    crops = torch.tensor(detector.cut(picture, found.boxes[0])[None])
    images = view(crops, detector.image_size)
    with torch.inference_mode():
        maps = detector.network(images)[2][0].numpy()
    left, top, side = found.boxes[0]
    x, y = (int(value - 0.1 * side) for value in (left, top))
    grey = picture.convert("L").crop((x, y, int(left + 1.1 * side), int(top + 1.1 * side)))
    w, h = grey.size
    for axes, chosen in zip(row, (points, *([point] for point in points)), strict=True):
        axes.imshow(grey, cmap="gray", extent=(x, x + w, y + h, y), alpha=0.6)
        heat = np.sum([maps[point] / maps[point].max() for point in chosen], axis=0)
        place = (left, left + side, top + side, top)
        axes.imshow(heat, "Oranges", extent=place, alpha=np.clip(heat, 0, 1), interpolation="none")
        axes.set(xticks=[], yticks=[])
        whole = len(chosen) > 1
        middle = np.array([left, top]) + side / 2 if whole else found.landmarks[0, chosen[0]]
        _zoom(axes, middle, side * (0.55 if whole else 0.2))
    row[0].set_ylabel("heatmaps of one network", fontsize=9)


def _locate_on_photograph() -> tuple[Detector, Image.Image, Located]:
    """A network that comes with the project, NASA's portrait of the astronaut Eileen Collins, which
    is in the public domain, and what the network finds in it."""
    detector = load_detector(weights_path(DEFAULT))
    picture = Image.open(PHOTOGRAPH).convert("RGB")
    left, top, right, bottom = FACE_BOX
    side = max(right - left, bottom - top)
    square = np.array([[(left + right - side) / 2, (top + bottom - side) / 2, side]])
    return detector, picture, locate(detector, [picture], square)


def photograph() -> Figure:
    """The heatmaps' ellipses of a network that comes with the project on a photograph, two standard
    deviations, calibrated on held-out faces."""
    _, picture, found = _locate_on_photograph()
    figure, axes = plt.subplots(figsize=(figures.WIDTH, figures.WIDTH))
    axes.imshow(picture)
    axes.axis("off")
    left, top, side = found.boxes[0]
    _zoom(axes, np.array([left + side / 2, top + side / 2]), 0.6 * side)
    points, covariance = found.landmarks[0], None
    axes.plot(*points.T, ".", color="white", ms=3)
    if found.covariance is not None:
        covariance = found.covariance[0]
        figures.add_ellipses(axes, points, covariance, color=figures.WITH, lw=1.2)
        for number, patch in enumerate(axes.patches):
            figures.hover(patch, [f"landmark {number}"])
    return figures.done(figure, landmark_rows(points, covariance, "pixels"), pad=0.3)


def failures(runs: ArmRuns, pair: Comparison, gain: int = 2, lose: int = 1) -> Figure:
    """Figure 5: the rendered test faces that gain most from STAR and those that lose most, by the
    error against the truth in the mean over the seeds; without STAR above, with it below.

    Lines lead from the true landmarks to the predictions of the first seed; a ring is where the two
    networks differ most.
    """
    both = [runs.get(arm, {}) for arm in (pair.without, pair.with_)]
    if not all(both):
        return figures.nothing()
    means = [error_matrix(found, against="clean").mean(0) for found in both]
    order = np.argsort(means[1] - means[0])
    first = [found[min(found)] for found in both]
    truth = first[0].landmarks()["clean"]
    figure, rows = grid(2, gain + lose)
    data = []
    for column, number in zip(rows.T, [*order[:gain], *order[::-1][:lose]], strict=True):
        data.append(landmark_rows(truth[number], face=number, arm="truth"))
        errors = [100 * point_errors(run, "clean")[number] for run in first]
        ring = truth[number][np.argmax(np.abs(errors[0] - errors[1]))]
        series = zip(column, (pair.without, pair.with_), first, means, errors, strict=True)
        for axes, arm, run, nmes, lengths in series:
            points = run.landmarks()["predicted"][number]
            title = f"{label(arm)}: {percent(nmes[number], 1).text} %"
            figures.show_face(axes, face(int(number)), title)
            axes.title.set_fontsize(10)
            colour = figures.WITHOUT if arm == pair.without else figures.WITH
            lines = np.stack((truth[number], points), 1)
            drawn = axes.add_collection(LineCollection(list(lines), color=colour, lw=1.8))
            figures.hover(drawn, (f"landmark {n}: {v:.1f} %" for n, v in enumerate(lengths)))
            axes.plot(*truth[number].T, ".", color="white", ms=2)
            axes.plot(*ring, "o", mfc="none", mec="yellow", ms=22, mew=1.5)
            rows_of_arm = landmark_rows(points, face=number, arm=label(arm))
            data.append(rows_of_arm.assign(**{"NME of the face (%)": 100 * nmes[number]}))
    return figures.done(figure, pd.concat(data), pad=0.4)


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
