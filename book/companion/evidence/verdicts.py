"""What effects decide: verdict and reason of each kind of rule."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from companion.evidence.statistics import ALPHA, Effect, counted, p_text

Rule = Mapping[str, Any]
Decision = tuple[str, str]  # verdict and reason
REPLICATED, CONTRADICTED = "replicated", "contradicted"
NO_EFFECT, UNDERPOWERED = "no effect of that size", "underpowered"
NOT_TESTABLE, NOT_RUN = "not testable here", "not run yet"
NO_VERDICT = "no verdict"
POINTS, PAPER = " points", "the paper's"
VERDICTS = (REPLICATED, CONTRADICTED, NO_EFFECT, UNDERPOWERED, NOT_TESTABLE, NOT_RUN, NO_VERDICT)
VERBS = {NO_EFFECT: ("shows", "show"), NO_VERDICT: ("gets", "get")}  # the others: "is", "are"
WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def summary(verdicts: Sequence[str], of: str = "") -> str:
    """How many claims have which verdict, in a sentence; `of` says whose claims they are."""
    counts = Counter(verdicts)
    parts = [(counts[name], name) for name in VERDICTS if counts[name]]
    words = [*WORDS] if len(verdicts) < len(WORDS) else [str(n) for n in range(len(verdicts) + 1)]
    every = words[len(verdicts)]
    if len(parts) == 1:
        [(number, name)] = parts
        start = {1: f"The claim{of}", 2: f"Both claims{of}"}.get(number, f"All {every} claims{of}")
        return f"{start} {_verb(number, name)}."
    *most, last = (f"{words[number]} {_verb(number, name)}" for number, name in parts)
    return f"Of {every} claims{of}, {', '.join(most)} and {last}."


def _verb(number: int, verdict: str) -> str:
    return f"{VERBS.get(verdict, ('is', 'are'))[number > 1]} {verdict}"


def named(rule: Rule) -> str:
    """The comparison before its effect, unless that is of STAR over none or a mean of several."""
    names = rule.get("comparisons", ())
    return f"{names[0]}: " if len(names) == 1 and " over " in names[0] else ""


def by_sign(
    rule: Rule, effects: list[Effect], adjusted: list[float], unit: str = POINTS, paper: str = PAPER
) -> Decision:
    """The sign of an effect that differs from 0; else whether it is smaller than the paper's."""
    effect, p = effects[0], adjusted[0]
    text = named(rule) + effect_text(effect, p, unit=unit, paper=paper)
    if p < ALPHA:
        return (REPLICATED if effect.mean > 0 else CONTRADICTED), text
    smaller = effect.published is not None and effect.high < effect.published
    return (NO_EFFECT if smaller else UNDERPOWERED), text


def by_leads(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """Whether the first comparison's effect is larger than each other's."""
    pairs = list(zip(effects, adjusted, strict=True))
    if all(effect.mean > 0 and p < ALPHA for effect, p in pairs):
        verdict = REPLICATED
    elif any(effect.mean < 0 and p < ALPHA for effect, p in pairs):
        verdict = CONTRADICTED
    else:
        verdict = UNDERPOWERED
    names = rule["comparisons"][1:]
    return verdict, "; ".join(
        f"{rule['comparisons'][0]} minus {name}: {effect_text(effect, p)}"
        for name, (effect, p) in zip(names, pairs, strict=True)
    )


def by_equivalence(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """Whether every interval lies within the margin."""
    margin = rule["margin"] / 100
    if all(-margin < effect.low and effect.high < margin for effect in effects):
        verdict = REPLICATED
    elif any(p < ALPHA for p in adjusted):
        verdict = CONTRADICTED
    else:
        verdict = UNDERPOWERED
    texts = (
        f"{name}: {effect_text(effect, p, power=False)}"
        for name, effect, p in zip(rule["comparisons"], effects, adjusted, strict=True)
    )
    return verdict, "; ".join(texts) + f". Equivalent means within ±{rule['margin']:g} points"


def by_not_worse(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """Whether the interval lies above minus the margin."""
    margin, effect = rule["margin"] / 100, effects[0]
    verdict = UNDERPOWERED
    if effect.low > -margin:
        verdict = REPLICATED
    elif effect.high < -margin:
        verdict = CONTRADICTED
    text = named(rule) + effect_text(effect)
    return verdict, f"{text}. Not worse means above -{rule['margin']:g} points"


def above_zero(
    note: str = "", centre: float = 0.0
) -> Callable[[Rule, list[Effect], list[float]], Decision]:
    """Decides by the interval of a value less its `centre`: above 0 or below. The reason gives the
    value itself, and the note."""

    def decide(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
        effect = effects[0]
        text = effect_text(effect, factor=1, unit="", signed=False, centre=centre) + note
        if effect.low > 0:
            return REPLICATED, text
        return (CONTRADICTED if effect.high < 0 else UNDERPOWERED), text

    return decide


def by_limit(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """Whether the interval of an angle lies below the limit."""
    effect, limit = effects[0], rule["below"]
    text = effect_text(effect, factor=1, unit="°", signed=False)
    text += f"; {limit:g}° is the limit, 45° is chance"
    if effect.high < limit:
        return REPLICATED, text
    return (CONTRADICTED if effect.low > limit else UNDERPOWERED), text


def effect_text(
    effect: Effect,
    p: float = np.nan,
    factor: float = 100,
    unit: str = POINTS,
    signed: bool = True,
    centre: float = 0.0,
    paper: str = PAPER,
    power: bool = True,
) -> str:
    """Effect, interval, seeds, p after Holm, and how that stands to the paper's effect; with the
    power to see that, which is not the power to see an equivalence."""
    sign = "+" if signed else ""
    values = (effect.mean + centre, effect.low + centre, effect.high + centre)
    mean, low, high = (f"{factor * value:{sign}.2f}" for value in values)
    text = f"{mean}{unit} [{low}, {high}], {counted(effect.seeds)} seeds"
    if not np.isnan(p):
        text += f", p {p_text(p)} after Holm"
    if effect.published is None:
        return text
    where = "outside" if effect.excludes_published else "inside"
    text += f"; {paper} {factor * effect.published:+.2f} lies {where} the interval"
    if not power:
        return text
    text += f" (power to see it, uncorrected: {100 * effect.power():.0f} %"
    needed = effect.seeds_needed()
    return text + (f"; {needed} seeds would give 80 %)" if needed and effect.power() < 0.8 else ")")


def brief(reason: str) -> str:
    """A reason without p-values and power, which stand with the claim on the page of claims."""
    return re.sub(r", p [=<] [\d.]+ after Holm| \(power to see it[^)]*\)", "", reason)
