"""The contract of all readers: official files are scanned, and faces, counts and checks follow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlib.data.errors import DataError
from starlib.data.faces import FaceSet, ImageFace, Scan, face_set
from starlib.schemes import SCHEME_OF, SCHEMES, Scheme

SPLITS = ("train", "test")
Counts = dict[str, tuple[int, int | None]]


@dataclass(frozen=True)
class Checked:
    """counts: what is counted -> (found, official number or None), in `unit`.

    problems: a line each. doubts: what looks wrong without being an error, a line each. notes: what
    else there is to say, a line each. source: where to get the data set. faces: of your own data by
    split, those least like the others first; scheme: theirs.
    """

    counts: Counts
    unit: str
    problems: list[str]
    source: str | None
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    faces: dict[str, list[ImageFace]] = field(default_factory=dict)
    scheme: Scheme | None = None


def counts_by_split(_: Path, scans: Mapping[str, Scan]) -> Counts:
    """Faces found and official number of faces, by split."""
    return {split: (len(scan.faces), scan.official) for split, scan in scans.items()}


@dataclass(frozen=True)
class Reader:
    """A data set in its official files; `starlib.schemes.SCHEME_OF` has its scheme.

    scan: the files of a split ("train", "test") in the data set's folder; pixels are not decoded.
    source: where to get them. splits: those that it has. subsets: tags of faces that make a subset,
        in their order. folder: by default the name.
    counts, doubts: of the folder and the scan of each split, as in `Checked`.
    fetch: address and sha256 of what `data fetch` downloads.
    train_faces: official number of training faces, where a run's time is estimated from it.
    """

    name: str
    scan: Callable[[Path, str], Scan]
    source: str
    splits: tuple[str, ...] = SPLITS
    subsets: tuple[str, ...] = ()
    folder: str = ""
    unit: str = "faces"
    counts: Callable[[Path, Mapping[str, Scan]], Counts] = counts_by_split
    doubts: Callable[[Path, Mapping[str, Scan]], list[str]] = lambda *_: []
    fetch: tuple[tuple[str, str], ...] = ()
    train_faces: int | None = None

    def load(self, root: Path, split: str) -> FaceSet:
        """The faces of a split; DataError tells all problems at once."""
        if split not in self.splits:
            has = ", ".join(self.splits)
            raise DataError(f"{self.name}: expected the split {has}, it has no {split}")
        scheme = SCHEMES[SCHEME_OF[self.name]]
        return face_set(self.name, split, scheme, self.scan(root, split), self.subsets)

    def check(self, root: Path) -> Checked:
        """Look at every file, pixels included; a missing split is a problem where all are."""
        scans = {split: self.scan(root, split) for split in self.splits}
        lines = [
            line
            for scan in scans.values()
            for line in (*scan.problems, *scan.missing, *scan.undecodable())
        ]
        if not lines and not any(scan.faces for scan in scans.values()):
            lines = [scan.empty for scan in scans.values()]
        doubts = [] if lines else self.doubts(root, scans)
        problems = list(dict.fromkeys(lines))
        return Checked(self.counts(root, scans), self.unit, problems, self.source, doubts)
