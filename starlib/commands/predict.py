"""python -m starlib predict: landmarks of the faces in photos and videos."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from starlib.data.face_boxes import face_boxes, reach_doubt
from starlib.data.faces import DataError
from starlib.devices import AUTO
from starlib.files import atomically
from starlib.inference.detector import Detector, load_detector
from starlib.inference.drawing import draw_faces
from starlib.inference.locate import locate
from starlib.inference.pictures import Picture, Source, pictures, sources
from starlib.inference.results import listed_name, picture_record, table_header, table_rows
from starlib.inference.shipped import DEFAULT, shipped, shipped_names, weights_path
from starlib.schemes import SCHEMES

FORMATS = ("json", "png", "csv")
TABLE = "predictions.csv"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", nargs="+", help='pictures, videos, folders of them, or patterns such as "*.jpg"'
    )
    parser.add_argument(
        "--weights",
        default=DEFAULT,
        help=f"{', '.join(shipped_names())}: networks that come with the project, default "
        f"{DEFAULT}; or a file: the authors' .pkl, results/weights/<hash>.pt of a run",
    )
    meanings = "; ".join(f"{s.name}: {s.face_box[0]}" for s in SCHEMES.values() if s.face_box)
    parser.add_argument(
        "--box",
        nargs=4,
        type=float,
        metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
        help="the face in the one photo, in pixels, instead of looking for faces. It reaches "
        f"around what the scheme's points do: {meanings}; a scheme of your own: all its points",
    )
    parser.add_argument("--every", type=int, default=10, help="n-th frames of videos, default 10")
    parser.add_argument(
        "--passes",
        type=int,
        default=3,
        help="from the second on, the crop is cut around the landmarks of the last; default 3",
    )
    parser.add_argument(
        "--flip-average", action="store_true", help="average with the mirror image, twice the time"
    )
    parser.add_argument(
        "--format", nargs="+", choices=FORMATS, default=["json", "png"], help="default json png"
    )
    parser.add_argument("--out", default="predictions", help="folder, default predictions/")
    parser.add_argument("--scheme", help="of released weights, default by their number of points")
    parser.add_argument("--ema", action="store_true", help="the averaged weights of the authors")
    parser.add_argument(
        "--device", default=AUTO, help="cpu, cuda, …; default a GPU where there is one"
    )
    parser.set_defaults(do=_predict)


def _predict(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    out, given = Path(options.out), sources(options.photos)
    _check(given, options, out)
    path = weights_path(options.weights)
    detector = load_detector(path, options.scheme, options.ema, options.device)
    about: dict[str, Any] = {"weights": path.name, "flip_average": options.flip_average}
    if known := shipped(options.weights):
        print(f"weights {known.name}: {known.use}")
        about["use"] = known.use
    own = options.box is None and detector.scheme.face_box is None
    if own and (doubt := reach_doubt(detector.reach)):
        print(f"warning: {options.weights}: {doubt}", file=sys.stderr)
    failed = False
    rows: list[list[Any]] = []
    with tqdm(given, unit="file", disable=None) as bar:
        for source in bar:
            messages, found = _predict_source(source, detector, options, out, about, rows)
            for message in messages:
                tqdm.write(f"error: {message}", file=sys.stderr)
                failed = True
            if found:
                tqdm.write(f"{source.path}: {found}")
    if "csv" in options.format and rows:
        _write_table(out / TABLE, table_header(detector.scheme), rows)
    return 2 if failed else 0


def _predict_source(
    source: Source,
    detector: Detector,
    options: argparse.Namespace,
    out: Path,
    about: dict[str, Any],
    rows: list[list[Any]],
) -> tuple[list[str], str]:
    """What is wrong with a file's pictures, and a line on what was found in them; what there is to
    write is written, and rows of the table are added."""
    frames = faces = 0
    try:
        for picture in pictures(source, options.every):
            frames += 1
            record, drawn = _predict_picture(picture, detector, options, about)
            faces += len(record["faces"])
            if record["faces"]:
                _write(picture, record, drawn, options.format, out)
                name = listed_name(source.path, out) if picture.frame is None else picture.name
                rows.extend(table_rows(record, name))
    except DataError as error:
        return error.problems, ""
    if not faces:
        where = f"in any of {frames} frames" if source.video else "in it"
        return [
            f"{source.path}: expected a face, none was found {where}; --box says where it is"
        ], ""
    count = f"{faces} face{'s' * (faces > 1)}" + (f" in {frames} frames" if source.video else "")
    return [], f"{count} of {detector.scheme.points} points, {out / source.name}"


def _predict_picture(
    picture: Picture, detector: Detector, options: argparse.Namespace, about: dict[str, Any]
) -> tuple[dict[str, Any], Image.Image | None]:
    """The record of a picture, without faces if there are none; and the drawing if it is wanted."""
    faces: list[tuple[list[float], float | None]]
    if options.box is not None:
        _check_inside(options.box, picture)
        faces = [(options.box, None)]
    else:
        reach = detector.reach.get("shares")
        how = {} if reach is None else {"shares": reach}
        found, confidence = face_boxes(picture.image, detector.scheme, **how)
        faces = list(zip(found.tolist(), confidence.tolist(), strict=True))
    if not faces:
        return {"faces": []}, None
    corners = np.array([face for face, _ in faces]).reshape(-1, 2, 2)
    images = [picture.image] * len(faces)
    boxes = detector.boxes(corners)
    located = locate(detector, images, boxes, options.passes, options.flip_average)
    record = picture_record(picture, detector, faces, located, about)
    if "png" not in options.format:
        return record, None
    return record, draw_faces(picture.image, located, detector.scheme, detector.calibration)


def _write(
    picture: Picture,
    record: dict[str, Any],
    drawn: Image.Image | None,
    formats: list[str],
    out: Path,
) -> None:
    path = out / picture.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if drawn is not None:
        atomically(path.parent / f"{path.name}.png", drawn.save)
    if "json" in formats:
        text = json.dumps(record, allow_nan=False) + "\n"
        atomically(
            path.parent / f"{path.name}.json", lambda p: p.write_text(text, encoding="utf-8")
        )


def _write_table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])

    path.parent.mkdir(parents=True, exist_ok=True)
    atomically(path, write)


def _check(given: list[Source], options: argparse.Namespace, out: Path) -> None:
    """What can be wrong before a network is read."""
    for name in ("every", "passes"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name}: expected an integer >= 1, got {getattr(options, name)}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, {out} is a file")
    for source in given:
        drawn = (out / f"{source.name}.png").resolve()
        if "png" in options.format and source.path.resolve() == drawn:
            raise ValueError(f"--out: expected another folder, {source.path} would be overwritten")
    if options.box is not None:
        if len(given) > 1 or given[0].video:
            raise ValueError("--box: expected one photo, it is the box of one face")
        left, top, right, bottom = options.box
        if not (np.isfinite(options.box).all() and left < right and top < bottom):
            raise ValueError(f"--box: expected LEFT < RIGHT and TOP < BOTTOM, got {options.box}")


def _check_inside(box: list[float], picture: Picture) -> None:
    left, top, right, bottom = box
    width, height = picture.image.size
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        raise ValueError(
            f"--box: expected it inside {picture.source.path} of {width} x {height}, got {box}"
        )
