"""What effects decide: verdict and reason of each kind of rule."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from starlib.report.statistics import ALPHA, Effect, counted, p_text

Rule = Mapping[str, Any]
Decision = tuple[str, str]  # verdict and reason
REPLICATED, CONTRADICTED = "replicated", "contradicted"
NO_EFFECT, UNDERPOWERED = "no effect of that size", "underpowered"
NOT_TESTABLE, NOT_RUN = "not testable here", "not run yet"
VERDICTS = (REPLICATED, CONTRADICTED, NO_EFFECT, UNDERPOWERED, NOT_TESTABLE, NOT_RUN)


def by_sign(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """The sign of an effect that differs from 0; else whether the paper's can be excluded."""
    effect, p = effects[0], adjusted[0]
    if p < ALPHA:
        return (REPLICATED if effect.mean > 0 else CONTRADICTED), effect_text(effect, p)
    verdict = NO_EFFECT if effect.excludes_published else UNDERPOWERED
    return verdict, effect_text(effect, p)


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
        f"{name}: {effect_text(effect, p)}"
        for name, effect, p in zip(rule["comparisons"], effects, adjusted, strict=True)
    )
    return verdict, "; ".join(texts) + f". Equivalent is within ±{rule['margin']:g} points"


def by_not_worse(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    """Whether the interval lies above minus the margin."""
    margin, effect = rule["margin"] / 100, effects[0]
    verdict = UNDERPOWERED
    if effect.low > -margin:
        verdict = REPLICATED
    elif effect.high < -margin:
        verdict = CONTRADICTED
    return verdict, effect_text(effect) + f". Not worse is above -{rule['margin']:g} points"


def above_zero(unit: str) -> Callable[[Rule, list[Effect], list[float]], Decision]:
    """Decides by the interval of a value in that unit: above 0 or below."""

    def decide(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
        effect = effects[0]
        text = effect_text(effect, factor=1, unit=unit, signed=False)
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
    unit: str = " points",
    signed: bool = True,
) -> str:
    """Effect, interval, seeds, p after Holm, and how that stands to the paper's effect."""
    sign = "+" if signed else ""
    mean, low, high = (f"{factor * v:{sign}.2f}" for v in (effect.mean, effect.low, effect.high))
    text = f"{mean}{unit} [{low}, {high}], {counted(effect.seeds)} seeds"
    if not np.isnan(p):
        text += f", p {p_text(p)} after Holm"
    if effect.published is None:
        return text
    where = "outside" if effect.excludes_published else "inside"
    text += f"; the paper's {factor * effect.published:+.2f} lies {where} the interval"
    text += f" (power to see it {100 * effect.power():.0f} %"
    needed = effect.seeds_needed()
    return text + (f"; {needed} seeds give 80 %)" if needed and effect.power() < 0.8 else ")")
