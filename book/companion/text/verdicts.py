"""Fragments of the pages (Markdown) about the verdicts: the answer, the counts, the ledger."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from companion.evidence.breakdown import seed_means
from companion.evidence.claims import Verdict
from companion.evidence.effects import (
    Effect,
    arms_effect,
    bounds,
    comparison_effects,
    counted,
    interval,
    points,
)
from companion.evidence.statistics import ENOUGH
from companion.evidence.verdicts import CONTRADICTED, NO_EFFECT, REPLICATED, UNDERPOWERED, summary
from companion.exhibits.tables import label
from companion.experiments.paper import EXPERIMENTS, WEIGHTS
from companion.experiments.select import arm_runs
from companion.text.facts import markdown_table

GROUPS = {  # experiment, or kind of rule, of a claim -> heading
    "ablation_distance": "Accuracy, by distance and trick",
    "resolution": "Resolution",
    "restriction": "The restriction",
    "stability": "Stability",
    "ambiguity": "What the heatmap shows",
    "compare_adl": "Against its neighbours",
    "compare_luvli": "Against its neighbours",
    "backbones": "Other networks",
    "cost": "Cost and size",
    "parameters": "Cost and size",
    "printed_mean": "Means printed in the text",
    "not_testable": "Not testable here",
}

NAMES = {"l1": "l1", "smooth_l1": "smooth-l1", "l2": "l2", "wing": "Wing"}
BASIC = {f"improves-{name.replace('_', '-')}": name for name in NAMES}  # claim -> distance
ANSWERS = {
    REPLICATED: "yes",
    CONTRADICTED: "it harms",
    NO_EFFECT: "the paper's gain is not seen at our scale",
    UNDERPOWERED: "we cannot tell",
}


def counts(verdicts: Sequence[Verdict]) -> str:
    """How many claims have which verdict, in a sentence."""
    return summary([verdict.verdict for verdict in verdicts], " of the paper")


def ledger(verdicts: Sequence[Verdict]) -> str:
    """Every claim with its verdict, grouped, one box each."""

    def heading(verdict: Verdict) -> str:
        return GROUPS.get(verdict.rule.get("experiment", verdict.rule["kind"]), "More")

    parts = []
    for name, group in groupby(verdicts, heading):
        parts += [f"## {name}", *(_box(verdict) for verdict in group)]
    return "\n\n".join(parts)


def _box(verdict: Verdict) -> str:
    kind = verdict.verdict.replace(" ", "-")
    return (
        f"::::{{div}} claim claim-{kind}\n:name: claim-{verdict.id}\n\n"
        f"[{verdict.verdict}]{{.verdict}} [{verdict.source}]{{.source}}\n\n"
        f"**{verdict.claim.strip()}**\n\n{label(verdict.reason.strip())}\n::::"
    )


def answer(verdicts: Sequence[Verdict], results: str | None = None) -> str:
    """Does it help? The effects on 300-W, and on rendered faces against the truth, as a table."""
    table3 = EXPERIMENTS["ablation_distance"]
    asked: dict[
        str, tuple[str, str, dict[str, Any]]
    ] = {  # claim -> comparison, data set, what the error is measured against
        "improves-l1": ("l1", "300w", {}),
        "improves-smooth-l1": ("smooth_l1", "300w", {}),
        "improves-l2": ("l2", "300w", {}),
        "improves-wing": ("wing", "300w", {}),
        "improves-known-ambiguity": ("smooth_l1", "synthface", {"against": "clean"}),
        "improves-known-ambiguity-l2": ("l2", "synthface", {"against": "clean"}),
    }
    verdict_of = {verdict.id: verdict.verdict for verdict in verdicts}
    rows = []
    for claim, (name, dataset, which) in asked.items():
        effects = comparison_effects(table3, dataset, [name], results=results, draws=0, **which)
        faces = "300-W" if dataset == "300w" else "rendered faces"
        verdict = f"{{ref}}`{verdict_of[claim]} <claim-{claim}>`"
        rows.append([f"{NAMES[name]}, {faces}", *_paper_and_ours(effects[name]), verdict])
    head = ["trained with", "paper", "ours, 95 %", "verdict"]
    return markdown_table(head, rows)


def words(verdicts: Sequence[Verdict], results: str | None = None) -> str:
    """The answer in words: the verdicts on 300-W, without and with DR and AAM, and the best weight
    of the restriction beside the restriction alone."""
    groups: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.id in BASIC:
            groups.setdefault(verdict.verdict, []).append(NAMES[BASIC[verdict.id]])
    basic = "; ".join(
        f"with {' and '.join(groups[verdict])}, {say}"
        for verdict, say in ANSWERS.items()
        if verdict in groups
    )
    text = " ".join([*([f"In the basic model: {basic}."] if basic else []), *_tricks(verdicts)])
    restriction = EXPERIMENTS["restriction"]
    alone = "regression with restriction"
    arms = {w: f"STAR w {w}" for w in WEIGHTS}
    runs = arm_runs(restriction, "300w", results=results)
    known = {w: runs[arm] for w, arm in arms.items() if len(runs[arm]) >= ENOUGH}
    if not known:
        return text
    best = min(known, key=lambda w: seed_means(known[w]).mean())
    effect = arms_effect(runs, {"baseline": 1.0, arms[best]: -1.0}, draws=0)
    without_star = arms_effect(runs, {"baseline": 1.0, alone: -1.0}, draws=0)
    control = ""
    if without_star.run:
        control = "; the restriction alone, without STAR and with $w = 1$, gains "
        control += interval(without_star)
    return (
        f"{text} That is with the weight $w = 1$ of the restriction. With $w = {best}$, the best "
        f"of those that were tried, smooth-l1 gains {interval(effect)} points{control} "
        "([Tables 4 and 5](experiments/restriction.ipynb)). The weight was chosen by these same "
        "test errors, so its gain is overstated, and no rule judges it."
    )


TRICKS = {"improves-with-dr": "DR (smooth-l1 and l2)", "improves-with-aam": "AAM (smooth-l1)"}


def _tricks(verdicts: Sequence[Verdict]) -> list[str]:
    """A sentence on the model with DR and one on that with AAM, as far as they are decided."""
    return [
        f"With {TRICKS[verdict.id]} the effect is {interval(verdict.effects[0])} points "
        f"({{ref}}`{verdict.verdict} <claim-{verdict.id}>`)."
        for verdict in verdicts
        if verdict.id in TRICKS and verdict.effects
    ]


def _paper_and_ours(effect: Effect) -> tuple[str, str]:
    paper = "–" if effect.published is None else points(effect.published)
    if not effect.run:
        return paper, "not run yet"
    ours = f"**{points(effect.mean)}** {bounds(effect.low, effect.high)}"
    return paper, f"{ours}, {counted(effect.seeds)} seeds"
