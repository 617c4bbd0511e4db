"""Rules of claims that were changed when first runs of what they judge were known, with the verdict
by the first rule and by the one that stands."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.evidence.claims import judge_all
from companion.evidence.effects import arms_effect, comparison_weights
from companion.evidence.statistics import Effect, interval
from companion.evidence.verdicts import CONTRADICTED, NOT_RUN, REPLICATED, UNDERPOWERED
from companion.experiments.experiment import DISTANCES
from companion.experiments.paper import EXPERIMENTS, WEIGHTS
from companion.experiments.select import arm_runs
from companion.text.facts import markdown_table

FIRST = "23 November"  # the first version of claims.yml
SECOND = "24 November"  # its rewriting


@dataclass(frozen=True)
class Changed:
    """first, now: the rules in words. by_first: verdict and effect by the first rule, from the
    records that there are now; None where it needs runs that do not exist."""

    claim: str
    first: str
    now: str
    by_first: Callable[[Path], tuple[str, str]] | None


def _mean(experiment: str, comparisons: list[str]) -> Callable[[Path], tuple[str, str]]:
    """Whether the mean effect's interval lies above zero."""

    def decide(results: Path) -> tuple[str, str]:
        effect = _effect(experiment, comparisons, results)
        if not effect.decidable:
            return NOT_RUN, ""
        verdict = REPLICATED if effect.low > 0 else UNDERPOWERED
        return (CONTRADICTED if effect.high < 0 else verdict), interval(effect)

    return decide


def _effect(experiment: str, comparisons: list[str], results: Path) -> Effect:
    named = EXPERIMENTS[experiment]
    weights = comparison_weights(named, comparisons)
    runs = arm_runs(named, "300w", arms=list(weights), results=results)
    return arms_effect(runs, weights, draws=0)


def _within(results: Path) -> tuple[str, str]:
    effect = _effect("restriction", ["value over detach"], results)
    if not effect.decidable:
        return NOT_RUN, ""
    inside = effect.low > -0.0005 and effect.high < 0.0005
    outside = effect.low > 0.0005 or effect.high < -0.0005
    verdict = REPLICATED if inside else UNDERPOWERED
    return (CONTRADICTED if outside else verdict), interval(effect)


def _range(results: Path) -> tuple[str, str]:
    arms = ["STAR", *(f"STAR w {w}" for w in WEIGHTS)]
    runs = arm_runs(EXPERIMENTS["restriction"], "300w", arms=arms, results=results)
    means = [
        np.mean([run.metrics["common"]["nme"] for run in by_seed.values()])
        for by_seed in runs.values()
        if by_seed
    ]
    if len(means) < len(arms):
        return NOT_RUN, ""
    spread = 100 * float(max(means) - min(means))
    return (REPLICATED if spread <= 0.05 else CONTRADICTED), f"range {spread:.2f}"


CHANGED = (
    Changed(
        "improves-with-dr", "mean effect over the four distances", "mean of smooth-l1 and l2",
        _mean("ablation_distance", [f"dr {d}" for d in DISTANCES]),
    ),
    Changed(
        "improves-with-aam", "mean effect over the four distances", "smooth-l1",
        _mean("ablation_distance", [f"aam {d}" for d in DISTANCES]),
    ),
    Changed(
        "aam-suits-star-better-than-dr", "STAR with DR against STAR with AAM, all distances",
        "smooth-l1", _mean("ablation_distance", [f"aam over dr {d}" for d in DISTANCES]),
    ),
    Changed(
        "half-resolution-suffices", "128 px with STAR against 256 px without",
        "64 px with STAR against 128 px without", None,
    ),
    Changed(
        "insensitive-to-weight", "largest minus smallest NME at most 0.05 points",
        "each within ±0.12 points of w = 1", _range,
    ),
    Changed("detach-comparable", "within ±0.05 points", "within ±0.12 points", _within),
    Changed(
        "first-component-is-the-ambiguous-direction", "contour points, below 45°",
        "all points whose noise has a direction, below 22.5°", None,
    ),
)  # fmt: skip


def changed_rules(results: Path) -> str:
    """The changed rules, one row each."""
    verdicts = {verdict.id: verdict.verdict for verdict in judge_all(results)}
    rows = []
    for change in CHANGED:
        verdict, effect = change.by_first(results) if change.by_first else ("not evaluated", "")
        now = verdicts[change.claim]
        shown = f"{verdict} ({effect})" if effect else verdict
        rows.append([f"`{change.claim}`", change.first, change.now, shown, now])
    head = ["claim", f"rule of {FIRST}", f"rule since {SECOND}", "by the first", "by the second"]
    return markdown_table(head, rows)
