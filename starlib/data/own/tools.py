"""Annotations as tools write them: COCO, labelme, CVAT, dlib's imglab, Label Studio.

- A folder of images with `.pts` files, or with labelme's `.json` files, beside them. Several faces
  of an image are told apart by `group_id`.
- CVAT for images 1.1, `.xml`: skeletons, one a face; single points, labelled, one face an image; or
  a shape of all points of a face, in their order.
- imglab, `.xml`: a `box` is a face, its `part`s are the points.
- COCO, `.json`: key points with flags, one face an annotation, names from its category.
- Label Studio, `.json`: key points, one face an annotation; the image is the one of that name.

Points that a face does not have are unlabelled. Coordinates of labelme, CVAT and Label Studio count
from the picture's edge, those of imglab from the first pixel's centre.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from starlib.data.errors import DataError
from starlib.data.own.lists import Row, Rows, csv_rows, tsv_rows
from starlib.data.paths import copied_images, is_image, visible_files
from starlib.data.pts import pairs, read_pts
from starlib.data.text import read_text

EDGE = 0.5  # the first pixel's centre, where coordinates count from the picture's edge
FLAGS = (None, 0, 1, 2)  # of COCO: no flag, not labelled, hidden, visible
Named = list[tuple[str, Any, Any]]  # name, x and y of each point


def _row(where: str, image: str, points: Named, usual: float = EDGE) -> Row:
    cells = [value for _, x, y in points for value in (x, y)]
    names = tuple(str(name).strip() for name, _, _ in points)
    return Row(where, image, cells, names=names if any(names) else None, usual=usual)


def _parsed(where: object, expected: str, parse: Callable[..., Iterable[Row]], *parts: Any) -> Rows:
    """The rows that `parse` makes of a part of a file, or in their place the DataError that names
    `where` and what was expected."""
    try:
        yield from parse(where, *parts)
    except DataError as error:
        yield error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield DataError(f"{where}: expected {expected} ({error!r})")


def folder_rows(folder: Path, points: int | None) -> Rows:
    """The faces of a folder of images, annotated in the files beside them."""
    files = visible_files(folder)
    lists = [path for path in files if path.suffix.lower() == ".json"]
    if lists and not any(path.suffix.lower() == ".pts" for path in files):
        copies = {path.stem for path in copied_images(folder)}
        for path in lists:
            if path.stem not in copies:
                yield from _parsed(path, "labelme's imagePath and shapes", _labelme_faces)
        return
    both, problems = pairs(folder)
    if problems:
        yield DataError(problems)
    for image, annotation in both:
        yield from _parsed(annotation, "a .pts file", _pts_face, image.name, points)


def _pts_face(path: Path, image: str, points: int | None) -> Iterator[Row]:
    yield Row(str(path), image, read_pts(path, points).ravel().tolist(), usual=1, name=image)


def _labelme_faces(path: Path) -> Iterator[Row]:
    content = _read_json(path)
    image, faces = str(content["imagePath"]), dict[Any, Named]()
    for shape in content["shapes"]:
        if shape.get("shape_type", "point") == "point":
            (x, y), *_ = shape["points"]
            faces.setdefault(shape.get("group_id"), []).append((shape["label"], x, y))
    if not os.path.isfile(path.parent / image):  # labelme keeps the path of its own machine
        beside = Path(image.replace("\\", "/")).name
        files = visible_files(path.parent)
        image = next((p.name for p in files if p.stem == path.stem and is_image(p)), beside)
    for number, points in enumerate(faces.values(), 1):
        yield _row(f"{path}, face {number}", image, points)


def xml_rows(path: Path, _: int | None) -> Rows:
    """The faces of a file of CVAT ("for images") or of imglab."""
    text = read_text(path, "list of faces")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{path}: expected readable XML ({error})") from error
    if root.tag not in ("annotations", "dataset"):
        raise DataError(f"{path}: expected XML of CVAT or imglab, found <{root.tag}>")
    faces, usual = (_cvat_faces, EDGE) if root.tag == "annotations" else (_imglab_faces, 0)
    for image in root.iter("image"):
        name = image.get("name") or image.get("file") or ""
        for number, points in enumerate(faces(image), 1):
            yield _row(f"{path}, {name} face {number}", name, points, usual)


def _cvat_faces(image: ElementTree.Element) -> Iterator[Named]:
    for face in (*image.findall("skeleton"), image):
        points: Named = []
        for shape in face.findall("points"):
            places = [p.partition(",") for p in (shape.get("points") or "").split(";")]
            if len(places) > 1:  # all points of a face
                yield [("", x, y) for x, _, y in places]
            elif shape.get("outside") != "1":
                points.append((shape.get("label", ""), places[0][0], places[0][2]))
        if points:
            yield points


def _imglab_faces(image: ElementTree.Element) -> Iterator[Named]:
    for box in image.findall("box"):
        parts = box.findall("part")
        if parts and box.get("ignore") != "1":
            yield [(part.get("name", ""), part.get("x"), part.get("y")) for part in parts]


def json_rows(path: Path, _: int | None) -> Rows:
    """The faces of a file of Label Studio, where it is a list, or of COCO key points."""
    content = _read_json(path)
    if isinstance(content, list) and content and isinstance(content[0], dict):
        for number, task in enumerate(content, 1):
            where = f"{path}, task {number}"
            yield from _parsed(where, "key points of Label Studio", _label_studio_faces, task)
        return
    try:
        images = {image["id"]: image["file_name"] for image in content["images"]}
        annotations = list(content["annotations"])
        named = [c for c in content.get("categories", []) if c.get("keypoints")]
        names = {c["id"]: tuple(map(str, c["keypoints"])) for c in named}
    except (LookupError, TypeError, AttributeError) as error:
        expected = "expected COCO key points: images, annotations with keypoints"
        raise DataError(f"{path}: {expected} ({error!r})") from error
    for number, annotation in enumerate(annotations, 1):
        where, expected = f"{path}, annotation {number}", "COCO key points of an image in `images`"
        yield from _parsed(where, expected, _coco_face, annotation, images, names)


def _read_json(path: Path) -> Any:
    text = read_text(path, "list of faces")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected readable JSON ({error})") from error


def _coco_face(
    where: str, annotation: Any, images: dict[Any, Any], names: dict[Any, tuple[str, ...]]
) -> Iterator[Row]:
    """Key points (x, y, flag) by the names of their category; those of flag 0 are unlabelled."""
    for key in ("keypoints", "image_id"):
        if not isinstance(annotation, dict) or key not in annotation:
            raise DataError(f"{where}: expected COCO key points with {key!r}, it has none")
    cells, image = list(annotation["keypoints"]), images[annotation["image_id"]]
    points = names.get(annotation.get("category_id"))
    if len(cells) % 3 or (points and len(points) * 3 != len(cells)):
        count = f"{len(points)} points as in its category" if points else "three numbers a point"
        raise DataError(f"{where}: expected {count}, found {len(cells)} numbers")
    labelled: list[Any] = []
    for x, y, flag in zip(cells[::3], cells[1::3], cells[2::3], strict=True):
        if flag not in FLAGS:
            raise DataError(f"{where}: expected flags 0, 1 or 2 after x and y")
        labelled += (x, y) if flag else (None, None)
    yield Row(where, str(image), labelled, names=points)


def _label_studio_faces(where: str, task: dict[str, Any]) -> Iterator[Row]:
    """x and y are percent of the picture; uploads are stored as <eight digits>-NAME."""
    addresses = [task["file_upload"]] if task.get("file_upload") else list(task["data"].values())
    name = str(addresses[0]).replace("\\", "/").partition("?")[0].rpartition("/")[2]
    prefix, dash, rest = name.partition("-")
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            continue
        points: Named = []
        for result in annotation["result"]:
            if result["type"] == "keypointlabels":
                value = result["value"]
                x = value["x"] * result["original_width"] / 100
                y = value["y"] * result["original_height"] / 100
                points.append((value["keypointlabels"][0], x, y))
        yield _row(where, rest if dash and len(prefix) == 8 else name, points)


READERS: dict[str, Callable[[Path, int | None], Rows]] = {
    ".csv": csv_rows,
    ".tsv": tsv_rows,
    ".json": json_rows,
    ".xml": xml_rows,
}


def list_rows(source: Path, points: int | None = None) -> Rows:
    """Every face of a list or a folder, or the DataError in its place; with so many points, or with
    any number for None."""
    try:
        read = folder_rows if os.path.isdir(source) else READERS.get(source.suffix.lower())
        if read is None:
            raise DataError(f"{source}: expected {', '.join(READERS)} or a folder")
        yield from read(source, points)
    except DataError as error:
        yield error
