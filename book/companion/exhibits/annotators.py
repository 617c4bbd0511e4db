"""Several people's labels of LFPW's faces and of cephalograms, beside the heatmaps of networks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

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
from companion.experiments.experiment import star_pairs
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from starlib.data import cephalo, load_dataset
from starlib.data.crops import VIEW_MARGIN, landmark_boxes
from starlib.data.lfpw_annotators import POINTS
from starlib.runs.predictions import read_arrays, save_arrays
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
# Those of SAME in WFLW's 98 points, which rendered faces have
SAME_98 = (
    16, 33, 35, 37, 42, 44, 46, 54, 55, 57, 59, 60, 64, 68, 72, 76, 79, 82, 85, 90, 94,
)  # fmt: skip
POINTS_OF = {"300w": tuple(SAME), "wflw": SAME_98}
SIDE = 96  # pixels of a face's view, in which edges are measured
BLUR, WINDOW = 1.0, 3.0  # pixels: before the gradient, and around a point


def measure(data_root: Path | str | None = None) -> dict[str, NDArray]:
    """What `save` keeps, from the pictures and both lists of labels.

    faces: [F] places in the test faces of 300-W. people: [F, 3, 21, 2] around their average in the
    face's frame, NaN where one did not mark a point. edges: structure tensors [F, 21, 2, 2] of the
    picture at the points of 300-W, in the face's frame. films: [100, 11, 5, 2] by eleven people
    around their mean, in mm.
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
    films = load_dataset("cephalo", "test", data_root).annotators
    assert films is not None
    five = cephalo.MM_PER_PIXEL * films[:, :, cephalo.FIVE].astype(np.float64)
    return {
        "faces": places,
        "films": (five - five.mean(1, keepdims=True)).astype(np.float32),
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
    path = results / "analyses" / NAME
    save_arrays(path, dict(measured))
    return path


def load(results: Path) -> dict[str, NDArray] | None:
    """What `save` wrote, or None."""
    path = results / "analyses" / NAME
    return read_arrays(path) if path.is_file() else None


def heatmaps(run: Run, faces: NDArray) -> NDArray | None:
    """Covariances [F, 21, 2, 2] of a run's heatmaps at the shared points, in the face's frame: of
    these test faces, or, where its record has those of the first test faces alone, of these. None
    where it has none."""
    arrays = run.landmarks()
    if "covariance" not in arrays:
        return None
    if faces.max() >= len(arrays["covariance"]):
        faces = np.arange(len(arrays["covariance"]))
    points = list(POINTS_OF[run.scheme.name])
    covariance = arrays["covariance"][faces][:, points].astype(np.float64)
    return people.to_frame(covariance, _frame(run, arrays["target"][faces])[0])


def _frame(run: Run, target: NDArray) -> tuple[NDArray, NDArray]:
    """The frames [F, 2, 2] of faces, and their landmarks there around the middle of the eyes."""
    target = target.astype(np.float64)
    left, right = (target[:, list(ends)].mean(1) for ends in run.scheme.normaliser)
    frame = people.rotation_to_frame(left, right)
    middle = (left + right)[:, None] / 2
    return frame, np.einsum("fij,fnj->fni", frame, target - middle)


def covariances(runs: ArmRuns, faces: NDArray) -> dict[str, NDArray]:
    """Arm -> `heatmaps`, averaged over those of its runs that have them."""
    kept = {
        arm: [c for run in by_seed.values() if (c := heatmaps(run, faces)) is not None]
        for arm, by_seed in runs.items()
    }
    return {label(arm): np.mean(found, 0) for arm, found in kept.items() if found}


PAIRS = tuple(star_pairs(("smooth_l1", "l2")))
TRICKS = tuple(star_pairs(("smooth_l1", "l2"), dr=True) | star_pairs(("smooth_l1", "l2"), aam=True))
EXACT = ", rendered faces without label noise"
# Experiment, data set, scale, arms (all if there are none), and what follows their names
NETWORKS: tuple[tuple[str, str, str, Sequence[str], str], ...] = (
    ("noise", "synthface-0", "reduced", PAIRS, EXACT),
    ("compare_luvli", "300w", "reduced", (), ""),
    ("ablation_distance", "300w", "reduced", TRICKS, ""),
    ("ablation_distance", "300w", "long", PAIRS, ", scale long"),
)
SMOOTH_L1 = {"baseline": "smooth-l1", "STAR": "STAR smooth-l1"}


def networks(records: Records, faces: NDArray) -> dict[str, NDArray]:
    """Name -> `covariances` of every kind of network that keeps them."""
    found: dict[str, NDArray] = {}
    for name, dataset, scale, arms, after in NETWORKS:
        runs = records.arm_runs(EXPERIMENTS[name], dataset, scale, arms=arms or None)
        kept = covariances(runs, faces).items()
        found |= {SMOOTH_L1.get(arm, arm) + after: covariance for arm, covariance in kept}
    return found


def agreements(
    networks: Mapping[str, NDArray], measured: Mapping[str, NDArray]
) -> dict[str, Agreement]:
    """Network -> agreement of its heatmaps' `covariances` with people; first chance and the edges
    of the picture."""
    squares, freedom = people.scatter(measured["people"].astype(np.float64))
    edges = people.edge_covariance(measured["edges"].astype(np.float64))
    edges /= np.trace(edges, axis1=-2, axis2=-1)[..., None, None]
    compared = {"edges of the picture": edges, **networks}
    found = {name: people.agreement(squares, freedom, c) for name, c in compared.items()}
    return {"random axes": people.chance(squares.shape[1]), **found}


def table(found: Mapping[str, Agreement]) -> pd.DataFrame:
    """Angle to the axes of people's scatter, by how much that is smaller than without STAR loss,
    and rank correlations over points, by network."""
    rows = []
    for name, one in found.items():
        row: dict[str, object] = {"axes from": name}
        row["angle to people's (°) [95 %]"] = cells.bracketed(one.angle, ".1f")
        plain = found.get(name.replace("STAR ", ""), one)
        gained = cells.bracketed(people.closer(one, plain), ".1f") if plain is not one else ""
        row["closer by STAR (°) [95 %]"] = gained
        row["rank correlation of ratios [95 %]"] = cells.bracketed(one.ratios, ".2f")
        rows.append(row | {"of areas [95 %]": cells.bracketed(one.areas, ".2f")})
    return cells.table_of(rows, "axes from")


def scatter_table(
    points: NDArray, names: Sequence[str], unit: str, factor: float = 1
) -> pd.DataFrame:
    """People's scatter [F, A, N, 2] by point: standard deviations along and across its long axis,
    their ratio with its interval over faces, and the axis's angle to the horizontal."""
    drawn = people.resampled(*people.scatter(points.astype(np.float64)))
    ratios, (x, y) = people.ratio(drawn), people.long_axis(drawn[0]).T
    rows = []
    for n, (along, across) in enumerate(factor * people.deviations(drawn[0])):
        ratio = (float(ratios[0, n]), *people.limits(ratios[1:, n]))
        rows.append(
            {
                "point": names[n].replace("_", " "),
                f"along ({unit})": cells.number(along),
                f"across ({unit})": cells.number(across),
                "along / across [95 %]": cells.bracketed(ratio, ".2f"),
                "axis (°)": cells.number(float(np.degrees(np.arctan2(-y[n], x[n])) % 180), 0),
            }
        )
    return cells.table_of(rows, "point")


def figure(
    records: Records,
    networks: Mapping[str, NDArray],
    measured: Mapping[str, NDArray],
    shown: Sequence[str],
) -> Figure:
    """Ellipses at the mean face's points: people's scatter, four standard deviations, and the
    heatmaps of some networks, scaled to the same mean area."""
    scattered = people.resampled(*people.scatter(measured["people"].astype(np.float64)))[0]
    drawn = {n: networks[n].mean(0) for n in shown if n in networks}
    run = next((run for run in records.runs if run.config.dataset == "300w"), None)
    if run is None or not drawn:
        return nothing("no run keeps the covariances of its heatmaps")
    face = _frame(run, run.landmarks()["target"][measured["faces"]])[1].mean(0)
    drawing, row = panels(1 + len(drawn), height=3.0, share=False)
    size = np.linalg.det(scattered).mean() ** 0.25
    data = []
    every = {"three people": scattered, **drawn}
    for axes, (name, covariance), colour in zip(row, every.items(), COLOURS, strict=False):
        axes.plot(*face.T, ".", color="0.6", ms=2)
        scale = size / np.linalg.det(covariance).mean() ** 0.25
        add_ellipses(axes, face[list(SAME)], covariance * scale**2, color=colour)
        for patch, point in zip(axes.patches, SAME.values(), strict=True):
            hover(patch, [f"{name}: {point.replace('_', ' ')}"])
        axes.set(title=fill(name, 24), aspect="equal")
        axes.invert_yaxis()
        axes.axis("off")
        columns = {"xx": covariance[:, 0, 0], "xy": covariance[:, 0, 1], "yy": covariance[:, 1, 1]}
        unit = {f"{key} (outer-eye distance²)": values for key, values in columns.items()}
        data.append(pd.DataFrame({"labels from": name, "point": list(SAME), **unit}))
    return done(drawing, pd.concat(data))
