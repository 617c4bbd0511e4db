"""python -m starlib predict: landmarks of the faces in photos and videos."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from starlib.checks import integer, number
from starlib.commands import add_device, add_flip_average, add_weights
from starlib.data.errors import DataError
from starlib.data.face_boxes import CONFIDENCE, reach_doubt
from starlib.files import atomically, write_text
from starlib.inference.detector import Detector, load_detector
from starlib.inference.drawing import draw_faces
from starlib.inference.faces import locate_faces
from starlib.inference.film import write_film
from starlib.inference.pictures import Source, pictures, sources
from starlib.inference.results import listed_name, picture_record, table_header, table_rows
from starlib.inference.shipped import DEFAULT, shipped, weights_path
from starlib.schemes import SCHEMES

FORMATS = ("json", "png", "csv", "mp4")
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
    parser.add_argument(
        "--conf",
        type=float,
        help="faces that the detector is less sure of, from 0 to 1, are left out; "
        f"default {CONFIDENCE}",
    )
    parser.add_argument(
        "--largest", action="store_true", help="of each picture's faces the largest alone"
    )
    parser.add_argument(
        "--every", type=int, help="n-th frames of videos, default 10, for mp4 every one"
    )
    parser.add_argument(
        "--passes",
        type=int,
        default=3,
        help="from the second on, the crop is cut around the landmarks of the last; default 3",
    )
    add_flip_average(parser)
    parser.add_argument(
        "--format",
        nargs="+",
        choices=FORMATS,
        help="default json png; mp4: each video with its faces drawn, without sound",
    )
    parser.add_argument(
        "--out",
        default="predictions",
        help="folder, default predictions/; or an .mp4 file for the one video, drawn",
    )
    parser.add_argument("--scheme", help="of released weights, default by their number of points")
    add_device(parser)
    parser.set_defaults(do=_predict)


@dataclass(frozen=True)
class _Job:
    """What is done with every file: options, network, entries of all records, and the table's rows
    so far."""

    options: argparse.Namespace
    detector: Detector
    about: dict[str, Any]
    rows: list[list[Any]] = field(default_factory=list)


def _predict(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    given = _checked(options)
    path = weights_path(options.weights)
    detector = load_detector(path, options.scheme, options.ema, options.device)
    job = _Job(options, detector, {"weights": path.name, "flip_average": options.flip_average})
    if known := shipped(options.weights):
        print(f"weights {known.name}: {known.use}")
        job.about["use"] = known.use
    own = options.box is None and detector.scheme.face_box is None
    if own and (doubt := reach_doubt(detector.reach)):
        print(f"warning: {options.weights}: {doubt}", file=sys.stderr)
    failed = False
    try:
        with tqdm(given, unit="file", disable=None) as bar:
            for source in bar:
                try:
                    tqdm.write(f"{source.path}: {_predict_source(source, job)}")
                except DataError as error:
                    failed = True
                    for problem in error.problems:
                        tqdm.write(f"error: {problem}", file=sys.stderr)
    finally:  # an interrupt keeps the rows so far
        if "csv" in options.format and job.rows:
            table = io.StringIO()
            rows = [table_header(detector.scheme), *job.rows]
            csv.writer(table, lineterminator="\n").writerows(rows)
            write_text(options.out / TABLE, table.getvalue())
    return 2 if failed else 0


def _predict_source(source: Source, job: _Job) -> str:
    """A line on the faces of a file's pictures, whose output is written. DataError for a picture
    that cannot be read, and where no face was found."""
    out, counts = job.options.out, list[int]()
    drawn = _drawn(source, job, counts)
    if source.video and "mp4" in job.options.format:
        atomically(out / f"{source.name}.mp4", lambda path: write_film(path, drawn))
    for _ in drawn:  # all of them, unless the film took them
        pass
    where = f" in {len(counts)} frames" if source.video else ""
    if not (faces := sum(counts)):
        said = f"expected a face, none was found{where or ' in it'}; --box says where it is"
        raise DataError(f"{source.path}: {said}")
    count = f"{faces} face{'s' * (faces > 1)}{where}"
    return f"{count} of {job.detector.scheme.points} points, {out / source.name}"


def _drawn(
    source: Source, job: _Job, counts: list[int]
) -> Iterator[tuple[float | None, Image.Image]]:
    """Time and drawing of each of a file's pictures (the picture where none is wanted), whose faces
    are written, counted and added to the rows."""
    options, detector = job.options, job.detector
    given = None if options.box is None else [options.box]
    how = (options.passes, options.flip_average, options.conf, options.largest, "--box")
    for picture in pictures(source, options.every):
        image = picture.image
        faces = locate_faces(detector, image, given, *how)
        counts.append(len(faces))
        if {"png", "mp4"} & set(options.format):
            image = draw_faces(image, faces, detector.scheme, detector.calibration)
        if faces:
            record = picture_record(picture, detector, faces, job.about)
            if "png" in options.format:
                atomically(options.out / f"{picture.name}.png", image.save)
            if "json" in options.format:
                text = json.dumps(record, allow_nan=False) + "\n"
                write_text(options.out / f"{picture.name}.json", text)
            frame = picture.frame is not None
            name = picture.name if frame else listed_name(source.path, options.out)
            job.rows.extend(table_rows(record, name))
        yield picture.image.info.get("seconds"), image


def _checked(options: argparse.Namespace) -> list[Source]:
    """The files that are given, and defaults filled in; ValueError for options that are wrong
    whatever the network."""
    given, out = sources(options.photos), Path(options.out)
    if options.box is not None and (len(given) > 1 or given[0].video):
        raise ValueError("--box: expected one photo, it is the box of one face")
    if options.box is not None and (options.conf is not None or options.largest):
        raise ValueError("--conf, --largest: not beside --box, which says where the face is")
    options.conf = CONFIDENCE if options.conf is None else options.conf
    number("a number from 0 to 1", lambda v: 0 <= v <= 1).check("--conf", options.conf)
    if out.suffix.lower() == ".mp4" and not out.is_dir():
        if len(given) > 1 or not given[0].video or options.format not in (None, ["mp4"]):
            raise ValueError(f"--out: {out.name} is for one video and no other --format")
        options.format, given, out = ["mp4"], [Source(given[0].path, out.stem)], out.parent
    options.out, options.format = out, options.format or ["json", "png"]
    if options.every is None:
        options.every = 1 if "mp4" in options.format else 10
    for name in ("every", "passes"):
        integer(1).check(f"--{name}", getattr(options, name))
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, {out} is a file")
    if "mp4" in options.format and not any(source.video for source in given):
        raise ValueError("--format: mp4 draws videos, none is given")
    taken = {source.path.resolve() for source in given}
    for source in given:
        for ending in {"png", "mp4"} & set(options.format):
            drawn = (out / f"{source.name}.{ending}").resolve()
            if drawn in taken:
                raise ValueError(f"--out: expected another folder, {drawn} would be overwritten")
        record = out / f"{source.name}.json"
        if "json" in options.format and record.is_file() and not _ours(record):
            raise ValueError(
                f"--out: expected another folder, {record} is no record of predict and would be "
                "overwritten"
            )
    return given


def _ours(record: Path) -> bool:
    """Whether a .json file is of an earlier prediction, which may be replaced."""
    return '"starlib"' in record.read_text(encoding="utf-8", errors="replace")
