"""Effects taken apart: by region of the face, along and across the ambiguity, of the stability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evidence.ambiguity import errors_along_across
from companion.evidence.effects import arms_effect, error_matrix
from companion.evidence.stability import spread_samples
from companion.evidence.statistics import Effect, contrast
from companion.experiments.experiment import Comparison
from companion.experiments.records import ArmRuns
from starlib.runs.records import Run
from starlib.schemes import PARTS


def seed_means(runs: Mapping[int, Run], **which: Any) -> NDArray:
    """NME [S] of an arm's seeds; `which` as in `companion.evidence.effects.face_errors`."""
    return error_matrix(runs, **which).mean(1) if runs else np.empty(0)


def region_effects(runs: ArmRuns, pair: Comparison, **which: Any) -> dict[str, Effect]:
    """Region of the face -> effect on the mean error of its landmarks; "all" first."""
    weights = {pair.without: 1.0, pair.with_: -1.0}
    regions = {"all": None, **{region: region for region in PARTS}}
    return {
        name: arms_effect(runs, weights, region=region, **which) for name, region in regions.items()
    }


def stability_effects(runs: ArmRuns, pair: Comparison) -> dict[str, Effect]:
    """Region -> effect on the spread of the seeds' predictions (jackknife); "all" first."""
    return {
        region or "all": contrast(
            [spread_samples(runs.get(arm, {}), region) for arm in (pair.without, pair.with_)]
        )
        for region in (None, *PARTS)
    }


def direction_effects(
    runs: ArmRuns, pair: Comparison, against: str = "clean", region: str | None = None
) -> dict[str, Effect]:
    """Effect on the error "along" and "across" the known ambiguous direction (synthface)."""
    samples = {
        arm: np.array(
            [
                [errors.mean() for errors in errors_along_across(run, against, region)]
                for run in runs.get(arm, {}).values()
            ]
        ).reshape(-1, 2)
        for arm in (pair.without, pair.with_)
    }
    return {
        name: contrast([samples[pair.without][:, k], samples[pair.with_][:, k]])
        for k, name in enumerate(("along", "across"))
    }


def relative(effect: Effect) -> float:
    """An effect of two arms as a share of the first arm's mean."""
    return effect.mean / effect.means[0]
