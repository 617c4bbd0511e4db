"""The hypotheses of settled.yml: a function for each decides it from effects that are measured.

`supported` and `refuted` are the conditions that the file states in words. A question stays open
where neither holds, and where both do, as for an effect that is above zero and negligible.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from companion.evidence import mechanism
from companion.evidence.annotators import Agreement, closer
from companion.evidence.rules import measured_effects, rule_arms
from companion.evidence.statistics import ALPHA, Effect, holm, interval
from companion.evidence.verdicts import Rule, Word
from companion.experiments.experiment import PROTOCOLS, SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from starlib.runs.records import Run
from starlib.training.config import RunConfig

L2, AAM = 0.0013, 0.0006  # margins: thirds of the paper's effects with l2, and in Table 5
SMOOTH_L1 = 0.0012  # the paper's effect
CHANCE = (45.0, 0.0, 1.0)  # of an angle in degrees, of a correlation, of a ratio
Hypothesis = Mapping[str, Any]  # as in settled.yml
Agreements = Callable[[ArmRuns], Mapping[str, Agreement]]


class Answer(Word):
    """What the records say of a hypothesis."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    OPEN = "open"
    NOT_RUN = "not run"


def answer(supported: bool, refuted: bool) -> Answer:
    """The answer by both conditions."""
    if supported == refuted:
        return Answer.OPEN
    return Answer.SUPPORTED if supported else Answer.REFUTED


def above(*effects: Effect) -> list[bool]:
    """Whether each effect is above zero, p < 0.05 by Holm over those that are given."""
    adjusted = holm([effect.p for effect in effects])
    return [e.mean > 0 and p < ALPHA for e, p in zip(effects, adjusted, strict=True)]


def within(effect: Effect, margin: float) -> bool:
    """Whether the whole interval lies within ±margin."""
    return -margin < effect.low and effect.high < margin


def heatmap_shows_annotators(star: Agreement, plain: Agreement, edges: Agreement) -> Answer:
    """Agreement with people of heatmaps with STAR loss and without, and of the picture's edges."""
    _, low, high = closer(star, plain)
    supported = star.angle[2] < CHANCE[0] and closer(star, edges)[1] > 0 and low > 0
    return answer(supported, high < 2)


def width_is_an_optimum(widths: pd.DataFrame) -> Answer:
    """widths: as `mechanism.widths` makes them."""
    ours, null = mechanism.misfit(widths)
    return answer(ours < min(0.15, null), ours > 0.30 or ours >= null)


def part_matters(l2: Effect, aam: Effect) -> Answer:
    """STAR loss over a control that lacks one part of it, without and with AAM."""
    return answer(any(above(l2, aam)), within(l2, L2) and within(aam, AAM))


def gains_with_l2(effect: Effect) -> Answer:
    """STAR loss with l2 over l2: with detach, or after twice the epochs."""
    return answer(all(above(effect)), effect.high < L2)


def error_follows_training_error(low: float, high: float) -> Answer:
    """Limits of STAR's NME compared with arms of the same training error, in % of it."""
    return answer(low > -1 and high < 1, low > 1 or high < -1)


def noise_rule(kind: str, dataset: str, control: str | None = None) -> Rule:
    """The gain of STAR loss with l2 against the truth, or what it is more than on the control."""
    rule = {"kind": kind, "experiment": "noise", "dataset": dataset, "comparisons": ["l2"]}
    return {**rule, "against": "clean"} | ({"control": control} if control else {})


# What decides a hypothesis from effects alone; where RULES has nothing, those of its comparisons.
DECIDE: Mapping[str, Callable[..., Answer]] = {
    # The gain with noise of strength 6 minus that without noise, of strength 3 minus that with
    # noise without direction, and at strength 3.
    "ambiguity-is-the-cause": lambda strength, direction, gain: answer(
        all(above(strength, direction)), max(strength.high, direction.high) < gain.mean / 2
    ),
    # Angle, correlation and ratio, each minus its value without noise in the claimed direction;
    # `means` has both values, that with noise first.
    "heatmap-shows-ambiguity": lambda *measures: answer(
        all(above(*measures)),
        all(e.mean <= abs(e.means[0] - c) / 3 for e, c in zip(measures, CHANCE, strict=True)),
    ),
    # For each distance the gain with one of two labels minus that with their mean; and the latter.
    "helps-where-annotators-disagree": lambda l2, smooth, gain_l2, gain_smooth: answer(
        any(above(l2, smooth)),
        all(e.high < max(g.mean / 3, 0.0) for e, g in ((l2, gain_l2), (smooth, gain_smooth))),
    ),
    # STAR loss with l2 over |e|^(4/3)
    "gain-is-four-thirds": lambda e: answer(within(e, L2), e.low > L2 or e.high < -L2),
    "directions-matter": part_matters,
    "eccentricity-matters": part_matters,
    # STAR loss with l2 over l2 with the value restriction
    "restriction-alone": lambda e: answer(within(e, L2), e.low > L2),
    "gain-without-value-term": gains_with_l2,
    "gain-outlasts-training": gains_with_l2,
    # STAR loss over the baseline at w = 2, and both in the released convention
    "released-weight": lambda *both: answer(
        all(above(*both)), all(e.high < SMOOTH_L1 for e in both)
    ),
}
RULES: Mapping[str, list[Rule]] = {
    "ambiguity-is-the-cause": [
        noise_rule("interaction", "synthface-6", "synthface-0"),
        noise_rule("interaction", "synthface", "synthface-isotropic"),
        noise_rule("effect", "synthface"),
    ],
    "heatmap-shows-ambiguity": [
        {"kind": kind, "experiment": "ambiguity", "dataset": "synthface", "arm": "STAR l2 +DR",
         "control": "synthface-0", "regions": ["contour", "eye corners"]}
        for kind in ("angle", "correlation", "ratio")
    ],
    "helps-where-annotators-disagree": [
        {"kind": kind, "experiment": "annotators", "comparisons": [distance], **datasets}
        for kind, datasets in (
            ("interaction", {"dataset": "cephalo-one", "control": "cephalo"}),
            ("effect", {"dataset": "cephalo"}),
        )
        for distance in ("l2", "smooth_l1")
    ],
}  # fmt: skip


