"""What the records say of the paper's claims, by the rules in claims.yml or settled.yml."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from companion.bench import summary as costs
from companion.evidence.published import ROUNDED_DIFFERENCE, mean_effect, printed_for
from companion.evidence.rules import KINDS, measured_effects, planned_runs, rule_arms
from companion.evidence.statistics import ENOUGH, Effect, holm, pooled_deviation
from companion.evidence.verdicts import Decision, Measured, Rule, Verdict
from companion.experiments.experiment import SETTLED_SCALE, Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml
from starlib.models.hourglass import StackedHourglass
from starlib.training.config import RunConfig

CLAIMS, SETTLED = BOOK / "claims.yml", BOOK / "settled.yml"
Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """A claim with what the records say of it.

    effects: what decided, if contrasts of runs did; adjusted: their p-values after Holm's
    correction within the rule's family. rule: as in claims.yml.
    """

    id: str
    claim: str
    source: str
    verdict: Verdict
    reason: str
    effects: tuple[Effect, ...] = ()
    adjusted: tuple[float, ...] = ()
    rule: Rule = field(default_factory=dict)


def judge_all(
    records: Records,
    dataset: str | None = None,
    scale: str = "reduced",
    experiment: str | None = None,
    seeds: Sequence[int] | None = None,
    path: Path = CLAIMS,
) -> list[Judgement]:
    """The judgements of all claims in the order of the file, or of those of one experiment.

    Where a rule names another data set than the one that is asked for, and no rule of the
    experiment names that, it is applied there. A rule of SETTLED is not, and decides once every
    planned seed of its arms is finished; Holm's correction counts its whole family: what is not
    finished counts with p = 1, so that later runs take back no verdict.
    """
    written, planned = read_claims(path), path == SETTLED
    named = defaultdict(set)  # experiment -> data sets that its rules name
    for rule in (claim["rule"] for claim in written if "experiment" in claim["rule"]):
        named[rule["experiment"]].add(rule["dataset"])
    claims = written if planned else [_on(claim, dataset, named) for claim in written]
    claims = [claim for claim in claims if dataset in (None, claim["rule"].get("dataset"))]
    chosen = [c for c in claims if experiment in (None, c["rule"].get("experiment"))]
    families = {claim["rule"].get("family") for claim in chosen} - {None}
    measured = {
        claim["id"]: measured_effects(claim["rule"], records, scale, seeds)
        for claim in claims
        if claim["rule"]["kind"] in KINDS
        and (claim in chosen or claim["rule"].get("family") in families)
    }
    missing = {}
    for claim in claims if planned else ():
        name = claim["id"]
        configs = planned_runs(claim["rule"], scale) if name in measured else []
        if count := len(records.missing(configs)):
            missing[name] = f"{len(configs) - count} of {len(configs)} planned runs"
            measured[name] = [replace(effect, p=1.0) for effect in measured[name]]
    decided = {name for name, effects in measured.items() if _decidable(effects)} - set(missing)
    adjusted, pooled = _by_family(claims, measured, decided, missing)
    judgements = []
    for claim in chosen:
        rule, name = claim["rule"], claim["id"]
        effects: list[Effect] = [] if name in missing else measured.get(name, [])
        given = Measured(
            rule, effects, adjusted.get(name, [float("nan")] * len(effects)), _same_setting(rule),
            pooled.get(rule.get("family", "")),
        )  # fmt: skip
        if rule["kind"] in DIRECT:
            verdict, reason = DIRECT[rule["kind"]][1](rule, records)
        elif name in missing:
            verdict, reason = Verdict.NOT_RUN, missing[name]
        elif not all(effect.run for effect in effects):
            verdict, reason = Verdict.NOT_RUN, _lacking(rule, effects)
        else:
            verdict, reason = KINDS[rule["kind"]].decide(given)
            verdict = verdict if _decidable(effects) else Verdict.TOO_FEW
        known = (name, claim["claim"], claim["source"], verdict, reason)
        p_values = () if name in missing else tuple(adjusted.get(name, ()))
        judgements.append(Judgement(*known, tuple(effects), p_values, rule))
    return judgements


def _on(claim: Claim, dataset: str | None, named: Mapping[str, set[str]]) -> Claim:
    """The claim with its rule on a data set, where that can be asked there."""
    rule = claim["rule"]
    fixed = "experiment" not in rule or "control" in rule or rule.get("against") == "clean"
    if dataset is None or fixed or dataset in named[rule["experiment"]]:
        return claim
    return {**claim, "rule": {**rule, "dataset": dataset}}


@cache
def read_claims(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims of a file; a test holds that code can evaluate their rules."""
    written = read_yaml(path)
    if isinstance(written, list):
        return written
    return [claim for group in written["claims"] for claim in _apart(group)]


