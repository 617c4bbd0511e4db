"""The kinds of rules in claims.yml: what each measures in the records, and what it decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from starlib.experiments.arms import EXPERIMENTS
from starlib.experiments.experiment import Experiment
from starlib.experiments.records import Run
from starlib.experiments.selection import ArmRuns, arm_runs
from starlib.report import ambiguity
from starlib.report.effects import (
    ALPHA,
    Effect,
    arms_effect,
    comparison_weights,
    contrast,
    counted,
    mean_published,
    p_text,
)
from starlib.report.published import published_values
from starlib.report.stability import spread_samples

Rule = Mapping[str, Any]
Decision = tuple[str, str]  # verdict and reason
REPLICATED, CONTRADICTED = "replicated", "contradicted"
NO_EFFECT, UNDERPOWERED = "no effect of that size", "underpowered"
NOT_TESTABLE, NOT_RUN = "not testable here", "not run yet"
VERDICTS = (REPLICATED, CONTRADICTED, NO_EFFECT, UNDERPOWERED, NOT_TESTABLE, NOT_RUN)
POINTS = (100.0, " points")  # factor and unit in which an effect is shown


@dataclass(frozen=True)
class Kind:
    """A kind of rule that contrasts arms.

    keys, options: those a rule must and may have. measure: the effects, from the rule's runs.
    decide: verdict and reason from rule, effects, and p-values adjusted within the rule's table.
    """

    keys: tuple[str, ...]
    options: tuple[str, ...]
    measure: Callable[[Rule, Experiment, ArmRuns], list[Effect]]
    decide: Callable[[Rule, list[Effect], list[float]], Decision]
    unit: tuple[float, str] = POINTS
    adjusted: bool = True  # whether its p-values count in the family


def rule_arms(rule: Rule, experiment: Experiment) -> list[str]:
    """The arms that a rule speaks of."""
    pairs = [experiment.comparisons[name] for name in rule.get("comparisons", ())]
    named = [arm for pair in pairs for arm in (pair.without, pair.with_)]
    named += [*rule.get("arms", ()), *([rule["arm"]] if "arm" in rule else [])]
    return list(dict.fromkeys(named))


def rule_runs(rule: Rule, results: Path | str | None) -> ArmRuns:
    """The runs of a rule's arms at the reduced scale."""
    experiment = EXPERIMENTS[rule["experiment"]]
    return arm_runs(experiment, rule["dataset"], arms=rule_arms(rule, experiment), results=results)


def _mean_effect(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
    return [_effect(rule, experiment, runs, rule["comparisons"])]


def _each_effect(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
    return [_effect(rule, experiment, runs, [name]) for name in rule["comparisons"]]


def _effect(rule: Rule, experiment: Experiment, runs: ArmRuns, names: Sequence[str]) -> Effect:
    printed = mean_published(experiment, names, rule["dataset"])
    against = rule.get("against", "target")
    weights = comparison_weights(experiment, names)
    return arms_effect(runs, weights, printed, draws=0, against=against)


def _lead(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
    """The first comparison's effect minus that of each other."""
    first, *others = rule["comparisons"]
    found = []
    for other in others:
        weights = comparison_weights(experiment, [first])
        for arm, weight in comparison_weights(experiment, [other]).items():
            weights[arm] = weights.get(arm, 0.0) - weight
        most = mean_published(experiment, [first], rule["dataset"])
        less = mean_published(experiment, [other], rule["dataset"])
        lead = None if most is None or less is None else most - less
        found.append(arms_effect(runs, weights, lead, draws=0))
    return found


def _stability(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
    name = rule["comparisons"][0]
    pair = experiment.comparisons[name]
    region, minus = rule.get("region"), rule.get("minus")
    samples = [spread_samples(runs[arm], region, minus) for arm in (pair.without, pair.with_)]
    effect = contrast(samples)
    printed = published_values(pair, rule["dataset"])
    if printed and printed.without and effect.run and region is None:
        # The paper's unit is not given: its relative change, on our spread.
        effect = replace(effect, published=printed.effect / printed.without * effect.means[0])
    return [effect]


def _width(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
    def last(arm: str) -> list[float]:
        curves = (run.curves.get("width", []) for run in runs[arm].values())
        return [values[-1] for values in curves if values]

    return [contrast([last(arm) for arm in rule["arms"]])]


def _over_seeds(value: Callable[[Rule, Run], float], centre: float) -> Callable[..., list[Effect]]:
    """The mean over one arm's seeds of a value of its runs, less `centre`."""

    def measure(rule: Rule, experiment: Experiment, runs: ArmRuns) -> list[Effect]:
        values = np.array([value(rule, run) for run in runs[rule["arm"]].values()], np.float64)
        return [contrast([values[~np.isnan(values)] - centre], [1.0])]

    return measure


def _sign(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    effect, p = effects[0], adjusted[0]
    if p < ALPHA:
        return (REPLICATED if effect.mean > 0 else CONTRADICTED), effect_text(effect, p)
    verdict = NO_EFFECT if effect.excludes_published else UNDERPOWERED
    return verdict, effect_text(effect, p)


def _leads(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
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


def _equivalent(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
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


def _not_worse(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    margin, effect = rule["margin"] / 100, effects[0]
    verdict = UNDERPOWERED
    if effect.low > -margin:
        verdict = REPLICATED
    elif effect.high < -margin:
        verdict = CONTRADICTED
    return verdict, effect_text(effect) + f". Not worse is above -{rule['margin']:g} points"


def _above_zero(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    return _bounded(rule, effects[0], above=0.0)


def _bounded(rule: Rule, effect: Effect, above: float) -> Decision:
    factor, unit = KINDS[rule["kind"]].unit
    text = effect_text(effect, factor=factor, unit=unit, signed=False)
    if effect.low > above:
        return REPLICATED, text
    return (CONTRADICTED if effect.high < above else UNDERPOWERED), text


def _below(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
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


def _angle(rule: Rule, run: Run) -> float:
    return ambiguity.angle_to_noise(run)


def _correlation(rule: Rule, run: Run) -> float:
    return ambiguity.correlation_with_noise(run)


def _ratio(rule: Rule, run: Run) -> float:
    return ambiguity.region_ratio(run, tuple(rule["regions"]))


RUNS = ("experiment", "dataset")
PAIRS = ("table", *RUNS, "comparisons")
ONE_ARM = (*RUNS, "arm")
KINDS: dict[str, Kind] = {
    "effect": Kind(PAIRS, ("against",), _mean_effect, _sign),
    "largest": Kind(PAIRS, (), _lead, _leads),
    "equivalent": Kind((*PAIRS, "margin"), (), _each_effect, _equivalent),
    "not_worse": Kind((*PAIRS, "margin"), (), _mean_effect, _not_worse, adjusted=False),
    "stability": Kind(PAIRS, ("region", "minus"), _stability, _sign),
    "width": Kind((*RUNS, "arms"), (), _width, _above_zero, (1.0, " of [-1, 1]"), False),
    "angle": Kind(
        (*ONE_ARM, "below"), (), _over_seeds(_angle, 0.0), _below, (1.0, "°"), adjusted=False
    ),
    "correlation": Kind(
        ONE_ARM, (), _over_seeds(_correlation, 0.0), _above_zero, (1.0, ""), adjusted=False
    ),
    "ratio": Kind(
        (*ONE_ARM, "regions"), (), _over_seeds(_ratio, 1.0), _above_zero, (1.0, " above 1"), False
    ),
}
