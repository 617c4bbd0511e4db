"""Data sets: `load_dataset` reads the official files of one, `crop_store` makes training crops."""

import os
from pathlib import Path

from starlib.checks import meant, one_of
from starlib.data import cephalo, cofw, lfpw_annotators, scut, synthface, vw300, w300, wflw
from starlib.data.crops import CropStore, crop_store
from starlib.data.errors import DataError
from starlib.data.faces import FaceSet
from starlib.data.own import faces as own_faces
from starlib.data.own.tools import READERS as LISTS
from starlib.data.reader import SPLITS, Checked, Reader
from starlib.schemes import is_path

READERS = {
    reader.name: reader
    for reader in (
        w300.READER,
        wflw.READER,
        wflw.READER_68,
        cofw.READER,
        vw300.READER,
        scut.READER,
        cephalo.READER,
        cephalo.READER_ONE,
        lfpw_annotators.READER,
    )
}

__all__ = ["CropStore", "DataError", "FaceSet", "crop_store", "data_root", "load_dataset"]


def data_folder(name: str, root: Path | str | None = None) -> Path:
    """Path of a data set's folder, in `root` or $STARLIB_DATA; DataError where neither is given."""
    base = root or os.environ.get("STARLIB_DATA")
    if not base:
        raise DataError(f"{name}: expected its folder in $STARLIB_DATA or --data-root, none is set")
    return Path(base) / (READERS[name].folder or name)


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
    one_of(SPLITS).check("split", split)
    if name in synthface.VARIANTS:
        return synthface.album(split, *synthface.SPLITS[split], name)
    if is_path(name):
        return own_faces.load(Path(name), split)
    return _reader(name, *synthface.VARIANTS).load(data_root(name, root), split)


def _reader(name: str, *others: str) -> Reader:
    if name not in READERS:
        names = ", ".join([*others, *READERS])
        hint = meant(name, READERS)
        if Path(name).suffix.lower() in LISTS:
            hint = f"; `python -m starlib data describe {name}` writes one for it"
        raise ValueError(
            f"name: expected one of {names}, or the path of a .yml file, got {name!r}{hint}"
        )
    return READERS[name]


def check_dataset(name: str, root: Path | str | None = None) -> Checked:
    """Look at every file of a data set.

    Raises ValueError for a name that has no files to check, DataError without a folder.
    """
    if is_path(name):
        return own_faces.check(Path(name))
    return _reader(name).check(data_root(name, root))