def _apart(group: Claim) -> list[dict[str, Any]]:
    """The claims that settled.yml writes as one entry: where it has as many ids as comparisons,
    one of each; else one of them all. `setting` follows from what the paper prints. claims.yml has
    the text of those that stand there; what it adds in brackets is of its own rule: where that
    compares other arms, these stand instead."""
    kept = ("kind", "family", "experiment", "dataset", "margin", "reason")
    listed = group.get("each") or group.get("mean") or [group["first"], *group["others"]]
    single = "each" in group and len(group["ids"]) == len(listed)
    rule = {key: group[key] for key in kept if key in group}
    rule |= {"minus_comparisons": group["minus"]} if "minus" in group else {}
    source = EXPERIMENTS[group["experiment"]].paper
    written = {claim["id"]: claim for claim in read_claims()}

    def text(name: str, compared: list[str]) -> str:
        if name not in written:
            return f"{source}: {', '.join(compared)}."
        known = written[name]
        if known["rule"].get("comparisons") == compared:
            return str(known["claim"])
        return re.sub(r" \([^()]*\)\.\s*$", "", known["claim"]) + f" ({', '.join(compared)})."

    groups = [[one] for one in listed] if single else [listed]
    return [
        {"id": name, "claim": text(name, compared),
         "source": source, "rule": {**rule, "comparisons": compared}}
        for name, compared in zip(group["ids"], groups, strict=True)
    ]  # fmt: skip


@cache
def settled_datasets() -> frozenset[str]:
    """The data sets that a claim or a hypothesis of settled.yml names."""
    written = read_yaml(SETTLED)
    named = [d for hypothesis in written["hypotheses"] for d in hypothesis["runs"]["datasets"]]
    return frozenset(named + [rule["dataset"] for rule in written["claims"]])


def claims_of_runs(scale: str = "reduced") -> dict[RunConfig, list[str]]:
    """Config -> ids of the claims whose rule reads its run."""
    claims_of = defaultdict(list)
    for claim in read_claims(SETTLED if scale == SETTLED_SCALE else CLAIMS):
        if "experiment" in claim["rule"]:
            for config in planned_runs(claim["rule"], scale):
                claims_of[config].append(claim["id"])
    return dict(claims_of)


def _by_family(
    claims: Iterable[Claim],
    effects: Mapping[str, Sequence[Effect]],
    decided: Collection[str],
    missing: Collection[str],
) -> tuple[dict[str, list[float]], dict[str, tuple[float, int]]]:
    """Claim -> its p-values after Holm's correction within its family, which counts what is decided
    and what is missing; family -> standard deviation over seeds, pooled over what is decided, and
    its degrees of freedom."""
    families: dict[str, list[str]] = defaultdict(list)
    for claim in claims:
        if claim["id"] in (*decided, *missing) and KINDS[claim["rule"]["kind"]].family:
            families[claim["rule"]["family"]].append(claim["id"])
    adjusted: dict[str, list[float]] = {}
    pooled = {}
    for family, names in families.items():
        values = iter(holm([effect.p for name in names for effect in effects[name]]))
        adjusted |= {name: [next(values) for _ in effects[name]] for name in names}
        if known := [effect for name in names if name in decided for effect in effects[name]]:
            pooled[family] = pooled_deviation(known)
    return adjusted, pooled


