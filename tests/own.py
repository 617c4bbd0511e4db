"""Your own data in miniature: nine points of a cat, lists and the .yml file that describes them."""

import numpy as np
import yaml

from tests.conftest import SMALL, save_picture

__all__ = ["CATS", "RNG", "SMALL", "coco", "describe", "write_rows", "write_symmetric"]

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
