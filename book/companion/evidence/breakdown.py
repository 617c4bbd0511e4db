"""Effects taken apart: by region of the face, along and across the ambiguity, of the stability."""

from typing import Any

import numpy as np

from companion.evidence.ambiguity import errors_along_across
from companion.evidence.effects import arms_effect
from companion.evidence.stability import spread_samples
from companion.evidence.statistics import Effect, contrast
from companion.experiments.experiment import Comparison
from companion.experiments.records import ArmRuns
from starlib.schemes import PARTS


def region_effects(runs: ArmRuns, pair: Comparison, **which: Any) -> dict[str, Effect]:
    """Region of the face -> effect on the mean error of its landmarks; "all" first."""
    weights = {pair.without: 1.0, pair.with_: -1.0}
    return {
        region or "all": arms_effect(runs, weights, region=region, **which)
        for region in (None, *PARTS)
    }


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


def relative(effect: Effect) -> float:
    """An effect of two arms as a share of the first arm's mean."""
    return effect.mean / effect.means[0]
