"""The predictions of a run as arrays: test landmarks and covariances in few bytes, and their hash.

A run's `.npz` holds what its network predicted. Runs on the same test faces share the rest, the
targets and the subsets, in a `faces-<hash>.npz` beside it.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starlib.data import CropStore, FaceSet
from starlib.data.crops import REACH
from starlib.files import atomically

# Landmarks are stored as int16 in this unit of the crop's [-1, 1]: 0.004 pixels of 120.
UNIT = REACH * 2.0**-15
UNLABELLED = -(2**15)  # int16's least number, which stands for NaN in targets
# Covariances are stored as float16 in this unit of the square of [-1, 1].
COVARIANCE_UNIT = 2.0**-10

PREDICTED = ("predicted", "covariance")  # what differs from run to run

# A covariance [2, 2] is symmetric: three entries are written.
_TRIANGLE = (..., [0, 0, 1], [0, 1, 1])
_SQUARE = [[0, 1], [1, 2]]


def evaluation_arrays(predicted: NDArray, crops: CropStore, faces: FaceSet) -> dict[str, NDArray]:
    """The arrays of a run: "predicted", "target" and, where known, "clean" landmarks
    [F, N, 2] float32 in the crops' [-1, 1], of which targets may be NaN, and masks [F]
    "subset_<name>"."""
    if not np.isfinite(predicted).all():
        raise ValueError(
            "predicted: expected finite landmarks, the network returned NaN or infinity"
        )
    arrays = {"predicted": predicted, "target": crops.landmarks}
    if crops.clean is not None:
        arrays["clean"] = crops.clean
    # As they will be read back, so that metrics recompute exactly.
    return restored(stored(arrays)) | {
        f"subset_{name}": mask for name, mask in faces.subsets.items()
    }


def stored(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Arrays as they are written: masks bool, covariances [f, N, 2, 2] float16, landmarks int16."""

    def small(values: NDArray) -> NDArray:
        if values.dtype == bool:
            return values
        if values.ndim == 4:  # covariances
            return (values / COVARIANCE_UNIT).astype(np.float16)
        steps = np.clip(np.rint(values / UNIT), UNLABELLED + 1, -(UNLABELLED + 1))
        return np.where(np.isnan(steps), UNLABELLED, steps).astype(np.int16)

    return {name: small(values) for name, values in arrays.items()}


def restored(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Arrays as they were before `stored`, to its precision."""

    def large(name: str, values: NDArray) -> NDArray:
        if values.dtype == bool:
            return values
        if values.dtype != np.int16:
            return values.astype(np.float32) * COVARIANCE_UNIT
        unlabelled = (values == UNLABELLED) & (name not in PREDICTED)
        return np.where(unlabelled, np.float32(np.nan), values.astype(np.float32) * UNIT)

    return {name: large(name, values) for name, values in arrays.items()}


def write(path: Path, arrays: dict[str, NDArray]) -> None:
    """Write arrays that are `stored` to the `.npz` of a run, and those that runs share beside it,
    unless they are there."""
    shared = {name: values for name, values in arrays.items() if name not in PREDICTED}
    key = digest(shared)[:12]
    try:
        _read_shared(path, key)
    except ValueError:
        save_arrays(_shared_path(path, key), shared)
    own = {"faces": np.array(key), "predicted": _bytes(arrays["predicted"] - arrays["target"])}
    if "covariance" in arrays:
        own["covariance"] = _bytes(arrays["covariance"][_TRIANGLE])
    save_arrays(path, own)


def read(path: Path) -> dict[str, NDArray]:
    """The arrays of a run as they were `stored`. ValueError names a file that is missing, damaged
    or not of this form."""
    own = read_arrays(path)
    try:
        arrays = _read_shared(path, str(own["faces"]))
        arrays["predicted"] = _values(own["predicted"], np.int16) + arrays["target"]
        if "covariance" in own:
            arrays["covariance"] = _values(own["covariance"], np.float16)[..., _SQUARE]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the arrays of a run ({error})") from error
    return arrays


def digest(arrays: dict[str, NDArray]) -> str:
    """Hash of arrays as they are written: sha256 over each one's name, type, shape and values,
    so that compressing them anew changes nothing."""
    hashed = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        hashed.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        hashed.update(values.tobytes())
    return hashed.hexdigest()


def _bytes(values: NDArray) -> NDArray[np.uint8]:
    """Values of two bytes [...] as [2, ...], low bytes first: they compress better apart."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return np.moveaxis(little[..., None].view(np.uint8), -1, 0)


def _values(values: NDArray, kind: type[np.generic]) -> NDArray:
    """The values that `_bytes` was given."""
    little = np.ascontiguousarray(np.moveaxis(values, 0, -1)).view(np.dtype(kind).newbyteorder("<"))
    return little[..., 0].astype(kind)


def _shared_path(path: Path, key: str) -> Path:
    if not (key.isalnum() and len(key) == 12):
        raise ValueError(f"no name of test faces: {key!r}")
    return path.with_name(f"faces-{key}.npz")


def _read_shared(path: Path, key: str) -> dict[str, NDArray]:
    """The arrays that runs on these test faces share; ValueError as in `read`."""
    shared = _shared_path(path, key)
    arrays = read_arrays(shared)
    if digest(arrays)[:12] != key:
        raise ValueError(f"{shared}: expected the test faces whose hash it is named by")
    return arrays


def read_arrays(path: Path) -> dict[str, NDArray]:
    """The arrays of an .npz file; ValueError names a damaged one."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except Exception as error:  # numpy's reader of a damaged file raises nearly anything
        raise ValueError(f"{path}: expected the arrays of a run ({error})") from error


def save_arrays(path: Path, arrays: dict[str, NDArray]) -> None:
    """Write an .npz file, `atomically`."""
    atomically(path, lambda partial: np.savez_compressed(partial, **arrays))  # type: ignore[arg-type]
