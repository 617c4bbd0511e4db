"""Faces that a data set has more than once, by the content of their pictures."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from starlib.data.faces import ImageFace
from starlib.data.paths import repeats

SAME = 4  # pixels, by which the points of one face differ at most
_SHOWN = 5


def few(words: Sequence[str]) -> str:
    """The first of the words, and how many more there are."""
    more = f", … and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def twice(faces: Sequence[ImageFace]) -> str | None:
    """A line that names faces with the same picture, by its name or content, and nearly the same
    points."""
    shared = repeats(face.path for face in faces)
    groups: dict[str, list[ImageFace]] = {}
    for face in faces:
        groups.setdefault(shared.get(face.path, str(face.path)), []).append(face)
    found = [
        f"{one.name} = {other.name}"
        for group in groups.values()
        for one, other in itertools.combinations(group, 2)
        if np.nanmax(np.abs(one.landmarks - other.landmarks), initial=0) < SAME
    ]
    return f"expected each face once, {len(found)} are copies: {few(found)}" if found else None


def same_points(faces: Sequence[ImageFace]) -> str | None:
    """A line that names faces of other pictures with the points of another face; or None."""
    shared = repeats(face.path for face in faces)
    first: dict[bytes, ImageFace] = {}
    found = [
        f"{one.name} = {face.name}"
        for face in faces
        if (one := first.setdefault(face.landmarks.tobytes(), face)).path != face.path
        and shared.get(one.path, "") != shared.get(face.path)
    ]
    expected = "expected points of its own in each picture"
    return f"{expected}, {len(found)} have another's: {few(found)}" if found else None


def repeated_faces(train: Iterable[Path], test: Sequence[Path]) -> str | None:
    """A line that counts the test faces in pictures (by content) of training faces; or None."""
    trained = set(train)
    shared = repeats([*trained, *test])
    hashes = {shared[path] for path in trained & shared.keys()}
    repeated = [path for path in test if path in trained or shared.get(path) in hashes]
    if not repeated:
        return None
    names = list(dict.fromkeys(path.name for path in repeated))
    return (
        f"test: expected pictures that are not in train; {len(repeated)} of {len(test)} test faces "
        f"are in training pictures too: {few(names)}"
    )
