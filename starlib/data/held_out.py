"""Training faces that are held out from training, to calibrate covariances on."""

import dataclasses
import hashlib
from collections.abc import Sequence

from starlib.data.faces import FaceSet

LEAST = 40  # training faces, of which some can be spared
SHARE, FEWEST, MOST = 0.1, 8, 256


def hold_out(faces: FaceSet) -> tuple[FaceSet, FaceSet | None]:
    """The faces to train on, and those held out: a tenth, from FEWEST to about MOST.

    No person is in both; `FaceSet.people` names them, and where it does not, each face counts as
    one. People are drawn by a hash of their names until there are enough faces. None is held out
    from fewer than LEAST faces, or from those of one person.
    """
    people = faces.people or tuple(str(index) for index in range(len(faces)))
    order = sorted(set(people), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    wanted = min(max(round(SHARE * len(faces)), FEWEST), MOST)
    chosen: set[str] = set()
    count = 0
    for person in order[:-1]:
        if count < wanted and count + people.count(person) <= len(faces) // 2:
            chosen.add(person)
            count += people.count(person)
    if len(faces) < LEAST or not chosen:
        return faces, None
    held = [index for index, person in enumerate(people) if person in chosen]
    kept = [index for index, person in enumerate(people) if person not in chosen]
    return some_of(faces, kept), dataclasses.replace(some_of(faces, held), split="held-out")


def some_of(faces: FaceSet, indices: Sequence[int]) -> FaceSet:
    """The faces of these indices, in their order."""
    some = list(indices)
    arrays = {name: getattr(faces, name) for name in ("landmarks", "clean", "annotators")}
    return dataclasses.replace(
        faces,
        names=tuple(faces.names[i] for i in some),
        read=lambda index: faces.read(some[index]),
        subsets={name: mask[some] for name, mask in faces.subsets.items()},
        people=tuple(faces.people[i] for i in some) if faces.people else (),
        **{name: values[some] for name, values in arrays.items() if values is not None},
    )
