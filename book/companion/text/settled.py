"""The claims and hypotheses of the settled scale, by rules that were written before its runs."""

from collections.abc import Sequence

from companion.evidence import hypotheses
from companion.evidence.claims import SETTLED, judge_all, read_claims
from companion.evidence.hypotheses import Answer, Tested
from companion.evidence.rules import planned_runs
from companion.evidence.verdicts import Verdict
from companion.exhibits import annotators
from companion.exhibits.cells import markdown_table
from companion.exhibits.tables import label
from companion.experiments.records import ArmRuns, Records


def settled_claims(records: Records) -> str:
    """The claims that are decided, and a line that names the others (Markdown)."""
    named = {claim["id"] for claim in read_claims()}
    rows, waiting = [], []
    for judgement in judge_all(records, scale=hypotheses.SCALE, path=SETTLED, planned=True):
        rule, name = judgement.rule, judgement.id
        if judgement.verdict is Verdict.NOT_RUN:
            configs = planned_runs(rule, hypotheses.SCALE)
            waiting.append(f"`{name}` {len(records.of(configs))} of {len(configs)}")
            continue
        compared = label(", ".join(rule["comparisons"]))
        if "minus_comparisons" in rule:
            compared += label(f" minus {', '.join(rule['minus_comparisons'])}")
        place = f"{{ref}}`{name} <claim-{name}>`" if name in named else name
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
        hypotheses.answers(records, agreements, scale) for scale in (hypotheses.SCALE, "reduced")
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
