"""Data sets: `load_dataset` reads the official files of one, `crop_store` makes training crops."""

import os
from pathlib import Path
from typing import Any

from starlib.data import (
    cephalo,
    cofw,
    lfpw_annotators,
    scut,
    synthface,
    vw300,
    w300,
    wflw,
)
from starlib.data.crops import CropStore, crop_store
from starlib.data.errors import DataError
from starlib.data.faces import Checked, FaceSet
from starlib.schemes import is_path

READERS: dict[str, Any] = {  # modules or objects with counts, problems, load, SOURCE and UNIT
    "300w": w300,
    "wflw": wflw.WFLW_98,
    "wflw-68": wflw.WFLW_68,
    "cofw": cofw,
    "300vw": vw300,
    "scut-fbp5500": scut,
    "cephalo": cephalo.BOTH,
    "cephalo-one": cephalo.ONE,
    "lfpw-annotators": lfpw_annotators,
}
FOLDERS = {  # data set -> its folder, where that has another name
    "wflw-68": "wflw",
    "cephalo-one": "cephalo",
    "lfpw-annotators": "lfpw_annotators",
}
SPLITS = ("train", "test")

__all__ = ["CropStore", "DataError", "FaceSet", "crop_store", "data_root", "load_dataset"]


def data_folder(name: str, root: Path | str | None = None) -> Path:
    """Where a data set's folder is or would be; DataError where nothing says so."""
    base = root or os.environ.get("STARLIB_DATA")
    if not base:
        raise DataError(f"{name}: expected its folder in $STARLIB_DATA or --data-root, none is set")
    return Path(base) / FOLDERS.get(name, name)


def data_root(name: str, root: Path | str | None = None) -> Path:
    """Folder of a data set, in `root` or $STARLIB_DATA. DataError if it is not there."""
    folder = data_folder(name, root)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected the folder of data set {name}, there is none")
    return folder


def load_dataset(name: str, split: str, root: Path | str | None = None) -> FaceSet:
    """The faces of a data set's split.

    Args:
        name: "synthface" (rendered, needs no files), a name in READERS, or the path of a .yml file
            that describes your own data (see `starlib.data.own`).
        split: "train" or "test".
        root: folder that holds the data set's folder; default $STARLIB_DATA.

    Raises ValueError for an unknown name or split, DataError naming each file that is wrong.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if name in synthface.VARIANTS:
        return synthface.load(split, name)
    if not is_path(name):
        _check_name(name, [*synthface.VARIANTS, *READERS])
    reader, where = _reader(name, root)
    faces: FaceSet = reader.load(where, split)
    return faces


def _check_name(name: str, known: list[str]) -> None:
    if name not in known:
        names = ", ".join(known)
        raise ValueError(f"name: expected one of {names}, or the path of a .yml file, got {name!r}")


def _reader(name: str, root: Path | str | None) -> tuple[Any, Path]:
    """The module that reads a data set, and the folder or .yml file to give it."""
    if is_path(name):
        from starlib.data import own  # needs PyYAML

        return own, Path(name)
    return READERS[name], data_root(name, root)


def check_dataset(name: str, root: Path | str | None = None) -> Checked:
    """Look at every file of a data set.

    Raises ValueError for a name that has no files to check, DataError without a folder.
    """
    if is_path(name):
        from starlib.data import own  # needs PyYAML

        return own.check(Path(name))
    _check_name(name, list(READERS))
    reader, where = _reader(name, root)
    problems, doubts = reader.problems(where), getattr(reader, "doubts", None)
    messages = doubts(where) if doubts and not problems else []
    return Checked(reader.counts(where), reader.UNIT, problems, reader.SOURCE, messages)
