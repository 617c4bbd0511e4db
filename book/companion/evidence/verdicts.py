"""The verdicts on claims: sign, size and setting apart; what effects decide, and why in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from companion.evidence.statistics import ALPHA, Effect, bounds, counted, interval, p_text, points

Rule = Mapping[str, Any]


class Word(str, Enum):
    """A word of a fixed list, shown as it is."""

    def __str__(self) -> str:
        return self.value


class Verdict(Word):
    """What the records say of a claim."""

    SAME_SIZE = "same sign, size inside the interval"
    OTHER_SIZE = "same sign, other size"
    OTHER_SETTING = "same sign, other setting"  # the paper's size is of another data set
    SAME_SIGN = "same sign"  # the paper prints no size
    EQUIVALENT = "equivalent"
    NOT_WORSE = "not worse"
    AGREES = "agrees"
    NOT_SEEN = "not seen here"  # zero lies inside the interval, the paper's effect above it
    TOO_FEW = "too few seeds"
    OPPOSITE = "opposite sign"
    DIFFERENT = "not equivalent"
    WORSE = "worse"
    DISAGREES = "disagrees"
    MIXED = "differs by machine"
    NOT_RUN = "not run"
    NOT_TESTABLE = "not testable here"

    @property
    def supports(self) -> bool | None:
        """Whether the claim holds here; None where that is open."""
        if self in HOLD:
            return True
        return False if self in FAIL else None


HOLD = {
    *(Verdict.SAME_SIZE, Verdict.OTHER_SIZE, Verdict.OTHER_SETTING, Verdict.SAME_SIGN),
    *(Verdict.EQUIVALENT, Verdict.NOT_WORSE, Verdict.AGREES),
}
FAIL = {
    *(Verdict.OPPOSITE, Verdict.NOT_SEEN, Verdict.DIFFERENT, Verdict.WORSE, Verdict.DISAGREES),
}
Decision = tuple[Verdict, str]  # and the reason
Decide = Callable[["Measured"], Decision]


@dataclass(frozen=True)
class Measured:
    """What decides a claim: its rule, its effects, their p-values after Holm's correction within
    the rule's family, whether the paper's sizes are of the data set that was run, and the standard
    deviation over seeds with its degrees of freedom, pooled over the arms of the family."""

    rule: Rule
    effects: Sequence[Effect]
    adjusted: Sequence[float]
    same_setting: bool = True
    pooled: tuple[float, int] | None = None


def by_sign(measured: Measured, unit: str = " points") -> Decision:
    """The sign of an effect that differs from zero, then its size; else whether the paper's effect
    lies above the interval."""
    effect, p = measured.effects[0], measured.adjusted[0]
    size = effect.published if measured.same_setting else None
    if p < ALPHA:
        verdict = _same_sign([effect], measured) if effect.mean > 0 else Verdict.OPPOSITE
    else:
        unseen = size is not None and effect.low <= 0 <= effect.high < size
        verdict = Verdict.NOT_SEEN if unseen else Verdict.TOO_FEW
    text = _named(measured.rule) + effect_text(effect, p, unit, measured.same_setting)
    if verdict is Verdict.TOO_FEW and size is not None and measured.pooled is not None:
        needed = effect.seeds_needed(size, *measured.pooled)
        text += f" ({needed} seeds would show it with power 80 %)" if needed else ""
    return verdict, text


def _same_sign(effects: Sequence[Effect], measured: Measured) -> Verdict:
    if not measured.same_setting:
        return Verdict.OTHER_SETTING
    if all(effect.published is None for effect in effects):
        return Verdict.SAME_SIGN
    outside = any(effect.excludes_published for effect in effects)
    return Verdict.OTHER_SIZE if outside else Verdict.SAME_SIZE


def _verdict(holds: bool, yes: Verdict, fails: bool, no: Verdict) -> Verdict:
    if holds:
        return yes
    return no if fails else Verdict.TOO_FEW


def by_leads(measured: Measured) -> Decision:
    """Whether the first comparison's effect is larger than each other's."""
    first, *others = measured.rule["comparisons"]
    pairs = list(zip(measured.effects, measured.adjusted, strict=True))
    ahead = all(effect.mean > 0 and p < ALPHA for effect, p in pairs)
    behind = any(effect.mean < 0 and p < ALPHA for effect, p in pairs)
    yes = _same_sign(measured.effects, measured)
    return _verdict(ahead, yes, behind, Verdict.OPPOSITE), "; ".join(
        f"{first} minus {name}: {effect_text(effect, p, same_setting=measured.same_setting)}"
        for name, (effect, p) in zip(others, pairs, strict=True)
    )


def by_equivalence(measured: Measured) -> Decision:
    """Whether every interval lies within the margin, or one outside of it."""
    margin = measured.rule["margin"] / 100
    effects = measured.effects
    inside = all(-margin < effect.low and effect.high < margin for effect in effects)
    outside = any(effect.low > margin or effect.high < -margin for effect in effects)
    verdict = _verdict(inside, Verdict.EQUIVALENT, outside, Verdict.DIFFERENT)
    texts = (
        f"{name}: {interval(effect)}, {counted(effect.seeds)} seeds"
        for name, effect in zip(measured.rule["comparisons"], effects, strict=True)
    )
    why = measured.rule.get("reason")
    text = f"{'; '.join(texts)}. Equivalent is within ±{100 * margin:g} points"
    return verdict, text + (f" ({why})" if why else "")


def by_not_worse(measured: Measured) -> Decision:
    """Whether the interval lies above minus the margin."""
    margin, effect = measured.rule["margin"] / 100, measured.effects[0]
    verdict = _verdict(
        effect.low > -margin, Verdict.NOT_WORSE, effect.high < -margin, Verdict.WORSE
    )
    text = _named(measured.rule) + effect_text(effect, same_setting=measured.same_setting)
    return verdict, f"{text}. Non-inferiority margin: {100 * margin:g} points"


def against_null(unit: str = "", note: str = "", digits: int = 2) -> Decide:
    """By the difference between an arm and its null, in the claimed direction."""

    def decide(measured: Measured) -> Decision:
        effect = measured.effects[0]
        verdict = _verdict(effect.low > 0, Verdict.SAME_SIGN, effect.high < 0, Verdict.OPPOSITE)
        arm, null = (f"{mean:.{digits}f}{unit}" for mean in effect.means)
        text = f"{arm}, and {null} in {measured.rule.get('control_is', 'the control')}"
        if not np.isnan(effect.low):
            values = (f"{v:+.{digits}f}" for v in (effect.mean, effect.low, effect.high))
            text += "; difference {}{unit} [{}, {}]".format(*values, unit=unit)
        return verdict, f"{text}, {counted(effect.seeds)} seeds{note}"

    return decide


def effect_text(
    effect: Effect, p: float = np.nan, unit: str = " points", same_setting: bool = True
) -> str:
    """Effect, interval, seeds, p after Holm, and the paper's effect."""
    if np.isnan(effect.low):
        return f"{points(effect.mean)}{unit}, {counted(effect.seeds)} seeds"
    limits = bounds(effect.low, effect.high)
    text = f"{points(effect.mean)}{unit} {limits}, {counted(effect.seeds)} seeds"
    if not np.isnan(p):
        text += f", p {p_text(p)}"
    if effect.published is None:
        return text
    where = "" if same_setting else " in another setting"
    return f"{text}; the paper {points(effect.published)}{where}"


def _named(rule: Rule) -> str:
    """The comparison before its effect, unless that is of STAR over none or a mean of several."""
    names = rule.get("comparisons", ())
    return f"{names[0]}: " if len(names) == 1 and " over " in names[0] else ""
