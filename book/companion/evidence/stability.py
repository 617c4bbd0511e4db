"""How far the predictions of networks trained alike lie from each other (Figures 1 and 6)."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from starlib.runs.records import Run


def predictions(runs: Mapping[int, Run]) -> NDArray[np.float64]:
    """Predictions [S, F, N, 2] of an arm's runs by seed, in units of the normalising distance."""
    arrays = [runs[seed].landmarks() for seed in sorted(runs)]
    target = arrays[0]["target"].astype(np.float64)
    scheme = next(iter(runs.values())).scheme
    unit = scheme.unit(target)[:, None, None]
    return np.stack([a["predicted"] / unit for a in arrays])


def point_spread(predicted: NDArray) -> NDArray[np.float64]:
    """Standard deviation [F, N] of the seeds' predictions [S, F, N, 2] around their mean: the root
    of the summed squared distances over S - 1, which does not depend on S on average."""
    squared = np.square(predicted - predicted.mean(0)).sum(-1)
    return np.sqrt(squared.sum(0) / (len(predicted) - 1))


def mean_spread(predicted: NDArray, points: Sequence[int], minus: Sequence[int] = ()) -> float:
    """Mean `point_spread` over faces and these landmarks, less that over `minus`."""
    spread = point_spread(predicted).mean(0)
    return float(spread[list(points)].mean() - (spread[list(minus)].mean() if minus else 0.0))


def spread_samples(
    runs: Mapping[int, Run], region: str | None = None, minus: str | None = None
) -> NDArray[np.float64]:
    """The jackknife's pseudo-values [S] of an arm's `mean_spread`: their mean estimates it, and
    the standard error of that mean is the jackknife's over seeds. Empty for less than three."""
    if len(runs) < 3:  # leaving one out must leave two
        return np.empty(0)
    predicted, scheme = predictions(runs), next(iter(runs.values())).scheme
    points = scheme.region(region) if region else range(scheme.points)
    others = scheme.region(minus) if minus else ()
    seeds = len(predicted)
    whole = mean_spread(predicted, points, others)
    without = [mean_spread(np.delete(predicted, s, 0), points, others) for s in range(seeds)]
    return seeds * whole - (seeds - 1) * np.array(without)
