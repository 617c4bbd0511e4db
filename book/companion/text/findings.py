"""The finding that opens every experiment's page."""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.evidence.claims import Judgement
from companion.evidence.effects import Effect, bounds, counted, interval, points
from companion.exhibits.tables import label
from companion.text.verdicts import summary


def finding(judgements: Sequence[Judgement], effects: Mapping[str, Effect] | None = None) -> str:
    """The judgements in a quotation that opens a page, then of `effects` those that neither a claim
    nor the paper has: with their intervals where these exclude zero, else by name (Markdown)."""
    if not judgements:
        return "> **Finding.** No claim of the paper can be decided here."
    lines = [f"**Finding.** {summary(judgements)}"]
    lines += [f"- **{j.verdict}**: {j.claim.strip()} *{label(j.reason)}*" for j in judgements]
    judged = {name for j in judgements for name in j.rule.get("comparisons", ())}
    others = {
        name: effect
        for name, effect in (effects or {}).items()
        if effect.published is None and not np.isnan(effect.low) and name not in judged
    }
    clear = {name: e for name, e in others.items() if e.low > 0 or e.high < 0}
    if clear:
        texts = (
            f"{label(name)}, *{points(e.mean)} points {bounds(e.low, e.high)}, "
            f"{counted(e.seeds)} seeds*"
            for name, e in clear.items()
        )
        lines.append(f"- **beyond the paper**, not corrected for their number: {'; '.join(texts)}")
    if unclear := [label(name) for name in others if name not in clear]:
        lines.append(f"- **beyond the paper**, zero inside the interval: {'; '.join(unclear)}")
    return _quoted(lines)


def stated(text: str, judgements: Sequence[Judgement]) -> str:
    """A sentence that opens a page; the claims that it rests on are folded below (Markdown)."""
    opening = f"> **Finding.** {text}"
    if not judgements:
        return opening
    number = len(judgements)
    claims = "1 claim of the paper is" if number == 1 else f"{number} claims of the paper are"
    lines = "\n".join(
        f"- **{j.verdict}**: {j.claim.strip()} *{label(j.reason)}*" for j in judgements
    )
    summary = f"<summary>{claims} judged on this page</summary>"
    return f"{opening}\n\n<details>{summary}\n\n{lines}\n\n</details>"


EFFECTS = "The effects, in points of NME, not corrected for their number:"
UNDECIDED = f"No claim of the paper can be decided here. {EFFECTS}"


def effect_finding(effects: Mapping[str, Effect], opening: str = EFFECTS) -> str:
    """The same where no claim is decided, such as for what the paper does not ask: what the
    intervals say, after a sentence that opens them."""
    lacking = [label(name) for name, effect in effects.items() if not effect.run]
    if len(lacking) == len(effects):
        return "> **Finding.** Not answered: no comparison has been run."
    lines = [f"**Finding.** {opening}"]
    for name, effect in effects.items():
        if not effect.run:
            continue
        text = interval(effect)
        if not np.isnan(effect.low):
            text += f", which {'contains' if effect.low <= 0 <= effect.high else 'excludes'} zero"
        lines.append(f"- {label(name)}: {text}")
    if lacking:
        lines.append(f"- not run: {'; '.join(lacking)}")
    return _quoted(lines)


def _quoted(lines: Sequence[str]) -> str:
    """Lines as paragraphs of one quotation."""
    return "\n".join(f"> {line}\n>" for line in lines).removesuffix("\n>")
