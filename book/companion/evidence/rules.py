"""The kinds of rules in claims.yml and settled.yml: what each measures in the records; verdicts.py
decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.evidence import ambiguity
from companion.evidence.breakdown import stability_effect
from companion.evidence.effects import arms_effect, comparison_weights, mean_published, seed_means
from companion.evidence.statistics import Effect, contrast
from companion.evidence.verdicts import (
    Decide,
    Decision,
    Measured,
    Rule,
    against_null,
    by_equivalence,
    by_leads,
    by_not_worse,
    by_sign,
)
from companion.experiments.experiment import Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from companion.files import BOOK, read_yaml
from starlib.runs.records import Run
from starlib.training.config import RunConfig

RunsOn = Callable[[str], ArmRuns]  # data set -> the runs of a rule's arms
Measure = Callable[[Rule, Experiment, RunsOn], list[Effect]]


@dataclass(frozen=True)
class Kind:
    """A kind of rule that contrasts arms.

    keys, options: those a rule must and may have. measure: the effects. decide: verdict and reason.
    family: whether its p-values count in Holm's correction of the rule's family.
    """

    keys: tuple[str, ...]
    options: tuple[str, ...]
    measure: Measure
    decide: Decide
    family: bool = True


def rule_arms(rule: Rule, experiment: Experiment) -> list[str]:
    """The arms that a rule speaks of."""
    names = [*rule.get("comparisons", ()), *rule.get("minus_comparisons", ())]
    pairs = [experiment.comparisons[name] for name in names]
    named = [arm for pair in pairs for arm in (pair.without, pair.with_)]
    named += [*rule.get("arms", ()), *([rule["arm"]] if "arm" in rule else [])]
    return list(dict.fromkeys(named))


def planned_runs(rule: Rule, scale: str) -> list[RunConfig]:
    """The runs that a rule needs: of its arms, on its data set and on its null's."""
    experiment = EXPERIMENTS[rule["experiment"]]
    arms = rule_arms(rule, experiment)
    datasets = [rule[key] for key in ("dataset", "control") if key in rule]
    return [c for name in datasets for c in experiment.configs(name, scale, arms=arms or None)]


def measured_effects(
    rule: Rule, records: Records, scale: str, seeds: Sequence[int] | None = None
) -> list[Effect]:
    """The effects that decide a rule of one of KINDS."""
    experiment = EXPERIMENTS[rule["experiment"]]
    asked = scale, seeds, rule_arms(rule, experiment)
    return KINDS[rule["kind"]].measure(
        rule, experiment, lambda dataset: records.arm_runs(experiment, dataset, *asked)
    )


def _contrasts(groups: Callable[[Rule], Sequence[tuple[Sequence[str], Sequence[str]]]]) -> Measure:
    """The mean effect of some comparisons minus that of others, for each group of both."""

    def measure(rule: Rule, experiment: Experiment, runs_on: RunsOn) -> list[Effect]:
        dataset, found = rule["dataset"], []
        for names, others in groups(rule):
            weights = comparison_weights(experiment, names, others)
            printed = mean_published(experiment, names, dataset)
            if others and printed is not None:
                minus = mean_published(experiment, others, dataset)
                printed = None if minus is None else printed - minus
            against = rule.get("against", "target")
            found.append(arms_effect(runs_on(dataset), weights, printed, against=against))
        return found

    return measure


def _interaction(rule: Rule, experiment: Experiment, runs_on: RunsOn) -> list[Effect]:
    """The effect on the rule's data set minus that on the null's."""
    pair = experiment.comparisons[rule["comparisons"][0]]
    arms, samples = [], []
    for dataset in (rule["dataset"], rule["control"]):
        runs = runs_on(dataset)
        for arm in (pair.without, pair.with_):
            samples.append(seed_means(runs[arm], against=rule.get("against", "target")))
            arms.append(f"{dataset}: {arm}")
    return [contrast(samples, (1.0, -1.0, -1.0, 1.0), arms=arms)]


def _stability(rule: Rule, experiment: Experiment, runs_on: RunsOn) -> list[Effect]:
    pair = experiment.comparisons[rule["comparisons"][0]]
    runs, regions = runs_on(rule["dataset"]), (rule.get("region"), rule.get("minus"))
    return [stability_effect(runs, pair, *regions)]


