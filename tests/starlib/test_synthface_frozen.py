"""synthface is frozen: committed runs were trained on these very pixels and labels.

tests/golden/synthface.npz was written by `python -m tests.starlib.test_synthface_frozen`; it is
written anew only together with another `starlib.data.synthface.VERSION`.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from starlib.data.synthface import SPLITS, VARIANTS, album
from starlib.schemes import SCHEMES
from starlib.synthface.faces import _draw_numbers, place_faces

GOLDEN = Path(__file__).parents[1] / "golden" / "synthface.npz"
SHOWN = 16  # faces of each split whose pixels are compared
FIRST = 160  # faces of a variant whose labels are compared
CHANNELS = np.array([1, 2, 3])  # so that no exchange of channels keeps a sum

pytestmark = pytest.mark.usefixtures("one_thread")


def pixels(split: str) -> NDArray[np.int32]:
    """Sums [SHOWN, 2, SIZE] of the rows and columns of a split's first pictures."""
    faces = album(split, SPLITS[split][0], SHOWN)
    pictures = np.stack([np.asarray(faces.read(i), dtype=np.int64) for i in range(SHOWN)])
    weighted = pictures @ CHANNELS
    return np.stack((weighted.sum(2), weighted.sum(1)), axis=1).astype(np.int32)


def labels(split: str, dataset: str) -> NDArray[np.float64]:
    """Sums [2, 98, 2] of annotated and clean landmarks in pixels, each face with another weight:
    over all faces of synthface, and the first ones of its variants."""
    seed, count = SPLITS[split]
    faces = album(split, seed, count if dataset == "synthface" else FIRST, dataset)
    weights = np.cos(np.sqrt(np.arange(len(faces))))
    assert faces.clean is not None
    both = np.stack((faces.landmarks, faces.clean)).astype(np.float64)
    return np.einsum("f,kfnd->knd", weights, both)


def numbers() -> NDArray[np.float32]:
    """Traits of a block of faces; the random numbers are the same on every machine."""
    return np.stack([values.numpy() for values in _draw_numbers(0, 3, 0, "cpu")[0].values()])


def measured() -> dict[str, NDArray]:
    """Everything that the golden file holds."""
    kept: dict[str, NDArray] = {f"pixels {split}": pixels(split) for split in SPLITS}
    for split in SPLITS:
        kept |= {f"labels {split} {name}": labels(split, name) for name in VARIANTS}
    kept["covariance"] = place_faces(SHOWN, 0).covariance.numpy()
    kept["numbers"] = numbers()
    return kept


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def test_the_random_numbers_of_a_face_are_the_committed_ones(golden):
    np.testing.assert_array_equal(numbers(), golden["numbers"])


@pytest.mark.parametrize("split", SPLITS)
def test_no_pixel_of_the_first_faces_has_changed(golden, split):
    """Processors and versions of torch round some 10 to 100 of a million values to the neighbouring
    one (100 on Intel's without bfloat16), each in one row and one column; a sum then changes by at
    most three times that, and any visible change of one pixel by more."""
    apart = Counter(np.abs(pixels(split) - golden[f"pixels {split}"]).flatten().tolist())
    assert max(apart) <= 2 * CHANNELS.max(), apart
    assert sum(apart.values()) - apart[0] < 0.06 * sum(apart.values()), apart


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("dataset", VARIANTS)
def test_no_label_has_changed(golden, split, dataset):
    found, expected = labels(split, dataset), golden[f"labels {split} {dataset}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.01)  # pixels, over all faces


def test_the_stated_covariances_have_not_changed(golden):
    found = place_faces(SHOWN, 0).covariance.numpy()
    np.testing.assert_allclose(found, golden["covariance"], rtol=1e-3, atol=1e-8)


def test_the_scheme_of_the_faces_is_that_of_wflw():
    assert album("train", 0, 1).scheme == SCHEMES["wflw"]


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, **measured())
