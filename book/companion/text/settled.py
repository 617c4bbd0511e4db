"""The claims and hypotheses of the settled scale, by rules that were written before its runs."""

from collections import Counter
from collections.abc import Iterable

from companion.evidence import hypotheses
from companion.evidence.claims import SETTLED, judge_all, read_claims
from companion.evidence.rules import planned_runs
from companion.exhibits import annotators
from companion.exhibits.cells import markdown_table
from companion.exhibits.tables import label
from companion.experiments.records import ArmRuns, Records


def settled(records: Records) -> str:
    """Both tables, after a sentence with their counts (Markdown)."""
    scale = hypotheses.SCALE
    named = {claim["id"] for claim in read_claims()}
    judgements = judge_all(records, scale=scale, path=SETTLED, planned=True)
    claims = []
    for judgement in judgements:
        rule, name = judgement.rule, judgement.id
        compared = label(", ".join(rule["comparisons"]))
        if "minus_comparisons" in rule:
            compared += label(f" minus {', '.join(rule['minus_comparisons'])}")
        place = f"{{ref}}`{name} <claim-{name}>`" if name in named else name
        configs = planned_runs(rule, scale)
        verdict = f"**{judgement.verdict}**"
        if judgement.effects:
            verdict += f": {label(judgement.reason)}"
        counted = [len(configs), len(records.of(configs))]
        claims.append([place, f"{rule['kind']}: {compared}", *counted, verdict])

    def agreements(runs: ArmRuns) -> dict[str, annotators.Agreement]:
        measured = annotators.load(records.folder)
        return annotators.agreements(runs, measured) if measured else {}

    tested = hypotheses.answers(records, agreements)
    questions = [
        [one.states, one.planned, one.finished,
         f"**{one.answer}**" + (f": {one.reason}" if one.reason else "")]
        for one in tested
    ]  # fmt: skip
    runs = ["runs planned", "in the records"]
    return "\n\n".join(
        (
            f"Claims: {_counted(j.verdict for j in judgements)}. "
            f"Hypotheses: {_counted(one.answer for one in tested)}.",
            markdown_table(["claim", "decided by", *runs, "verdict"], claims),
            markdown_table(["hypothesis", *runs, "answer"], questions),
        )
    )


def _counted(verdicts: Iterable[object]) -> str:
    number = Counter(map(str, verdicts))
    return ", ".join(f"{count} {verdict}" for verdict, count in number.items())