def _decidable(effects: Sequence[Effect]) -> bool:
    return all(effect.decidable for effect in effects)


def _same_setting(rule: Rule) -> bool:
    """Whether what the paper prints beside a rule's comparisons is of the rule's data set."""
    if "experiment" not in rule:
        return True
    experiment: Experiment = EXPERIMENTS[rule["experiment"]]
    printed = (
        printed_for(experiment.comparisons[name], rule["dataset"])
        for name in rule.get("comparisons", ())
    )
    return all(dataset in (None, rule["dataset"]) for dataset in printed)


def _lacking(rule: Rule, effects: Sequence[Effect]) -> str:
    """Which runs are missing; with the value of an arm whose control alone is not run."""
    [effect, *_] = effects
    if "control" in rule and effect.seeds[0] and not any(effect.seeds[1:]):
        mean, seeds = effect.means[0], effect.seeds[0]
        return f"{mean:.2f}, {seeds} seeds; the control, {rule['control_is']}, is not run"
    arms = ", ".join(rule_arms(rule, EXPERIMENTS[rule["experiment"]]))
    seeds = min(min(effect.seeds) for effect in effects)
    return f"{seeds} of {ENOUGH} seeds finished in at least one of {arms}"


def _cost(rule: Rule, records: Records) -> Decision:
    """Whether STAR's share of a training step is at most `at_most` on every machine."""
    kept, limit = costs.load(records.folder), rule["at_most"]
    if not kept:
        return Verdict.NOT_RUN, "no benchmark is in the records"
    shares = [(r["machine"]["device_name"], costs.form_share(r, rule["form"])) for r in kept]
    text = ", ".join(f"{100 * share:.2f} % ({name})" for name, share in shares)
    within = [share <= limit for _, share in shares]
    verdict = Verdict.AGREES if all(within) else Verdict.MIXED
    reason = f"STAR takes {text} of a training step; at most {100 * limit:g} % is negligible"
    return (verdict if any(within) else Verdict.DISAGREES), reason


def _parameters(rule: Rule, records: Records) -> Decision:
    printed, depth = rule["printed"], rule["depth"]
    here, deeper = parameter_count(depth), parameter_count(depth + 1)
    verdict = Verdict.AGREES if round(here / 1e6, 2) == printed else Verdict.DISAGREES
    return verdict, (
        f"{here:,} parameters at depth {depth}, {deeper:,} at depth {depth + 1}, with AAM and the "
        f"heads of 300-W; the paper has {printed:g} million"
    )


def parameter_count(depth: int, scheme: str = "300w", aam: bool = True) -> int:
    """Parameters of the stacked hourglass; shapes are enough for that."""
    with torch.device("meta"):
        model = StackedHourglass(scheme, depth=depth, aam=aam)
    return sum(p.numel() for p in model.parameters())


def _printed_mean(rule: Rule, records: Records) -> Decision:
    computed = mean_effect(f"table3/{rule['dataset']}/{rule['block']}")
    agrees = abs(computed - rule["printed"]) <= 0.005 + ROUNDED_DIFFERENCE + 1e-9
    text = f"the printed NMEs give {computed:.4f}, the text says {rule['printed']:g}"
    return (Verdict.AGREES if agrees else Verdict.DISAGREES), text


# Kinds that need no runs -> the keys that they need, and what decides
DIRECT: dict[str, tuple[tuple[str, ...], Callable[[Rule, Records], Decision]]] = {
    "cost": (("form", "at_most"), _cost),
    "parameters": (("depth", "printed"), _parameters),
    "printed_mean": (("dataset", "block", "printed"), _printed_mean),
    "not_testable": (("text",), lambda rule, _: (Verdict.NOT_TESTABLE, rule["text"])),
}
