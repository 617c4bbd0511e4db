"""Your own data in miniature: nine points of a cat, lists and the .yml file that describes them."""

import itertools
import json
import shutil

import numpy as np
import yaml

from tests.conftest import SMALL, save_picture, write_pts

__all__ = ["SMALL"]

CATS = {
    "name": "cats",
    "points": 9,
    "edges": [{"points": [0, 1, 2]}, {"points": [3, 4, 5], "closed": True}],
    "flip": [[0, 2], [3, 5]],
    "normaliser": [[3], [5]],
    "train": "train.csv",
    "test": "test.csv",
}
RNG = np.random.default_rng(0)


def describe(folder, **changes):
    values = {k: v for k, v in (CATS | changes).items() if v is not None}
    path = folder / "cats.yml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


def write_rows(path, rows, delimiter=","):
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows) + "\n")


def coco(points, flags=2, **more):
    """COCO key points of the pictures "cat 0.png", …; flags [F, N] or one for all."""
    flags = np.broadcast_to(flags, points.shape[:2])[..., None]
    keypoints = np.append(points, flags, -1).reshape(len(points), -1).tolist()
    return {
        "images": [{"id": i, "file_name": f"cat {i}.png"} for i in range(len(points))],
        "annotations": [{"image_id": i, "keypoints": k, **more} for i, k in enumerate(keypoints)],
    }


def csv_list(folder, points):
    """The lists below are named after their forms and have `points` [F, N, 2] from the picture's
    edge; each returns the name of what it has written."""
    header = ["image", *(f"{axis}{i}" for i in range(points.shape[1]) for axis in "xy")]
    rows = [[f"cat {i}.png", *(face - 0.5).ravel()] for i, face in enumerate(points)]
    write_rows(folder / "train.csv", [header, *rows])
    return "train.csv"


def tsv_list(folder, points):
    rows = ["image_path\tlandmarks_5pts\tlandmarks_gt\tscale\tcenter_w\tcenter_h"]
    prefixes = itertools.cycle(("", "./rawImages/", "..\\x\\rawImages\\"))
    for index, (prefix, face) in enumerate(zip(prefixes, points, strict=False)):
        numbers = ",".join(map(str, (face - 0.5).ravel()))
        rows.append(f"{prefix}cat {index}.png\t{'1.0,' * 9}1.0\t{numbers}\t1.2\t50.0\t45.0\t0,1")
    (folder / "train.tsv").write_text("\n".join(rows))
    return "train.tsv"


def coco_list(folder, points):
    (folder / "train.json").write_text(json.dumps(coco(points - 0.5)))
    return "train.json"


def pts_folder(folder, points):
    for index, face in enumerate(points):
        (folder / "faces").mkdir(exist_ok=True)
        shutil.copy(folder / f"cat {index}.png", folder / f"faces/cat {index}.png")
        write_pts(folder / f"faces/cat {index}.pts", face + 0.5)
    return "faces"


def labelme(folder, points):
    for index, face in enumerate(points):
        shapes = [{"label": f"p{i}", "points": [list(face[i])]} for i in range(8, -1, -1)]
        shapes[0]["shape_type"] = "point"
        shapes.append({"label": "face", "points": [[0, 0], [9, 9]], "shape_type": "rectangle"})
        (folder / "in").mkdir(exist_ok=True)
        shutil.copy(folder / f"cat {index}.png", folder / f"in/cat {index}.png")
        content = {"imagePath": f"..\\elsewhere\\cat {index}.png", "shapes": shapes}
        (folder / f"in/cat {index}.json").write_text(json.dumps(content))
    return "in"


def cvat(folder, points):
    lines = ["<?xml version='1.0' encoding='utf-8'?>\n<annotations><version>1.1</version>"]
    for index, face in enumerate(points):
        parts = [f'<points label="p{i}" points="{x},{y}"/>' for i, (x, y) in enumerate(face)]
        skeleton = f'<skeleton label="cat">{"".join(parts[::-1])}</skeleton>'
        lines.append(f'<image id="{index}" name="cat {index}.png">{skeleton}</image>')
    (folder / "cvat.xml").write_text("\n".join([*lines, "</annotations>"]))
    return "cvat.xml"


def imglab(folder, points):
    lines = ["<dataset><images>"]
    for index, face in enumerate(points):
        parts = [f'<part name="p{i}" x="{x}" y="{y}"/>' for i, (x, y) in enumerate(face - 0.5)]
        box = f'<box top="1" left="1" width="9" height="9">{"".join(parts[::-1])}</box>'
        lines.append(f'<image file="cat {index}.png">{box}</image>')
    (folder / "imglab.xml").write_text("\n".join([*lines, "</images></dataset>"]))
    return "imglab.xml"


def label_studio(folder, points):
    tasks = []
    for index, face in enumerate(points):
        result = [
            {
                "type": "keypointlabels",
                "original_width": 100,
                "original_height": 90,
                "value": {"x": x, "y": y / 0.9, "width": 0.5, "keypointlabels": [f"p{i}"]},
            }
            for i, (x, y) in reversed(list(enumerate(face)))
        ]
        address = f"/data/upload/1/0a1b2c3d-cat {index}.png"
        tasks.append({"data": {"img": address}, "annotations": [{"result": result}]})
    (folder / "studio.json").write_text(json.dumps(tasks))
    return "studio.json"


FORMS = {
    write.__name__: write
    for write in (csv_list, tsv_list, coco_list, pts_folder, labelme, cvat, imglab, label_studio)
}


def write_symmetric(folder, count=20):
    """A list of `count` faces whose mirror pairs are those of CATS, in pictures of their own."""
    half = np.array([[-20, -20], [0, -25], [20, -20], [-15, 0], [0, 3], [15, 0]])
    shape = np.concatenate((half, [[0, 8], [0, 15], [0, 22]]))
    rows = []
    for index in range(count):
        save_picture(folder / f"even {index}.png")
        points = shape + np.array([50, 45]) + RNG.normal(0, 1, (9, 2))
        rows.append([f"even {index}.png", *points.ravel().round(2)])
    write_rows(folder / "train.csv", rows)
