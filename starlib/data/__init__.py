"""Data sets: `load_dataset` reads the official files of one, `crop_store` makes training crops."""

import os
from pathlib import Path

from starlib.data import synthetic, w300
from starlib.data.crops import CropStore, crop_store
from starlib.data.faces import DataError, FaceSet

READERS = {"300w": w300}
SPLITS = ("train", "test")

__all__ = ["CropStore", "DataError", "FaceSet", "crop_store", "data_root", "load_dataset"]


def data_root(name: str, root: Path | str | None = None) -> Path:
    """Folder of a data set: `name` in `root`, or in $STARLIB_DATA. DataError if it is not there."""
    base = root or os.environ.get("STARLIB_DATA")
    if not base:
        raise DataError(
            [f"{name}: expected its folder in $STARLIB_DATA or --data-root, none is set"]
        )
    folder = Path(base) / name
    if not folder.is_dir():
        raise DataError([f"{folder}: expected the folder of data set {name}, there is none"])
    return folder


def load_dataset(name: str, split: str, root: Path | str | None = None) -> FaceSet:
    """The faces of a data set's split.

    Args:
        name: "synthface" (rendered, needs no files) or "300w".
        split: "train" or "test".
        root: folder that holds the data set's folder; default $STARLIB_DATA.

    Raises ValueError for an unknown name or split, DataError naming each file that is wrong.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if name == "synthface":
        return synthetic.load(split)
    if name not in READERS:
        known = ", ".join(["synthface", *READERS])
        raise ValueError(f"name: expected one of {known}, got {name!r}")
    return READERS[name].load(data_root(name, root), split)


def check_dataset(
    name: str, root: Path | str | None = None
) -> tuple[dict[str, tuple[int, int]], list[str], str]:
    """Look at every file of a data set.

    Returns counts by folder (found, official), one line for each problem, and where to get the
    data set. Raises ValueError for a name that has no files to check, DataError without a folder.
    """
    if name not in READERS:
        raise ValueError(f"name: expected one of {', '.join(READERS)}, got {name!r}")
    folder = data_root(name, root)
    reader = READERS[name]
    return reader.folder_counts(folder), reader.problems(folder), reader.SOURCE
