"""Three people's labels of LFPW's faces beside the heatmaps of networks trained on 300-W."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from companion.evidence import annotators as people
from companion.evidence.annotators import Agreement
from companion.exhibits import cells
from companion.exhibits.figures import COLOURS, add_ellipses, done, hover, nothing, panels
from companion.exhibits.tables import label
from companion.experiments.records import ArmRuns
from starlib.data import load_dataset
from starlib.data.crops import VIEW_MARGIN, landmark_boxes
from starlib.data.lfpw_annotators import POINTS
from starlib.files import atomically
from starlib.runs.records import Run

NAME = "lfpw_scatter.npz"
# Point of 300-W -> the same of LFPW's 35. Those between the brow's ends are each its highest.
SAME = {
    8: "chin", 17: "left_eyebrow_out", 19: "left_eyebrow_center_top", 21: "left_eyebrow_in",
    22: "right_eyebrow_in", 24: "right_eyebrow_center_top", 26: "right_eyebrow_out",
    30: "nose_center_top", 31: "left_nose_out", 33: "nose_center_bottom", 35: "right_nose_out",
    36: "left_eye_out", 39: "left_eye_in", 42: "right_eye_in", 45: "right_eye_out",
    48: "left_mouth_out", 51: "mouth_center_top_lip_top", 54: "right_mouth_out",
    57: "mouth_center_bottom_lip_bottom", 62: "mouth_center_top_lip_bottom",
    66: "mouth_center_bottom_lip_top",
}  # fmt: skip
OUTER = (36, 45)  # eye corners of 300-W, on the picture's left and right
SIDE = 96  # pixels of a face's view, in which edges are measured
BLUR, WINDOW = 1.0, 3.0  # pixels: before the gradient, and around a point


def measure(data_root: Path | str | None = None) -> dict[str, NDArray]:
    """What `save` keeps, from the pictures and both lists of labels.

    faces: [F] places in the test faces of 300-W. people: [F, 3, 21, 2] around their average in the
    face's frame, NaN where one did not mark a point. edges: structure tensors [F, 21, 2, 2] of the
    picture at the points of 300-W, in the face's frame.
    """
    marked, faces = (load_dataset(n, "test", data_root) for n in ("lfpw-annotators", "300w"))
    place = {name: number for number, name in enumerate(faces.names)}
    places = np.array([place[name] for name in marked.names])
    columns = [POINTS.index(name) for name in SAME.values()]
    corners = [POINTS.index(SAME[corner]) for corner in OUTER]
    left, right = (marked.landmarks[:, corner].astype(np.float64) for corner in corners)
    frame = people.rotation_to_frame(left, right)
    assert marked.annotators is not None  # what this data set is for
    points = marked.annotators[:, :, columns].astype(np.float64)
    off = points - marked.landmarks[:, None, columns]
    tensors = [_edges(faces.read(n), faces.landmarks[n]) for n in places]
    turned = frame / np.sqrt(np.linalg.det(frame))[:, None, None]
    return {
        "faces": places,
        "people": np.einsum("fij,fanj->fani", frame, off).astype(np.float32),
        "edges": people.to_frame(np.stack(tensors), turned).astype(np.float32),
    }


def _edges(picture: object, landmarks: NDArray) -> NDArray:
    """Structure tensors [21, 2, 2] of a picture at its landmarks, at the scale of a view."""
    grey = np.asarray(picture.convert("L"), np.float64)  # type: ignore[attr-defined]
    [box] = landmark_boxes(landmarks[None], VIEW_MARGIN)
    scale = max(box[2:]) / SIDE  # pixels of the picture in one of the view
    down, right = (ndimage.gaussian_filter(grey, BLUR * scale, order=o) for o in ((1, 0), (0, 1)))
    products = (right * right, right * down, down * down)
    kept = [ndimage.gaussian_filter(product, WINDOW * scale) for product in products]
    x, y = (landmarks[list(SAME)] - 0.5).T
    xx, xy, yy = (ndimage.map_coordinates(p, [y, x], order=1, mode="nearest") for p in kept)
    return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)


def save(measured: Mapping[str, NDArray], results: Path) -> Path:
    """Write what `measure` returned to results/analyses/: coordinates and numbers, no pictures."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **measured)  # type: ignore[arg-type]
    path = results / "analyses" / NAME
    atomically(path, lambda partial: partial.write_bytes(buffer.getvalue()))
    return path


