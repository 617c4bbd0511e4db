"""The cephalograms of `starlib.data.cephalo`, with real disagreement in the training labels.

A training film has the points of one of the two dentists, drawn by its name (`drawn_dentist`). Test
films have the dentists' mean, as in `cephalo`, so that errors compare.
"""

from pathlib import Path

from starlib.data import cephalo
from starlib.data.faces import FaceSet

SOURCE = cephalo.SOURCE
UNIT = cephalo.UNIT
counts = cephalo.counts
problems = cephalo.problems


def load(root: Path, split: str) -> FaceSet:
    """The films of "train" or "test" under `root`; DataError tells all problems at once."""
    return cephalo.load_films(root, "cephalo-one", split, one=True)
