"""WFLW with 68 points in place of its 98, for models trained on 300-W: a test set only.

derived_68pt/list_68pt_rect_attr_test.txt lies in WFLW's folder, in the format of WFLW's own lists
with 136 coordinates. Eight eyelid points of 300-W have no counterpart in WFLW and are interpolated,
so it is derived, not official.
"""

from pathlib import Path

from starlib.data import wflw
from starlib.data.faces import DataError, FaceSet
from starlib.schemes import SCHEMES

SOURCE = wflw.SOURCE
UNIT = wflw.UNIT
LIST = "derived_68pt/list_68pt_rect_attr_test.txt"


def counts(root: Path) -> dict[str, tuple[int, int | None]]:
    """Faces found; the official test set has 2,500 faces."""
    if not (root / LIST).is_file():
        return {"test": (0, wflw.OFFICIAL["test"])}
    listed = wflw.read_list(root / LIST, root / "WFLW_images", SCHEMES["300w"].points)
    return {"test": (len(listed.faces), wflw.OFFICIAL["test"])}


def problems(root: Path) -> list[str]:
    """One line for everything that is wrong with the list and its images."""
    return wflw.list_problems(root / LIST, root, "300w")


def load(root: Path, split: str) -> FaceSet:
    """The faces of "test" under `root`; DataError tells all problems at once."""
    if split != "test":
        raise DataError([f"wflw-68: expected the split test, it has no {split}"])
    return wflw.load_list(root, "wflw-68", split, LIST, "300w", wflw.OFFICIAL["test"])