def load(results: Path) -> dict[str, NDArray] | None:
    """What `save` wrote, or None."""
    path = results / "analyses" / NAME
    if not path.is_file():
        return None
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def heatmaps(run: Run, faces: NDArray) -> NDArray | None:
    """Covariances [F, 21, 2, 2] of a run's heatmaps at the shared points of these test faces, in
    the face's frame; None where the record has not all of them."""
    arrays = run.landmarks()
    covariance = arrays.get("covariance")
    if covariance is None or len(covariance) <= faces.max():
        return None
    target = arrays["target"][faces].astype(np.float64)
    frame = people.rotation_to_frame(*(target[:, corner] for corner in OUTER))
    return people.to_frame(covariance[faces][:, list(SAME)].astype(np.float64), frame)


def agreements(runs: ArmRuns, measured: Mapping[str, NDArray]) -> dict[str, Agreement]:
    """Arm -> agreement of its heatmaps, averaged over seeds, with people; first the edges of the
    picture."""
    squares, freedom = people.scatter(measured["people"].astype(np.float64))
    edges = people.edge_covariance(measured["edges"].astype(np.float64))
    edges /= np.trace(edges, axis1=-2, axis2=-1)[..., None, None]
    compared = {"edges of the picture": edges}
    for arm, by_seed in runs.items():
        kept = [heatmaps(run, measured["faces"]) for run in by_seed.values()]
        if known := [covariance for covariance in kept if covariance is not None]:
            compared[label(arm)] = np.mean(known, 0)
    return {name: people.agreement(squares, freedom, c) for name, c in compared.items()}


def table(found: Mapping[str, Agreement]) -> pd.DataFrame:
    """Angle to the axes of people's scatter, and rank correlations over points, by network."""

    def cell(values: tuple[float, float, float], digits: int) -> cells.Cell:
        value, low, high = (f"{v:.{digits}f}" for v in values)
        numbers = dict(zip(("", *cells.LIMITS), values, strict=True))
        return cells.Cell(f"{value} [{low}, {high}]", numbers)

    return cells.table_of(
        [
            {
                "axes from": name,
                "angle to people's (°) [95 %]": cell(one.angle, 1),
                "rank correlation of ratios [95 %]": cell(one.ratios, 2),
                "of areas [95 %]": cell(one.areas, 2),
            }
            for name, one in found.items()
        ],
        "axes from",
    )


def figure(runs: ArmRuns, measured: Mapping[str, NDArray] | None) -> Figure:
    """Ellipses at the mean face's points: people's scatter, four standard deviations, and each
    network's heatmaps, scaled to the same mean area."""
    if measured is None:
        return nothing("not measured")
    squares, freedom = people.scatter(measured["people"].astype(np.float64))
    shown = {"three people": people.pooled(squares, freedom)}
    first = None
    for arm, by_seed in runs.items():
        for run in by_seed.values():
            covariance = heatmaps(run, measured["faces"])
            if covariance is not None and label(arm) not in shown:
                shown[label(arm)] = covariance.mean(0)
                first = first or run
    if first is None:
        return nothing("no run keeps the covariances of all test faces")
    target = first.landmarks()["target"][measured["faces"]].astype(np.float64)
    frame = people.rotation_to_frame(*(target[:, corner] for corner in OUTER))
    middle = target[:, list(OUTER)].mean(1, keepdims=True)
    face = np.einsum("fij,fnj->fni", frame, target - middle).mean(0)
    drawing, row = panels(len(shown), height=3.0, share=False)
    size = np.linalg.det(shown["three people"]).mean() ** 0.25
    data = []
    for axes, (name, covariance), colour in zip(row, shown.items(), COLOURS, strict=False):
        axes.plot(*face.T, ".", color="0.6", ms=2)
        scale = size / np.linalg.det(covariance).mean() ** 0.25
        add_ellipses(axes, face[list(SAME)], covariance * scale**2, color=colour)
        for patch, point in zip(axes.patches, SAME.values(), strict=True):
            hover(patch, [f"{name}: {point.replace('_', ' ')}"])
        axes.set(title=name, aspect="equal")
        axes.invert_yaxis()
        axes.axis("off")
        columns = {"xx": covariance[:, 0, 0], "xy": covariance[:, 0, 1], "yy": covariance[:, 1, 1]}
        unit = {f"{key} (outer-eye distance²)": values for key, values in columns.items()}
        data.append(pd.DataFrame({"labels from": name, "point": list(SAME), **unit}))
    return done(drawing, pd.concat(data))
