"""Annotations as tools write them, points by name: labelme, CVAT, dlib's imglab, Label Studio.

- A folder of images with `.pts` files, or with labelme's `.json` files, beside them. Several faces
  of an image are told apart by `group_id`.
- CVAT for images 1.1, `.xml`: skeletons, one a face; or single points, labelled, one face an image.
- imglab, `.xml`: a `box` is a face, its `part`s are the points.
- Label Studio, `.json`: key points, one face an annotation; the image is the one of that name.

Points that a face does not have are unlabelled. Coordinates of labelme, CVAT and Label Studio count
from the picture's edge, those of imglab from the first pixel's centre.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from starlib.data.errors import DataError
from starlib.data.own.lists import Row, Rows, coco_rows, csv_rows, read_json, tsv_rows
from starlib.data.paths import is_image, visible_files
from starlib.data.pts import pairs, read_pts
from starlib.data.text import read_text

EDGE = 0.5  # the first pixel's centre, where coordinates count from the picture's edge
Named = list[tuple[str, Any, Any]]  # name, x and y of each point


def _row(where: str, image: str, points: Named, usual: float = EDGE) -> Row:
    cells = [value for _, x, y in points for value in (x, y)]
    names = tuple(str(name).strip() for name, _, _ in points)
    return Row(where, image, cells, names=names, usual=usual)


def folder_rows(folder: Path, points: int | None) -> Rows:
    """The faces of a folder of images, annotated in the files beside them."""
    files = visible_files(folder)
    suffixes = {path.suffix.lower() for path in files}
    if ".pts" not in suffixes and ".json" in suffixes:
        yield from _labelme_rows([path for path in files if path.suffix.lower() == ".json"])
        return
    both, problems = pairs(folder)
    if problems:
        yield DataError(problems)
    for image, annotation in both:
        try:
            cells = read_pts(annotation, points).ravel().tolist()
            yield Row(str(annotation), image.name, cells, usual=1, name=image.name)
        except DataError as error:
            yield error


def _labelme_rows(paths: list[Path]) -> Rows:
    for path in paths:
        try:
            content = read_json(path)
            image, faces = str(content["imagePath"]), dict[Any, Named]()
            for shape in content["shapes"]:
                if shape.get("shape_type", "point") == "point":
                    (x, y), *_ = shape["points"]
                    faces.setdefault(shape.get("group_id"), []).append((shape["label"], x, y))
        except DataError as error:
            yield error
            continue
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            yield DataError(f"{path}: expected labelme's imagePath and shapes ({error!r})")
            continue
        if not (path.parent / image).is_file():  # labelme keeps the path of its own machine
            beside = Path(image.replace("\\", "/")).name
            files = visible_files(path.parent)
            same = (p.name for p in files if p.stem == path.stem and is_image(p))
            image = next(same, beside)
        for number, points in enumerate(faces.values(), 1):
            yield _row(f"{path}, face {number}", image, points)


def xml_rows(path: Path, _: int | None) -> Rows:
    """The faces of a file of CVAT ("for images") or of imglab."""
    try:
        root = ElementTree.fromstring(read_text(path, "list of faces"))
    except (ElementTree.ParseError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected readable XML ({error})") from error
    if root.tag not in ("annotations", "dataset"):
        raise DataError(f"{path}: expected XML of CVAT or imglab, found <{root.tag}>")
    faces = _cvat_faces if root.tag == "annotations" else _imglab_faces
    for image in root.iter("image"):
        name = image.get("name") or image.get("file") or ""
        for number, points in enumerate(faces(image), 1):
            where = f"{path}, {name} face {number}"
            yield _row(where, name, points, EDGE if root.tag == "annotations" else 0)


def _cvat_faces(image: ElementTree.Element) -> Iterator[Named]:
    skeletons = image.findall("skeleton")
    for face in skeletons or ([image] if image.findall("points") else []):
        points: Named = []
        for point in face.findall("points"):
            if point.get("outside") != "1":
                x, _, y = (point.get("points") or "").partition(",")
                points.append((point.get("label", ""), x, y))
        yield points


def _imglab_faces(image: ElementTree.Element) -> Iterator[Named]:
    for box in image.findall("box"):
        parts = box.findall("part")
        if parts and box.get("ignore") != "1":
            yield [(part.get("name", ""), part.get("x"), part.get("y")) for part in parts]


def json_rows(path: Path, _: int | None) -> Rows:
    """The faces of a file of Label Studio or of COCO key points."""
    content = read_json(path)
    if isinstance(content, list) and content and isinstance(content[0], dict):
        yield from _label_studio_rows(path, content)
    else:
        yield from coco_rows(path, content)


def _label_studio_rows(path: Path, tasks: list[Any]) -> Rows:
    """The faces of Label Studio's JSON: x and y are percent of the picture."""
    for number, task in enumerate(tasks, 1):
        where = f"{path}, task {number}"
        try:
            for annotation in task["annotations"]:
                points: Named = []
                for result in annotation["result"]:
                    if result["type"] == "keypointlabels":
                        value = result["value"]
                        x = value["x"] * result["original_width"] / 100
                        y = value["y"] * result["original_height"] / 100
                        points.append((value["keypointlabels"][0], x, y))
                yield _row(where, _local_name(task), points)
        except (LookupError, TypeError, AttributeError) as error:
            yield DataError(f"{where}: expected key points of Label Studio ({error!r})")


def _local_name(task: dict[str, Any]) -> str:
    """The image's name: uploads are stored as <eight digits>-NAME."""
    address = task.get("file_upload") or next(v for v in task["data"].values())
    name = str(address).replace("\\", "/").partition("?")[0].rpartition("/")[2]
    prefix, dash, rest = name.partition("-")
    return rest if dash and len(prefix) == 8 else name


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
