"""Rules of claims that were changed when first runs of what they judge were known, with the verdict
by the first rule and by the one that stands (verdicts_before.yml)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from companion.evidence.claims import judge_all
from companion.evidence.rules import measured_effects
from companion.evidence.statistics import interval
from companion.exhibits.cells import markdown_table
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml

FIRST = "23 November"  # the first version of claims.yml
SECOND = "24 November"  # its rewriting
THIRD = "29 November"  # sign, size and setting apart
BEFORE = BOOK / "verdicts_before.yml"
# The words of verdicts until then
REPLICATED, CONTRADICTED, UNDERPOWERED = "replicated", "contradicted", "underpowered"
NOT_RUN = "not run yet"


def by_first(rule: Mapping[str, Any] | None, records: Records) -> str:
    """The verdict by the first rule from the records that there are now, with what decides: a mean
    effect's interval, or the range of arms' means; None needs runs that do not exist."""
    if rule is None:
        return "not evaluated"
    if rule["kind"] == "range":
        runs = records.arm_runs(EXPERIMENTS[rule["experiment"]], "300w", arms=rule["arms"])
        if not all(runs.values()):
            return NOT_RUN
        means = [
            np.mean([run.metrics["common"]["nme"] for run in r.values()]) for r in runs.values()
        ]
        spread = 100 * float(max(means) - min(means))
        verdict = REPLICATED if spread <= rule["at_most"] else CONTRADICTED
        return f"{verdict} (range {spread:.2f})"
    [effect] = measured_effects({"dataset": "300w", **rule}, records, "reduced")
    if not effect.decidable:
        return NOT_RUN
    holds, fails = effect.low > 0, effect.high < 0
    if rule["kind"] == "equivalent":
        margin = rule["margin"] / 100
        holds = effect.low > -margin and effect.high < margin
        fails = effect.low > margin or effect.high < -margin
    verdict = REPLICATED if holds else CONTRADICTED if fails else UNDERPOWERED
    return f"{verdict} ({interval(effect)})"


def changed_rules(records: Records) -> str:
    """The changed rules, one row each."""
    rows = [
        [
            f"`{claim}`",
            first["words"],
            first["now"],
            by_first(first.get("rule"), records),
            known["before"],
        ]
        for claim, known in read_yaml(BEFORE).items()
        if (first := known.get("first"))
    ]
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
