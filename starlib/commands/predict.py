"""python -m starlib predict: landmarks of photos, no face detector needed."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

import starlib
from starlib.data.faces import DataError
from starlib.files import atomically
from starlib.inference.detector import Detector, load_detector
from starlib.inference.drawing import draw_face

UNITS = {
    "landmarks": "x, y in pixels of the upright picture, 0 at its left and top edge",
    "covariance": "pixels squared, [[xx, xy], [xy, yy]] of each point's heatmap",
    "box": "left, top and side in pixels of the square that the network saw",
}


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", nargs="+", help="image files, one face each")
    parser.add_argument(
        "--weights", required=True, help="the authors' .pkl, or results/weights/<hash>.pt of a run"
    )
    parser.add_argument(
        "--box",
        nargs=4,
        type=float,
        metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"),
        help="the face in the one photo, brows to chin and ear to ear, in pixels; without it the "
        "whole picture is what the network sees",
    )
    parser.add_argument("--out", default="predictions", help="folder, default predictions/")
    parser.add_argument("--scheme", help="of released weights, default by their number of points")
    parser.add_argument("--ema", action="store_true", help="the averaged weights of the authors")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, …")
    parser.set_defaults(do=_predict)


def _predict(options: argparse.Namespace) -> int:
    photos, out = [Path(photo) for photo in options.photos], Path(options.out)
    _check(photos, options.box, out)
    detector = load_detector(options.weights, options.scheme, options.ema, options.device)
    for photo in photos:
        image = read_photo(photo)
        box = face_box(detector, image, options.box, photo)
        found, spread = detector.detect(detector.cut(image, box)[None], box[None])
        covariance = None if spread is None else spread[0]
        drawn = draw_face(image, found[0], covariance, detector.scheme, float(box[2]))
        about = {"image": photo.name, "weights": Path(options.weights).name}
        text = _record(about, detector, image, box, found[0], covariance)
        out.mkdir(parents=True, exist_ok=True)
        atomically(out / f"{photo.stem}.png", drawn.save)
        _write(out / f"{photo.stem}.json", text)
        print(f"{photo}: {len(found[0])} points, {out / photo.stem}.json and .png")
    return 0


def _record(
    about: dict[str, Any],
    detector: Detector,
    image: Image.Image,
    box: NDArray,
    landmarks: NDArray,
    covariance: NDArray | None,
) -> str:
    record = about | {
        "width": image.width,
        "height": image.height,
        "scheme": detector.scheme.name,
        "starlib": starlib.__version__,
        "units": UNITS,
        "box": dict(zip(("left", "top", "side"), box.round(3).tolist(), strict=True)),
        "landmarks": landmarks.round(3).tolist(),
        "covariance": None if covariance is None else covariance.round(5).tolist(),
    }
    return json.dumps(record, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _check(photos: list[Path], box: list[float] | None, out: Path) -> None:
    """What can be wrong before a network is read."""
    missing = [str(photo) for photo in photos if not photo.is_file()]
    if missing:
        raise ValueError(f"photos: expected image files, missing are {', '.join(missing)}")
    stems = [photo.stem for photo in photos]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"photos: expected different names, twice there is {', '.join(twice)}")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, {out} is a file")
    for photo in photos:
        if photo.resolve() == (out / f"{photo.stem}.png").resolve():
            raise ValueError(f"--out: expected another folder, {photo} would be overwritten")
    if box is not None:
        if len(photos) > 1:
            raise ValueError("--box: expected one photo, it is the box of one face")
        left, top, right, bottom = box
        if not (np.isfinite(box).all() and left < right and top < bottom):
            raise ValueError(f"--box: expected LEFT < RIGHT and TOP < BOTTOM, got {box}")


def read_photo(path: Path) -> Image.Image:
    """The picture as RGB, turned upright as its EXIF entry says; DataError names the file."""
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError([f"{path}: expected a readable image ({error})"]) from error


def face_box(
    detector: Detector, image: Image.Image, box: list[float] | None, photo: Path
) -> NDArray[np.float32]:
    """Left, top and side [3] of the square around a face's box, or around the whole picture."""
    if box is None:
        side = max(image.size)
        return np.array(((image.width - side) / 2, (image.height - side) / 2, side), np.float32)
    left, top, right, bottom = box
    if right <= 0 or bottom <= 0 or left >= image.width or top >= image.height:
        raise ValueError(
            f"--box: expected it inside {photo} of {image.width} x {image.height}, got {box}"
        )
    return detector.boxes(np.array([[[left, top], [right, bottom]]]))[0]
