"""Landmark schemes: the points of a face, their edges and mirror images, the normalising points."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Edge = tuple[tuple[int, ...], bool]
FaceBox = tuple[str, tuple[float, float, float, float]]
PARTS = ("contour", "brows", "nose", "eyes", "mouth")  # regions that share out every landmark


def _edge(first: int, last: int, closed: bool = False) -> Edge:
    return tuple(range(first, last + 1)), closed


@dataclass(frozen=True)
class Scheme:
    """The points that annotate a face.

    edges: curves, each its point indices in order and whether it is closed.
    flip: for every point the index of its mirror image.
    normaliser: two groups of points; NME is divided by the distance of their means.
    unscored: points that NME leaves out, because people place them by different definitions.
    regions: points of the parts of the face, PARTS and "eye corners"; none for schemes of your own.
    face_box: what the box of the points reaches around, and its sides beside the box from the brows
        to the chin and from ear to ear, as shares of that box; None for schemes of your own.
    """

    name: str
    edges: tuple[Edge, ...]
    flip: tuple[int, ...]
    normaliser: tuple[tuple[int, ...], tuple[int, ...]]
    unscored: tuple[int, ...] = ()
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)
    face_box: FaceBox | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        every = range(self.points)
        if sorted(self.flip) != list(every) or any(self.flip[self.flip[i]] != i for i in every):
            raise ValueError(f"flip: scheme {self.name!r} needs each point paired with one mirror")
        used = [i for indices, _ in self.edges for i in indices]
        used += [i for group in self.normaliser for i in group]
        if any(i not in every for i in used):
            raise ValueError(f"edges: scheme {self.name!r} has {self.points} points, from 0")
        left_out = set(self.unscored)
        if len(left_out) < len(self.unscored) or not left_out < set(every):
            raise ValueError(
                f"unscored: scheme {self.name!r} has {self.points} points, from 0; expected each "
                f"once and not all of them, got {self.unscored}"
            )

    @cached_property
    def points(self) -> int:
        """Number of landmarks N."""
        return len(self.flip)

    @property
    def mirrors(self) -> bool:
        """Whether points have mirror images; without, a mirrored picture has no landmarks."""
        return any(i != mirror for i, mirror in enumerate(self.flip))

    @cached_property
    def membership(self) -> NDArray[np.bool_]:
        """Which landmarks lie on which edge, [E, N]."""
        every = np.arange(self.points)
        on_edges = [np.isin(every, points) for points, _ in self.edges]
        return np.array(on_edges, bool).reshape(-1, self.points)

    def unit(self, landmarks: NDArray) -> NDArray:
        """Distance [F] that errors are divided by, of the means of the labelled points of the two
        groups of the normaliser, from landmarks [F, N, 2]; NaN where a group has none."""
        labelled = ~np.isnan(landmarks).any(-1, keepdims=True)
        placed = np.where(labelled, landmarks, 0)
        with np.errstate(invalid="ignore"):
            left, right = (
                placed[:, list(points)].sum(1) / labelled[:, list(points)].sum(1)
                for points in self.normaliser
            )
        return np.linalg.norm(left - right, axis=-1)

    def region(self, name: str) -> list[int]:
        """Points of a region; ValueError for one that the scheme does not have."""
        if name not in self.regions:
            known = ", ".join(self.regions) or f"none for scheme {self.name}"
            raise ValueError(f"region: expected one of {known}, got {name!r}")
        return list(self.regions[name])

    def to_dict(self) -> dict[str, Any]:
        """The fields that make the scheme, by name, for JSON and for weights files; `unscored` only
        where there are such points, so that fingerprints of other schemes stay what they were."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.compare}
        if not self.unscored:
            del values["unscored"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Scheme":
        """The scheme of `to_dict`, tuples given as lists; a known one is itself."""
        edges = tuple((tuple(points), bool(closed)) for points, closed in values["edges"])
        left, right = (tuple(group) for group in values["normaliser"])
        unscored = tuple(values.get("unscored", ()))
        scheme = cls(values["name"], edges, tuple(values["flip"]), (left, right), unscored)
        known = SCHEMES.get(scheme.name)
        return known if known == scheme else scheme


def _mirrored(points: int, *groups: tuple[Sequence[int], Sequence[int]]) -> tuple[int, ...]:
    flip = list(range(points))
    for one, other in groups:
        for i, j in zip(one, other, strict=True):
            flip[i], flip[j] = j, i
    return tuple(flip)


def _points(*pairs: tuple[int, int]) -> tuple[int, ...]:
    return tuple(i for first, last in pairs for i in range(first, last + 1))


# fmt: off
# COFW, 29 points: brows, eyes, nose, lower and upper lip, which share their corners; pupils 16, 17
# and chin 28 lie on no edge. In the order of the released checkpoint's edge maps.
_COFW_EDGES = tuple(
    (points, True)
    for points in (
        (0, 4, 2, 5), (1, 6, 3, 7), (8, 12, 10, 13), (9, 14, 11, 15), (18, 20, 19, 21),
        (22, 26, 23, 27), (22, 24, 23, 25),
    )
)
_COFW_FLIP = _mirrored(
    29, ([0, 2, 4, 5, 8, 10, 12, 13, 16, 18, 22], [1, 3, 6, 7, 9, 11, 14, 15, 17, 19, 23])
)
# Medians: WFLW's points for COFW, and SCUT-FBP5500's test faces.
_FACE: FaceBox = ("brows to chin and ear to ear", (0.0, 0.0, 0.0, 0.0))


def _cofw(name: str, normaliser: tuple[tuple[int, ...], tuple[int, ...]]) -> Scheme:
    return Scheme(
        name, _COFW_EDGES, _COFW_FLIP, normaliser,
        regions={
            "contour": (28,), "brows": _points((0, 7)), "nose": _points((18, 21)),  # the chin
            "eyes": _points((8, 17)), "mouth": _points((22, 27)), "eye corners": (8, 9, 10, 11),
        },
        face_box=(
            "brows to chin and from one brow's outer end to the other's", (0.11, 0.0, -0.11, 0.0),
        ),
    )


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        Scheme(  # 300-W and 300-VW, 68 points
            "300w",
            (
                _edge(0, 16), _edge(17, 21), _edge(22, 26), _edge(27, 30), _edge(31, 35),
                _edge(36, 41, True), _edge(42, 47, True), _edge(48, 59, True), _edge(60, 67, True),
            ),
            _mirrored(
                68,
                (_points((0, 7), (17, 21), (31, 32)),
                 (*range(16, 8, -1), *range(26, 21, -1), 35, 34)),
                (_points((36, 41)), [45, 44, 43, 42, 47, 46]),
                ([48, 49, 50, 58, 59, 60, 61, 67], [54, 53, 52, 56, 55, 64, 63, 65]),
            ),
            ((36,), (45,)),
            regions={
                "contour": _points((0, 16)), "brows": _points((17, 26)), "nose": _points((27, 35)),
                "eyes": _points((36, 47)), "mouth": _points((48, 67)),
                "eye corners": (36, 39, 42, 45),
            },
            face_box=_FACE,
        ),
        Scheme(  # WFLW, 98 points
            "wflw",
            (
                _edge(0, 32), _edge(33, 41, True), _edge(42, 50, True), _edge(51, 54),
                _edge(55, 59), _edge(60, 67, True), _edge(68, 75, True), _edge(76, 87, True),
                _edge(88, 95, True),
            ),
            _mirrored(
                98,
                (_points((0, 15)), _points((17, 32))[::-1]),
                (_points((33, 41)), [46, 45, 44, 43, 42, 50, 49, 48, 47]),
                ([55, 56], [59, 58]),
                (_points((60, 67)), [72, 71, 70, 69, 68, 75, 74, 73]),
                ([76, 77, 78, 87, 86, 88, 89, 95, 96], [82, 81, 80, 83, 84, 92, 91, 93, 97]),
            ),
            ((60,), (72,)),
            regions={
                "contour": _points((0, 32)), "brows": _points((33, 50)), "nose": _points((51, 59)),
                "eyes": _points((60, 75), (96, 97)), "mouth": _points((76, 95)),
                "eye corners": (60, 64, 68, 72),
            },
            face_box=_FACE,
        ),
        _cofw("cofw", ((16,), (17,))),  # NME by the pupils
        _cofw("cofw-ocular", ((8,), (9,))),  # by the outer eye corners
        Scheme(  # SCUT-FBP5500, 86 points; the outline, 0-21, goes around the whole face
            "scut-fbp5500",
            (
                _edge(0, 21, True), _edge(22, 31, True), _edge(32, 41, True), _edge(42, 49, True),
                _edge(50, 57, True), _edge(60, 72), _edge(73, 85, True),
            ),
            _mirrored(
                86,
                (_points((1, 10)), _points((12, 21))[::-1]),
                (_points((22, 31)), [36, 35, 34, 33, 32, 41, 40, 39, 38, 37]),
                (_points((42, 49)), [54, 53, 52, 51, 50, 57, 56, 55]),
                ([58, *_points((60, 65), (73, 75), (80, 82))],
                 [59, 72, 71, 70, 69, 68, 67, 79, 78, 77, 85, 84, 83]),
            ),
            ((46,), (50,)),
            regions={
                "contour": _points((0, 21)), "brows": _points((22, 41)), "nose": _points((60, 72)),
                "eyes": _points((42, 59)), "mouth": _points((73, 85)),
                "eye corners": (42, 46, 50, 54),
            },
            face_box=("hairline to chin and ear to ear", (0.015, -0.33, -0.01, -0.02)),
        ),
        # Cephalograms, 19 points from sella to articulare: a side view, so nothing mirrors. People
        # define soft-tissue pogonion, 15, in two ways.
        Scheme("cephalo", (), tuple(range(19)), ((0,), (1,)), unscored=(15,)),
        Scheme(  # LFPW, 35 points: the first 28 of COFW, then the ears, then the chin
            "lfpw-35",
            _COFW_EDGES,
            (*_COFW_FLIP[:28], 29, 28, 31, 30, 33, 32, 34),
            ((8,), (9,)),
            face_box=_FACE,
        ),
    )
}
# fmt: on

