"""The arrays of a run's `.npz`: test landmarks and covariances in few bytes, and their hash."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from starlib.data import CropStore, FaceSet

# Landmarks are stored as int16 in this unit of the crop's [-1, 1]: 0.004 pixels of 120.
UNIT = 2.0**-14
# Covariances are stored as float16 in this unit of the square of [-1, 1], of the first faces alone.
COVARIANCE_UNIT = 2.0**-10
COVARIANCE_FACES = 128


def evaluation_arrays(predicted: NDArray, crops: CropStore, faces: FaceSet) -> dict[str, NDArray]:
    """What a run's `.npz` holds: "predicted", "target" and, where known, "clean" landmarks
    [F, N, 2] float32 in the crops' [-1, 1], and masks [F] "subset_<name>"."""
    if not np.isfinite(predicted).all():
        raise ValueError(
            "predicted: expected finite landmarks, the network returned NaN or infinity"
        )
    arrays = {"predicted": predicted, "target": crops.landmarks}
    if crops.clean is not None:
        arrays["clean"] = crops.clean
    # As they will be read back, so that metrics recompute exactly.
    arrays = {n: _fixed_point(a).astype(np.float32) * UNIT for n, a in arrays.items()}
    return arrays | {f"subset_{name}": mask for name, mask in faces.subsets.items()}


def stored(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Arrays as they are written: masks bool, covariances [f, N, 2, 2] float16, landmarks int16."""
    return {name: _stored(values) for name, values in arrays.items()}


def restored(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Arrays as they were before `stored`, to its precision."""
    return {name: _restored(values) for name, values in arrays.items()}


def read_stored(path: Path) -> dict[str, NDArray]:
    """The arrays of an `.npz` as they are written there; what numpy raises for another file."""
    with path.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def write_stored(path: Path, arrays: dict[str, NDArray]) -> None:
    """Write arrays that are `stored` already."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def digest(arrays: dict[str, NDArray]) -> str:
    """Hash of arrays as they are written: sha256 over each one's name, type, shape and values,
    so that compressing them anew changes nothing."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        found.update(values.tobytes())
    return found.hexdigest()


def _restored(values: NDArray) -> NDArray:
    if values.dtype == bool:
        return values
    return values.astype(np.float32) * (UNIT if values.dtype == np.int16 else COVARIANCE_UNIT)


def _stored(values: NDArray) -> NDArray:
    if values.dtype == bool:
        return values
    if values.ndim == 4:  # covariances
        return (values / COVARIANCE_UNIT).astype(np.float16)
    return _fixed_point(values)


def _fixed_point(values: NDArray) -> NDArray[np.int16]:
    return np.clip(np.rint(values / UNIT), -32768, 32767).astype(np.int16)
