"""Fragments of the pages (Markdown) about the verdicts: the answer, the counts, the ledger."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import networkx

from companion.evidence.claims import Judgement
from companion.evidence.effects import (
    Effect,
    bounds,
    comparison_effects,
    counted,
    points,
)
from companion.evidence.verdicts import Rule, Verdict
from companion.exhibits.cells import markdown_table
from companion.exhibits.tables import label
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.training.config import RunConfig

PARTS = {  # of the ledger -> its kinds of rules
    "Effects, run anew": (
        "effect", "largest", "difference", "equivalent", "not_worse", "stability", "cost",
    ),
    "Mechanism": ("interaction", "angle", "correlation", "ratio", "width"),
    "Errata": ("parameters", "printed_mean"),
    "Not testable here": ("not_testable",),
}  # fmt: skip
GROUPS = {  # experiment of a claim -> heading
    "ablation_distance": "Accuracy, by distance, with DR and with AAM",
    "resolution": "Resolution",
    "restriction": "The restriction",
    "stability": "Stability",
    "compare_adl": "Related losses",
    "compare_luvli": "Related losses",
    "backbones": "Other networks",
}


def part_of(judgement: Judgement) -> str:
    """The part of the ledger that a claim belongs to."""
    return next(part for part, kinds in PARTS.items() if judgement.rule["kind"] in kinds)


def counts(judgements: Sequence[Judgement]) -> str:
    """How many claims of each part of the ledger hold, fail or are open, and how many of the
    decided comparisons are independent (Markdown)."""
    rows: list[list[object]] = []
    for part in PARTS:
        group = [j for j in judgements if part_of(j) == part]
        outcomes = Counter(j.verdict.supports for j in group)
        independent = _independent(group) or "–"
        rows.append([part, len(group), *(outcomes[o] for o in (True, False, None)), independent])
    return markdown_table(["", "claims", "hold", "fail", "open", "independent comparisons"], rows)


def summary(judgements: Sequence[Judgement]) -> str:
    """How many claims there are, and how many have which verdict, in a sentence."""
    number = Counter(j.verdict for j in judgements)
    shares = ", ".join(f"{number[v]} {v}" for v in Verdict if number[v])
    claims = "claim" if len(judgements) == 1 else "claims"
    return f"{len(judgements)} {claims} ({shares})."


def _independent(judgements: Sequence[Judgement]) -> int:
    """The largest number of pairs of arms behind the decided effects that share no arm."""
    graph = networkx.Graph()
    for judgement in judgements:
        if judgement.verdict.supports is None:
            continue
        for effect in judgement.effects:
            signs = list(zip(effect.arms, effect.weights, strict=True))
            without = [arm for arm, weight in signs if weight > 0]
            with_ = [arm for arm, weight in signs if weight < 0]
            pairs = zip(without, with_, strict=False)
            rule = judgement.rule
            graph.add_edges_from((_run(rule, one), _run(rule, other)) for one, other in pairs)
    return len(networkx.max_weight_matching(graph, maxcardinality=True))


def _run(rule: Rule, arm: str) -> RunConfig:
    """The first seed of an arm: the same runs stand in several experiments by other names."""
    return EXPERIMENTS[rule["experiment"]].config(arm, rule["dataset"], 0)


def ledger(judgements: Sequence[Judgement]) -> str:
    """Every claim with its verdict: a part for each kind of question, grouped by experiment."""
    lines = []
    for part in PARTS:
        lines.append(f"## {part}")
        group = [j for j in judgements if part_of(j) == part]
        for name, members in groupby(group, lambda j: GROUPS.get(j.rule.get("experiment", ""))):
            if name and part == next(iter(PARTS)):
                lines.append(f"### {name}")
            lines += [_box(judgement) for judgement in members]
    return "\n\n".join(lines)


def _box(judgement: Judgement) -> str:
    supports = {True: "holds", False: "fails", None: "open"}[judgement.verdict.supports]
    return (
        f"::::{{div}} claim claim-{supports}\n:name: claim-{judgement.id}\n\n"
        f"[{judgement.verdict}]{{.verdict}} [{judgement.source}]{{.source}}\n\n"
        f"**{judgement.claim.strip()}**\n\n{label(judgement.reason.strip())}\n::::"
    )


ASKED = {  # claim -> what a model was trained with
    "improves-l1": "l1",
    "improves-smooth-l1": "smooth-l1",
    "improves-l2": "l2",
    "improves-wing": "Wing",
    "improves-with-dr": "DR (mean of smooth-l1 and l2)",
    "improves-with-aam": "AAM (smooth-l1)",
}
DOUBLED = "smooth-l1 and w = 2, which is the released code's w = 1"


def answer(judgements: Sequence[Judgement], records: Records) -> str:
    """Does it help? The effects on 300-W as a table; smooth-l1 with both readings of w = 1."""
    known = {judgement.id: judgement for judgement in judgements}
    rows = []
    for claim, name in ASKED.items():
        verdict = f"{{ref}}`{known[claim].verdict} <claim-{claim}>`"
        rows.append([name, *_paper_and_ours(known[claim].effects[0]), verdict])
        if claim == "improves-smooth-l1":
            rows.append([DOUBLED, "–", _paper_and_ours(doubled(records))[1], "no claim"])
    return markdown_table(["trained with", "paper", "ours, 95 %", "verdict"], rows)


def doubled(records: Records) -> Effect:
    """The effect of STAR loss with smooth-l1 at w = 2, which is w = 1 in the released code."""
    name = "w 2 over baseline"
    return comparison_effects(records, EXPERIMENTS["released_code"], "300w", [name])[name]


def _paper_and_ours(effect: Effect) -> tuple[str, str]:
    paper = "–" if effect.published is None else points(effect.published)
    if not effect.run:
        return paper, "not run"
    ours = f"**{points(effect.mean)}** {bounds(effect.low, effect.high)}"
    return paper, f"{ours}, {counted(effect.seeds)} seeds"
