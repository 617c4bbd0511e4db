"""The finding that opens every experiment's page."""

from collections.abc import Sequence

from companion.evidence.claims import Judgement
from companion.exhibits.tables import label
from companion.text.statements import Statement
from companion.text.verdicts import summary

FINDING = "> **Finding.**"


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
