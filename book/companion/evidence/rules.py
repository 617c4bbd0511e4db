"""The kinds of rules in claims.yml: what each measures in the records (decisions.py decides)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from companion.evidence import ambiguity
from companion.evidence.effects import arms_effect, comparison_weights, mean_published
from companion.evidence.published import published_values
from companion.evidence.stability import spread_samples
from companion.evidence.statistics import Effect, contrast
from companion.evidence.verdicts import (
    Decision,
    Rule,
    above_zero,
    by_equivalence,
    by_leads,
    by_limit,
    by_not_worse,
    by_sign,
)
from companion.experiments.experiment import Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.select import ArmRuns, arm_runs
from starlib.runs.records import Run


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


def _angle(rule: Rule, run: Run) -> float:
    return ambiguity.angle_to_noise(run)


def _correlation(rule: Rule, run: Run) -> float:
    return ambiguity.correlation_with_noise(run)


def _ratio(rule: Rule, run: Run) -> float:
    return ambiguity.region_ratio(run, tuple(rule["regions"]))


WIDER = "; difference of the heatmaps' standard deviations, where the picture is 2 wide"
RANKS = "; a rank correlation"
EQUAL = "; 1 would be no difference"


def _by_spread(rule: Rule, effects: list[Effect], adjusted: list[float]) -> Decision:
    unit = " % of the normalising distance"
    if "minus" in rule:
        unit += f" ({rule['region']} minus {rule['minus']})"
    verdict, text = by_sign(rule, effects, adjusted, unit, "the paper's change, on our spread,")
    effect = effects[0]
    if effect.published is not None:
        # The paper says "variance"; by_sign reads its change as one of the standard deviation.
        root = 1 - np.sqrt(1 - effect.published / effect.means[0])
        text += f"; as a change of the variance it would be {100 * root * effect.means[0]:+.2f}"
    return verdict, text


RUNS = ("experiment", "dataset")
PAIRS = ("table", *RUNS, "comparisons")
ONE_ARM = (*RUNS, "arm")
KINDS: dict[str, Kind] = {
    "effect": Kind(PAIRS, ("against",), _mean_effect, by_sign),
    "largest": Kind(PAIRS, (), _lead, by_leads),
    "equivalent": Kind((*PAIRS, "margin"), (), _each_effect, by_equivalence),
    "not_worse": Kind((*PAIRS, "margin"), (), _mean_effect, by_not_worse, adjusted=False),
    "stability": Kind(PAIRS, ("region", "minus"), _stability, _by_spread),
    "width": Kind((*RUNS, "arms"), (), _width, above_zero(WIDER), False),
    "angle": Kind((*ONE_ARM, "below"), (), _over_seeds(_angle, 0.0), by_limit, adjusted=False),
    "correlation": Kind(
        ONE_ARM, (), _over_seeds(_correlation, 0.0), above_zero(RANKS), adjusted=False
    ),
    "ratio": Kind(
        (*ONE_ARM, "regions"), (), _over_seeds(_ratio, 1.0), above_zero(EQUAL, 1.0), False
    ),
}
