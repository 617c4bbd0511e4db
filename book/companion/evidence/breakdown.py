"""Effects taken apart: by region of the face, along and across the ambiguity, and on the stability:
how far the predictions of networks trained alike lie from each other (Figures 1 and 6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evidence.ambiguity import errors_along_across
from companion.evidence.effects import arms_effect
from companion.evidence.statistics import Effect, contrast
from companion.experiments.experiment import Comparison
from companion.experiments.records import ArmRuns
from starlib.runs.records import Run
from starlib.schemes import PARTS


def region_effects(runs: ArmRuns, pair: Comparison, **which: Any) -> dict[str, Effect]:
    """Region of the face -> effect on the mean error of its landmarks; "all" first."""
    weights = {pair.without: 1.0, pair.with_: -1.0}
    return {
        region or "all": arms_effect(runs, weights, region=region, **which)
        for region in (None, *PARTS)
    }


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


def stability_effect(
    runs: ArmRuns, pair: Comparison, region: str | None = None, minus: str | None = None
) -> Effect:
    """Effect on the spread of the seeds' predictions (jackknife) over the points of a region or
    all, less that over another region."""
    arms = (pair.without, pair.with_)
    return contrast([spread_samples(runs.get(arm, {}), region, minus) for arm in arms], arms=arms)


def stability_effects(runs: ArmRuns, pair: Comparison) -> dict[str, Effect]:
    """Region -> its `stability_effect`; "all" first."""
    return {region or "all": stability_effect(runs, pair, region) for region in (None, *PARTS)}


def direction_effects(runs: ArmRuns, pair: Comparison) -> dict[str, Effect]:
    """Effect on the error "along" and "across" the known ambiguous direction (synthface)."""
    samples = []
    for arm in (pair.without, pair.with_):
        both = [[e.mean() for e in errors_along_across(run)] for run in runs.get(arm, {}).values()]
        samples.append(np.array(both).reshape(-1, 2))
    return {
        name: contrast([sample[:, k] for sample in samples])
        for k, name in enumerate(("along", "across"))
    }