def rules_of(hypothesis: Hypothesis) -> list[Rule]:
    """The effects, as rules, that decide a hypothesis of DECIDE."""
    runs = hypothesis["runs"]
    if hypothesis["id"] in RULES:
        return RULES[hypothesis["id"]]
    rule = {"kind": "effect", "experiment": runs["experiment"], "dataset": runs["datasets"][0]}
    return [{**rule, "comparisons": [name]} for name in runs["each"]]


def planned_runs(hypothesis: Hypothesis, scale: str = SETTLED_SCALE) -> list[RunConfig]:
    """The runs without which a hypothesis is not decided; of a closed scale, what it reads. None is
    in another precision or batch: those were planned later, when first answers were known."""
    usual = RunConfig.at(scale, "300w")
    used = {
        "width-is-an-optimum": mechanism.restricted,
        "error-follows-training-error": lambda c: c.image_size == 96 and c.scale == scale,
    }.get(hypothesis["id"], lambda _: True)
    runs = hypothesis["runs"]
    arms: Sequence[str] | None = None
    experiments = list(EXPERIMENTS.values())
    if runs["experiment"] != "all":
        experiments = [EXPERIMENTS[runs["experiment"]]]
        names = runs.get("each") or ([runs["comparison"]] if "comparison" in runs else [])
        arms = runs.get("arms") or rule_arms({"comparisons": names}, experiments[0])
    where = [(e, d) for e in experiments for d in e.datasets if d in runs["datasets"]]
    every = (config for e, d in where for config in e.configs(d, scale, arms=arms))
    first = (c for c in every if (c.precision, c.batch_size) == (usual.precision, usual.batch_size))
    return [config for config in dict.fromkeys(first) if used(config)]


@dataclass(frozen=True)
class Tested:
    """A hypothesis with its answer. planned, finished: numbers of runs. reason: the effects."""

    id: str
    states: str
    planned: int
    finished: int
    answer: Answer
    reason: str = ""


def tested(
    hypothesis: Hypothesis, records: Records, agreements: Agreements, scale: str = SETTLED_SCALE
) -> Tested:
    """The answer to one hypothesis: "not run" until all its runs are finished. At a closed scale
    the same conditions are read from what was run there, three seeds an arm or more."""
    configs = planned_runs(hypothesis, scale)
    finished = records.of(configs)
    found, reason = Answer.NOT_RUN, ""
    if len(finished) == len(configs) or (finished and scale in PROTOCOLS):
        found, reason = _decided(hypothesis, records, finished, agreements, scale)
    known = (hypothesis["id"], hypothesis["states"], len(configs), len(finished))
    return Tested(*known, found, reason)


def _decided(
    hypothesis: Hypothesis,
    records: Records,
    runs: Sequence[Run],
    agreements: Agreements,
    scale: str,
) -> tuple[Answer, str]:
    name = hypothesis["id"]
    if name == "width-is-an-optimum":
        widths = mechanism.widths(runs, every=True)
        if widths.empty:
            return Answer.NOT_RUN, ""
        ours, null = mechanism.misfit(widths)
        reason = f"median misfit {100 * ours:.0f} %, of a constant {100 * null:.0f} %"
        return width_is_an_optimum(widths), reason
    if name == "error-follows-training-error":
        kept = mechanism.comparable(runs, epochs=runs[0].config.epochs)
        table = mechanism.at_equal_training_error(kept)
        if "STAR" not in table.index:
            return Answer.NOT_RUN, ""
        mean, low, high, _ = map(float, table.loc["STAR"])
        reason = f"{mean:+.2f} % [{low:+.2f}, {high:+.2f}]"
        return error_follows_training_error(low, high), reason
    if name == "heatmap-shows-annotators":
        arms, experiment = hypothesis["runs"]["arms"], EXPERIMENTS["ablation_distance"]
        found = agreements(records.arm_runs(experiment, "300w", scale, arms=arms))
        if "STAR l2" not in found:  # people's labels were not measured, or no covariances kept
            return Answer.NOT_RUN, ""
        star, plain, edges = (found[n] for n in ("STAR l2", "l2", "edges of the picture"))
        angles = ", ".join(f"{n} {a.angle[0]:.1f}°" for n, a in found.items())
        return heatmap_shows_annotators(star, plain, edges), angles
    effects = [e for rule in rules_of(hypothesis) for e in measured_effects(rule, records, scale)]
    if not all(effect.decidable for effect in effects):
        return Answer.NOT_RUN, ""
    return DECIDE[name](*effects), "; ".join(_text(effect, name) for effect in effects)


def _text(effect: Effect, name: str) -> str:
    if name != "heatmap-shows-ambiguity":
        return interval(effect)
    return f"{effect.mean:+.2f} [{effect.low:+.2f}, {effect.high:+.2f}]"
