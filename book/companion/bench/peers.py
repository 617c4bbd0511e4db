"""Networks that come with the project beside dlib's 68-point predictor and MediaPipe's face mesh.

All see the same pictures as a user's: each tool looks for the faces itself. `compare` keeps the
error of each face that a tool finds, from which `summary` and `markdown` make numbers and a table.
Times are the process's CPU time, to which other programs add nothing but what they take from the
caches: what a face would take on one thread.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from starlib.data import FaceSet
from starlib.data.face_boxes import face_boxes
from starlib.data.faces import extent
from starlib.inference.detector import load_detector
from starlib.inference.faces import locate_faces
from starlib.inference.shipped import shipped, shipped_names
from starlib.metrics import point_errors

DATASET, SCHEME = "wflw-68", "300w"
DLIB, MEDIAPIPE = "dlib", "MediaPipe"
# What `pip install` brings each, with its weights: MediaPipe's later versions come without.
PACKAGES = {DLIB: ("dlib-bin", "face_recognition_models"), MEDIAPIPE: ("mediapipe==0.10.21",)}
# MediaPipe's vertices at 300-W's 68 points: contour, brows, nose, eyes, outer and inner lips.
VERTICES = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)
INNER = slice(17, 68)  # points inside the contour
DRAWS = 2000  # of the bootstrap
FILE = "peers.json"  # in results/

Points = Callable[[], NDArray]
Found = list[tuple[NDArray, Points]]  # each face's centre [2] in pixels, and its landmarks [68, 2]


class Tool(NamedTuple):
    """A tool as a user has it. find: a picture -> its faces."""

    name: str
    version: str
    find: Callable[[Image.Image], Found]


def ours(name: str) -> Tool:
    """A network that comes with the project, as `starlib.predict` uses it."""
    known = shipped(name)
    assert known is not None
    detector = load_detector(known.path)

    def find(picture: Image.Image) -> Found:
        def points(box: NDArray) -> NDArray:
            return locate_faces(detector, picture, [box.tolist()])[0].landmarks

        boxes = face_boxes(picture, detector.scheme)[0]
        return [((b[:2] + b[2:]) / 2, partial(points, b)) for b in boxes]

    return Tool(name, known.path.name, find)


def dlib_tool() -> Tool:
    """dlib's detector, the picture doubled once as in its examples, and its predictor of 2014."""
    import dlib

    [folder] = importlib.util.find_spec("face_recognition_models").submodule_search_locations  # type: ignore[union-attr, misc]
    weights = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
    detector, predictor = dlib.get_frontal_face_detector(), dlib.shape_predictor(str(weights))

    def find(picture: Image.Image) -> Found:
        pixels = np.asarray(picture)

        def points(box: Any) -> NDArray:  # pixels are counted from the first one's centre
            return np.array([(p.x, p.y) for p in predictor(pixels, box).parts()]) + 0.5

        faces = list(detector(pixels, 1))
        return [(np.array((b.center().x, b.center().y)), partial(points, b)) for b in faces]

    return Tool(DLIB, dlib.__version__, find)


def mediapipe_tool() -> Tool:
    """MediaPipe's face mesh with its attention to lips and eyes, at most ten faces a picture."""
    import mediapipe

    options = {"static_image_mode": True, "max_num_faces": 10, "refine_landmarks": True}
    mesh = mediapipe.solutions.face_mesh.FaceMesh(**options)

    def find(picture: Image.Image) -> Found:
        found = mesh.process(np.asarray(picture)).multi_face_landmarks or []
        faces = [np.array([(p.x, p.y) for p in face.landmark]) * picture.size for face in found]
        points = [face[list(VERTICES)] for face in faces]
        return [((p.min(0) + p.max(0)) / 2, partial(np.asarray, p)) for p in points]

    return Tool(MEDIAPIPE, mediapipe.__version__, find)


def tools() -> tuple[list[Tool], list[str]]:
    """The tools that are installed, ours first; and a line for each that is missing."""
    found = [ours(name) for name in shipped_names() if name.startswith(SCHEME)]
    missing = []
    for name, make in {DLIB: dlib_tool, MEDIAPIPE: mediapipe_tool}.items():
        try:
            found.append(make())
        except (ImportError, AttributeError, RuntimeError) as error:
            packages = " ".join(PACKAGES[name])
            missing.append(f"{name} is left out ({error}): pip install {packages}")
    return found, missing


