"""Rules of claims that were changed when first runs of what they judge were known, with the verdict
by the first rule and by the one that stands."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from companion.evidence.claims import judge_all
from companion.evidence.effects import arms_effect, comparison_weights
from companion.evidence.statistics import Effect, interval
from companion.exhibits.cells import markdown_table
from companion.experiments.experiment import DISTANCES
from companion.experiments.paper import EXPERIMENTS, WEIGHTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml

FIRST = "23 November"  # the first version of claims.yml
SECOND = "24 November"  # its rewriting
THIRD = "29 November"  # sign, size and setting apart
BEFORE = BOOK / "verdicts_before.yml"
# The words of verdicts until then
REPLICATED, CONTRADICTED, UNDERPOWERED = "replicated", "contradicted", "underpowered"
NOT_RUN = "not run yet"


@dataclass(frozen=True)
class Changed:
    """first, now: the rules in words. by_first: verdict and effect by the first rule, from the
    records that there are now; None where it needs runs that do not exist."""

    claim: str
    first: str
    now: str
    by_first: Callable[[Records], tuple[str, str]] | None


def _mean(experiment: str, comparisons: list[str]) -> Callable[[Records], tuple[str, str]]:
    """Whether the mean effect's interval lies above zero."""

    def decide(records: Records) -> tuple[str, str]:
        effect = _effect(experiment, comparisons, records)
        if not effect.decidable:
            return NOT_RUN, ""
        verdict = REPLICATED if effect.low > 0 else UNDERPOWERED
        return (CONTRADICTED if effect.high < 0 else verdict), interval(effect)

    return decide


def _effect(experiment: str, comparisons: list[str], records: Records) -> Effect:
    named = EXPERIMENTS[experiment]
    weights = comparison_weights(named, comparisons)
    runs = records.arm_runs(named, "300w", arms=list(weights))
    return arms_effect(runs, weights)


def _within(records: Records) -> tuple[str, str]:
    effect = _effect("restriction", ["value over detach"], records)
    if not effect.decidable:
        return NOT_RUN, ""
    inside = effect.low > -0.0005 and effect.high < 0.0005
    outside = effect.low > 0.0005 or effect.high < -0.0005
    verdict = REPLICATED if inside else UNDERPOWERED
    return (CONTRADICTED if outside else verdict), interval(effect)


def _range(records: Records) -> tuple[str, str]:
    arms = ["STAR", *(f"STAR w {w}" for w in WEIGHTS)]
    runs = records.arm_runs(EXPERIMENTS["restriction"], "300w", arms=arms)
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


def changed_rules(records: Records) -> str:
    """The changed rules, one row each."""
    before = read_yaml(BEFORE)
    rows = []
    for change in CHANGED:
        verdict, effect = change.by_first(records) if change.by_first else ("not evaluated", "")
        now = before[change.claim]["before"]
        shown = f"{verdict} ({effect})" if effect else verdict
        rows.append([f"`{change.claim}`", change.first, change.now, shown, now])
    head = ["claim", f"rule of {FIRST}", f"rule since {SECOND}", "by the first", "by the second"]
    return markdown_table(head, rows)


def changed_verdicts(records: Records) -> str:
    """Each claim's verdict by the words and rules until THIRD, from the records of that day, beside
    the one that stands."""
    before = read_yaml(BEFORE)
    rows = [
        [f"`{j.id}`", before[j.id]["before"], str(j.verdict), before[j.id].get("change", "")]
        for j in judge_all(records)
        if j.id in before
    ]
    head = ["claim", f"until {THIRD}", "since", "the rule, where it changed"]
    return markdown_table(head, rows)
