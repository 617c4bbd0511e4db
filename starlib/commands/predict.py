"""python -m starlib predict: landmarks of the faces in photos and videos."""

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from starlib.commands import add_device, add_flip_average, add_weights
from starlib.data.errors import DataError
from starlib.data.face_boxes import reach_doubt
from starlib.files import atomically, write_text
from starlib.inference.detector import Detector, load_detector
from starlib.inference.drawing import draw_faces
from starlib.inference.faces import locate_faces
from starlib.inference.pictures import Picture, Source, pictures, sources
from starlib.inference.results import listed_name, picture_record, table_header, table_rows
from starlib.inference.shipped import DEFAULT, shipped, weights_path
from starlib.schemes import SCHEMES

FORMATS = ("json", "png", "csv")
TABLE = "predictions.csv"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "photos", nargs="+", help='pictures, videos, folders of them, or patterns such as "*.jpg"'
    )
    add_weights(parser, default=DEFAULT)
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
    add_flip_average(parser)
    parser.add_argument(
        "--format", nargs="+", choices=FORMATS, default=["json", "png"], help="default json png"
    )
    parser.add_argument("--out", default="predictions", help="folder, default predictions/")
    parser.add_argument("--scheme", help="of released weights, default by their number of points")
    add_device(parser)
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
        table = [table_header(detector.scheme), *rows]
        atomically(out / TABLE, lambda partial: _write_table(partial, table))
    return 2 if failed else 0


def _predict_source(
    source: Source,
    detector: Detector,
    options: argparse.Namespace,
    out: Path,
    about: dict[str, Any],
    rows: list[list[Any]],
) -> tuple[list[str], str]:
    """Problems of a file's pictures, and a line on their faces; output is written, and rows are
    added to the table."""
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
    if options.box is not None:
        _check_inside(options.box, picture)
    given = None if options.box is None else [options.box]
    how = (options.passes, options.flip_average)
    faces, located = locate_faces(detector, picture.image, given, *how)
    if located is None:
        return {"faces": []}, None
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
    if drawn is not None:
        atomically(out / f"{picture.name}.png", drawn.save)
    if "json" in formats:
        write_text(out / f"{picture.name}.json", json.dumps(record, allow_nan=False) + "\n")


def _write_table(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _check(given: list[Source], options: argparse.Namespace, out: Path) -> None:
    """ValueError for options that are wrong whatever the network."""
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
