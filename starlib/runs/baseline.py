"""The mean-shape baseline: the error of a network that never looks at the picture."""

import numpy as np
from numpy.typing import NDArray

from starlib import metrics
from starlib.runs.evaluation import summary
from starlib.schemes import Scheme

MEAN_SHAPE = "mean_shape"  # its name in a run's metrics


def mean_shape(
    train: NDArray, arrays: dict[str, NDArray], scheme: Scheme
) -> dict[str, dict[str, float]]:
    """What a run's metrics hold for the mean training shape as the prediction of every test face.

    Args:
        train: landmarks [F, N, 2] of the training faces, in the [-1, 1] of their crops; each
            point's mean is over the faces where it is labelled, and the centre where it never is.
        arrays: `evaluation_arrays` of the test faces; the summary is that of their first subset.
        scheme: their landmark scheme.
    """
    target = arrays["target"]
    masks = [mask for name, mask in arrays.items() if name.startswith("subset_")]
    target = target[masks[0]] if masks else target
    labelled = (~np.isnan(train)).sum(0)
    mean = np.nansum(train, 0, dtype=np.float64) / np.maximum(labelled, 1)
    mean = np.broadcast_to(mean, target.shape)
    return {MEAN_SHAPE: summary(metrics.nme(mean, target, scheme))}


def beside(found: dict[str, dict[str, float]]) -> str:
    """The mean shape's NME in words that follow a run's first result; nothing for older records."""
    if MEAN_SHAPE not in found:
        return ""
    nme, mean = next(iter(found.values()))["nme"], found[MEAN_SHAPE]["nme"]
    if nme < mean:
        return f"; mean training shape {100 * mean:.3f} %"
    return (
        f"; WORSE than the mean training shape, {100 * mean:.3f} %: check the landmarks, or train "
        "for more epochs (--set epochs=…)"
    )