def _width(rule: Rule, experiment: Experiment, runs_on: RunsOn) -> list[Effect]:
    runs = runs_on(rule["dataset"])

    def last(arm: str) -> list[float]:
        curves = (run.curves.get("width", []) for run in runs[arm].values())
        return [values[-1] for values in curves if values]

    return [contrast([last(arm) for arm in rule["arms"]], arms=rule["arms"])]


def _beside_null(value: Callable[[Rule, Run], float], sign: float = 1.0) -> Measure:
    """A value of an arm's runs beside the same arm on the null's data set; `sign` is that of the
    claimed difference."""

    def measure(rule: Rule, experiment: Experiment, runs_on: RunsOn) -> list[Effect]:
        arm, datasets = rule["arm"], (rule["dataset"], rule["control"])
        samples = []
        for dataset in datasets:
            values = np.array([value(rule, run) for run in runs_on(dataset)[arm].values()], float)
            samples.append(values[~np.isnan(values)])
        arms = [f"{dataset}: {arm}" for dataset in datasets]
        return [contrast(samples, (sign, -sign), arms=arms)]

    return measure


def _by_spread(measured: Measured) -> Decision:
    unit = " % of the normalising distance"
    if "minus" in measured.rule:
        unit += " ({region} minus {minus})".format(**measured.rule)
    return by_sign(measured, unit)


WIDE = "; standard deviations of heatmaps, in a picture 2 wide"
RUNS = ("experiment", "dataset")
PAIRS = ("family", *RUNS, "comparisons")
NULL = (*RUNS, "arm", "control", "control_is")
MEAN = _contrasts(lambda rule: [(rule["comparisons"], ())])
EACH = _contrasts(lambda rule: [([name], ()) for name in rule["comparisons"]])
LEADS = _contrasts(lambda rule: [(rule["comparisons"][:1], [n]) for n in rule["comparisons"][1:]])
MINUS = _contrasts(lambda rule: [(rule["comparisons"], rule["minus_comparisons"])])
ANGLE = _beside_null(lambda _, run: ambiguity.angle_to_noise(run), -1.0)
CORRELATION = _beside_null(lambda _, run: ambiguity.correlation_with_noise(run))
RATIO = _beside_null(lambda rule, run: ambiguity.region_ratio(run, rule["regions"]))
KINDS: Mapping[str, Kind] = {
    "effect": Kind(PAIRS, ("against",), MEAN, by_sign),
    "largest": Kind(PAIRS, (), LEADS, by_leads),
    "difference": Kind((*PAIRS, "minus_comparisons"), (), MINUS, by_sign),
    "interaction": Kind((*PAIRS, "control"), ("against",), _interaction, by_sign),
    "equivalent": Kind((*PAIRS, "margin", "reason"), (), EACH, by_equivalence, False),
    "not_worse": Kind((*PAIRS, "margin"), (), MEAN, by_not_worse, False),
    "stability": Kind(PAIRS, ("region", "minus"), _stability, _by_spread),
    "width": Kind((*RUNS, "arms"), ("control_is",), _width, against_null(note=WIDE), False),
    "angle": Kind(NULL, (), ANGLE, against_null("°", digits=1), False),
    "correlation": Kind(NULL, (), CORRELATION, against_null(), False),
    "ratio": Kind((*NULL, "regions"), (), RATIO, against_null(), False),
}


HEADLINE: dict[str, dict[str, Any]] = read_yaml(BOOK / "headline.yml")


def headline_effects(records: Records, drawn: bool = False) -> dict[str, Effect]:
    """Name -> effect for the sentences of the first screen, or those `drawn` in its figure."""
    usual = {"kind": "effect", "experiment": "ablation_distance", "dataset": "300w"}
    effects = {}
    for name, one in HEADLINE.items():
        if one.get("drawn", True) or not drawn:
            [effects[name]] = measured_effects(usual | one, records, one.get("scale", "reduced"))
    return effects


def headline_links() -> dict[str, str]:
    """Name in the figure -> the claim's place in the book."""
    return {n: f"claims.html#claim-{e['claim']}" for n, e in HEADLINE.items() if "claim" in e}
