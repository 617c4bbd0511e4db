"""Fragments of the pages (Markdown) about the verdicts: the counts, the ledger, and what is decided
at the settled scale by rules that were written before its runs."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import networkx

from companion.evidence import hypotheses
from companion.evidence.claims import SETTLED, Judgement, judge_all, read_claims
from companion.evidence.hypotheses import Answer, Tested
from companion.evidence.rules import planned_runs
from companion.evidence.verdicts import Verdict
from companion.exhibits import annotators
from companion.exhibits.cells import markdown_table
from companion.exhibits.tables import label
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from companion.files import read_yaml
from companion.text.statements import Statement

PARTS = {  # of the ledger -> its kinds of rules
    "Effects, run anew": (
        "effect", "largest", "difference", "equivalent", "not_worse", "stability", "cost",
    ),
    "Mechanism": ("interaction", "angle", "correlation", "ratio", "width"),
    "Errata": ("parameters", "printed_mean"),
    "Not testable here": ("not_testable",),
}  # fmt: skip
FINDING = "> **Finding.**"
WRITTEN: list[hypotheses.Hypothesis] = read_yaml(SETTLED)["hypotheses"]


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
        rule = judgement.rule
        for effect in judgement.effects:
            # The first seeds: the same runs stand in several experiments by other names.
            runs = [
                EXPERIMENTS[rule["experiment"]].config(a, rule["dataset"], 0) for a in effect.arms
            ]
            without = [run for run, weight in zip(runs, effect.weights, strict=True) if weight > 0]
            with_ = [run for run, weight in zip(runs, effect.weights, strict=True) if weight < 0]
            graph.add_edges_from(zip(without, with_, strict=False))
    return len(networkx.max_weight_matching(graph, maxcardinality=True))


def ledger(judgements: Sequence[Judgement]) -> str:
    """Every claim with its verdict: a part for each kind of question, grouped by experiment."""
    lines = []
    for part in PARTS:
        lines.append(f"## {part}")
        group = [j for j in judgements if part_of(j) == part]
        for name, members in groupby(group, lambda j: j.rule.get("experiment")):
            if name and part == next(iter(PARTS)):
                lines.append(f"### {EXPERIMENTS[name].title}")
            lines += [_box(judgement) for judgement in members]
    return "\n\n".join(lines)


def _box(judgement: Judgement) -> str:
    supports = {True: "holds", False: "fails", None: "open"}[judgement.verdict.supports]
    return (
        f"::::{{div}} claim claim-{supports}\n:name: claim-{judgement.id}\n\n"
        f"[{judgement.verdict}]{{.verdict}} [{judgement.source}]{{.source}}\n\n"
        f"**{judgement.claim.strip()}**\n\n{label(judgement.reason.strip())}\n::::"
    )


def settled_claims(records: Records) -> str:
    """The claims that are decided, and a line that names the others (Markdown)."""
    named = {claim["id"] for claim in read_claims()}
    rows, waiting = [], []
    for judgement in judge_all(records, scale=SETTLED_SCALE, path=SETTLED):
        rule, name = judgement.rule, judgement.id
        if judgement.verdict is Verdict.NOT_RUN:
            configs = planned_runs(rule, SETTLED_SCALE)
            waiting.append(f"`{name}` {len(records.of(configs))} of {len(configs)}")
            continue
        compared = label(", ".join(rule["comparisons"]))
        if "minus_comparisons" in rule:
            compared += label(f" minus {', '.join(rule['minus_comparisons'])}")
        claim = label(judgement.claim.strip())
        place = f"{{ref}}`{claim} <claim-{name}>`" if name in named else claim
        verdict = f"**{judgement.verdict}**: {label(judgement.reason)}"
        rows.append([place, f"{rule['kind']}: {compared}", verdict])
    return _both(["claim", "decided by", "verdict"], rows, "claims", waiting)


def settled_hypotheses(records: Records) -> str:
    """The hypotheses that either scale can answer, and a line that names the others (Markdown)."""

    def agreements(runs: ArmRuns) -> dict[str, annotators.Agreement]:
        measured = annotators.load(records.folder)
        if measured is None:
            return {}
        networks = annotators.covariances(runs, measured["faces"])
        return annotators.agreements(networks, measured)

    here, before = (
        [hypotheses.tested(one, records, agreements, scale) for one in WRITTEN]
        for scale in (SETTLED_SCALE, "reduced")
    )
    rows = [
        [one.states, _answer(one), _answer(other)]
        for one, other in zip(here, before, strict=True)
        if {one.answer, other.answer} != {Answer.NOT_RUN}
    ]
    waiting = [
        f"`{one.id}` {one.finished} of {one.planned}"
        for one in here
        if one.answer is Answer.NOT_RUN
    ]
    head = ["hypothesis", "at the settled scale", "the same conditions at `reduced`"]
    return _both(head, rows, "hypotheses", waiting)


def _answer(one: Tested) -> str:
    return "" if one.answer is Answer.NOT_RUN else f"**{one.answer}**: {one.reason}"


def _both(
    head: Sequence[str], rows: Sequence[Sequence[str]], kind: str, waiting: Sequence[str]
) -> str:
    """A table without its empty columns, if it has rows, and what waits for runs, folded."""
    kept = [n for n in range(len(head)) if any(row[n] for row in rows)]
    table = markdown_table([head[n] for n in kept], [[row[n] for n in kept] for row in rows])
    summary = f"{len(waiting)} {kind} wait for runs of the settled scale, finished of planned"
    line = f"<details><summary>{summary}</summary>\n\n{', '.join(waiting)}.\n\n</details>"
    return "\n\n".join([table] * bool(rows) + [line] * bool(waiting))


def finding(
    statement: Statement | None, judgements: Sequence[Judgement], name: str, committed: bool
) -> str:
    """The author's sentence in a quotation that opens a page, or what can be said without one; the
    claims that are judged on the page are folded below (Markdown).

    ValueError with the statement that the committed records no longer bear; of other records such a
    statement is left out.
    """
    if statement is not None and not statement.holds and committed:
        raise ValueError(f"{name}: no longer true: {statement.text}")
    if statement is not None and statement.holds:
        text = statement.text
    elif judgements:
        text = f"No sentence has been written for these runs. {summary(judgements)}"
    else:
        text = "No sentence has been written for these runs, and they decide no claim."
    opening = f"{FINDING} {text}"
    if not judgements:
        return opening
    number = len(judgements)
    claims = "1 claim of the paper is" if number == 1 else f"{number} claims of the paper are"
    lines = "\n".join(
        f"- **{j.verdict}**: {label(j.claim.strip())} *{label(j.reason)}*" for j in judgements
    )
    folded = f"<summary>{claims} judged on this page</summary>\n\n{lines}"
    return f"{opening}\n\n<details>{folded}\n\n</details>"