def compare(given: Sequence[Tool], faces: FaceSet, report: Callable[[], object]) -> dict[str, Any]:
    """NME [F] of each tool on the faces (None where it finds none whose centre is nearer to the
    labels' than half their box), of all points and of those inside the contour; and its median CPU
    time in milliseconds of finding faces in a picture and of locating one."""
    record: dict[str, Any] = {t.name: {"version": t.version, "nme": [], "inner": []} for t in given}
    times: dict[tuple[str, str], list[float]] = {}
    for index in range(len(faces)):
        picture, target = faces.read(index), faces.landmarks[index].astype(np.float64)
        low, high = extent(target)
        for tool in given:
            started = time.process_time()
            found = tool.find(picture)
            times.setdefault((tool.name, "find"), []).append(time.process_time() - started)
            apart = [float(np.linalg.norm(c - (low + high) / 2)) for c, _ in found]
            errors: dict[str, float | None] = {"nme": None, "inner": None}
            if apart and min(apart) < (high - low).max() / 2:
                started = time.process_time()
                points = found[int(np.argmin(apart))][1]()
                times.setdefault((tool.name, "points"), []).append(time.process_time() - started)
                each = point_errors(points[None], target[None], SCHEME)[0]
                errors = {"nme": round(each.mean(), 5), "inner": round(each[INNER].mean(), 5)}
            for kind, value in errors.items():
                record[tool.name][kind].append(value)
        report()
    for (name, part), seconds in times.items():
        record[name][f"{part}_ms"] = round(1000 * float(np.median(seconds)), 1)
    return {"dataset": faces.dataset, "faces": len(faces), "tools": record}


def summary(record: dict[str, Any], kind: str = "nme") -> dict[str, dict[str, Any]]:
    """By tool how many faces are "found"; "median" and "p90" of its NME, for all but our first
    network on the "both" faces that this one finds too, with this one's numbers there as "ours";
    and of its NME minus ours the mean, "worse", and the median, "worse median", with the 95 %
    bootstrap interval over faces."""
    from scipy.stats import bootstrap

    errors = {n: np.array(t[kind], np.float64) for n, t in record["tools"].items()}
    first, *_ = errors.values()
    rows: dict[str, dict[str, Any]] = {}
    for name, values in errors.items():
        both = ~np.isnan(values + first)
        pair = {"": values[both], "ours ": first[both]}
        row: dict[str, Any] = {"found": int((~np.isnan(values)).sum()), "both": int(both.sum())}
        for who, known in pair.items() if len(pair[""]) else ():
            row |= {f"{who}median": float(np.median(known))}
            row |= {f"{who}p90": float(np.quantile(known, 0.9))}
        if values is not first and both.sum() > 1:
            difference = pair[""] - pair["ours "]
            means: dict[str, Any] = {"worse": np.mean, "worse median": np.median}
            for key, mean in means.items():
                how: Any = {"n_resamples": DRAWS, "method": "percentile"}
                drawn = bootstrap((difference,), mean, rng=np.random.default_rng(0), **how)
                row[key] = (float(mean(difference)), *map(float, drawn.confidence_interval))
        rows[name] = row
    return rows


def markdown(record: dict[str, Any]) -> str:
    """The table of a record of `compare`, in percent and milliseconds."""

    def percents(values: Sequence[float]) -> list[str]:
        return [f"{100 * value:.2f}" for value in values]

    inner, first = summary(record, "inner"), next(iter(record["tools"]))
    heads = ["tool", f"found of {record['faces']}", "NME: median", "p90"]
    heads += [f"`{first}` there: median", "p90", "NME minus ours: mean", "median"]
    heads += ["no contour: mean", "ms to find faces", "ms a face"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in summary(record).items():
        cells = [f"`{name}`" if name == first else name, str(row["found"])]
        keys = ("median", "p90", "ours median", "ours p90")
        cells += percents([row[key] for key in keys if key in row])
        if name == first:
            cells[4:] = ["", ""]
        for rows, key in ((row, "worse"), (row, "worse median"), (inner[name], "worse")):
            mean, low, high = percents(rows[key]) if key in rows else ("", "", "")
            cells.append(f"{mean} [{low}, {high}]" if mean else "")
        times = (record["tools"][name].get(f"{part}_ms", 0) for part in ("find", "points"))
        cells += [f"{ms:.0f}" if ms >= 0.5 else "" for ms in times]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