SCHEME_OF = {  # data set -> scheme
    "synthface": "wflw",
    "synthface-0": "wflw",  # the same faces, other annotation noise
    "synthface-1": "wflw",
    "synthface-6": "wflw",
    "synthface-isotropic": "wflw",
    "300w": "300w",
    "wflw": "wflw",
    "wflw-68": "300w",
    "cofw": "cofw",
    "300vw": "300w",
    "scut-fbp5500": "scut-fbp5500",
    "cephalo": "cephalo",
    "cephalo-one": "cephalo",  # the same films, training labels by one of two people
    "lfpw-annotators": "lfpw-35",
}
# Other normalisations reported beside a scheme's own: scheme -> {what it is called: scheme}
ALSO_BY = {"cofw": {"inter-ocular": "cofw-ocular"}}


def get_scheme(scheme: Scheme | str) -> Scheme:
    """The scheme itself, or the one of that name; ValueError lists the names."""
    if isinstance(scheme, Scheme):
        return scheme
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {', '.join(SCHEMES)}, got {scheme!r}")
    return SCHEMES[scheme]


def normalisations(scheme: Scheme) -> dict[str, Scheme]:
    """Schemes by which errors are reported: the scheme's own as "", and others by their name; your
    own scheme that is called like a known one has none besides."""
    also = ALSO_BY.get(scheme.name, {}) if scheme == SCHEMES.get(scheme.name) else {}
    return {"": scheme} | {kind: SCHEMES[name] for kind, name in also.items()}


def is_path(dataset: object) -> bool:
    """Whether a data set's name is the path of a .yml file that describes your own data."""
    return str(dataset).lower().endswith((".yml", ".yaml"))
