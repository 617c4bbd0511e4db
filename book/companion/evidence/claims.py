"""Verdicts on the paper's claims, computed from the records by the rules in claims.yml."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from companion.bench import summary as costs
from companion.evidence.published import mean_effect
from companion.evidence.regions import region_points
from companion.evidence.rules import KINDS, rule_arms, rule_runs
from companion.evidence.statistics import ENOUGH, Effect, holm
from companion.evidence.verdicts import (
    CONTRADICTED,
    NO_VERDICT,
    NOT_RUN,
    NOT_TESTABLE,
    REPLICATED,
    Decision,
    Rule,
)
from companion.experiments.paper import EXPERIMENTS
from companion.files import BOOK, read_yaml
from starlib.models.hourglass import StackedHourglass
from starlib.schemes import SCHEME_OF
from starlib.training.config import RunConfig

CLAIMS = BOOK / "claims.yml"
SCALE = "reduced"  # of all rules


@dataclass(frozen=True)
class Verdict:
    """A claim with what the records say of it.

    effects: what decided, if contrasts of runs did; adjusted: their p-values after Holm's
    correction within the rule's table. rule: as in claims.yml.
    """

    id: str
    claim: str
    source: str
    verdict: str
    reason: str
    effects: tuple[Effect, ...] = ()
    adjusted: tuple[float, ...] = ()
    rule: Rule = field(default_factory=dict)


def judge_all(
    results: Path | str | None = None,
    dataset: str | None = None,
    scale: str | None = None,
    experiment: str | None = None,
    path: Path = CLAIMS,
) -> list[Verdict]:
    """The verdicts on all claims in the order of the file, or on those of one data set or
    experiment; none at a scale other than the rules'. ValueError names the claim and its key."""
    claims = read_claims(path)
    effects = {c["id"]: _measured(c["rule"], results) for c in claims if c["rule"]["kind"] in KINDS}
    adjusted = _adjusted(claims, effects)
    return [
        _judged(claim, effects.get(claim["id"]), adjusted.get(claim["id"]), results, scale)
        for claim in claims
        if dataset in (None, claim["rule"].get("dataset"))
        and experiment in (None, claim["rule"].get("experiment"))
    ]


def read_claims(path: Path = CLAIMS) -> list[dict[str, Any]]:
    """The claims of a file, each with its rule checked. ValueError names the claim and its key."""
    claims = read_yaml(path)
    for claim in claims:
        for key in ("id", "claim", "source", "rule"):
            if key not in claim:
                raise ValueError(f"{path.name}, {claim.get('id', claim)}: expected the key {key!r}")
        check_rule(claim["id"], claim["rule"])
    ids = [claim["id"] for claim in claims]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise ValueError(f"{path.name}, {twice}: stands twice")
    return claims


def claims_of_runs() -> dict[RunConfig, list[str]]:
    """Config -> ids of the claims whose rule reads its run."""
    found = defaultdict(list)
    for claim in read_claims():
        rule = claim["rule"]
        if "experiment" in rule:
            experiment = EXPERIMENTS[rule["experiment"]]
            arms = rule_arms(rule, experiment)
            for config in experiment.configs(rule["dataset"], SCALE, arms=arms or None):
                found[config].append(claim["id"])
    return dict(found)


def check_rule(claim: str, rule: Rule) -> None:
    """ValueError naming the claim and the key unless code can evaluate the rule."""
    kind = rule.get("kind")
    if kind in KINDS:
        needed, options = KINDS[kind].keys, KINDS[kind].options
    elif kind in DIRECT:
        needed, options = DIRECT[kind][0], ()
    else:
        known = ", ".join((*KINDS, *DIRECT))
        raise ValueError(f"{claim}: kind: expected one of {known}, got {kind!r}")
    for key in needed:
        if key not in rule:
            raise ValueError(f"{claim}: a rule of kind {kind} needs the key {key!r}")
    for key in rule:
        if key not in ("kind", *needed, *options):
            raise ValueError(f"{claim}: {key}: a rule of kind {kind} has no such key")
    if kind in KINDS:
        _check_names(claim, rule)


def _check_names(claim: str, rule: Rule) -> None:
    def known(key: str, value: object, allowed: Sequence[str] | Mapping[str, Any]) -> None:
        if value not in allowed:
            raise ValueError(f"{claim}: {key}: expected one of {', '.join(allowed)}, got {value!r}")

    known("experiment", rule["experiment"], EXPERIMENTS)
    known("dataset", rule["dataset"], SCHEME_OF)
    experiment = EXPERIMENTS[rule["experiment"]]
    for key, allowed in (("comparisons", experiment.comparisons), ("arms", experiment.arms)):
        for name in rule.get(key, ()):
            known(key, name, allowed)
    if "arm" in rule:
        known("arm", rule["arm"], experiment.arms)
    if "against" in rule:
        known("against", rule["against"], ("target", "clean"))
    for region in (*rule.get("regions", ()), *(rule[k] for k in ("region", "minus") if k in rule)):
        try:
            region_points(rule["dataset"], region)
        except ValueError as error:
            raise ValueError(f"{claim}: {error}") from None


def _measured(rule: Rule, results: Path | str | None) -> list[Effect]:
    experiment = EXPERIMENTS[rule["experiment"]]
    return KINDS[rule["kind"]].measure(rule, experiment, rule_runs(rule, results))


def _adjusted(
    claims: Sequence[Mapping[str, Any]], effects: Mapping[str, list[Effect]]
) -> dict[str, list[float]]:
    """Claim -> its p-values after Holm's correction among all decidable ones of its table."""
    tables: dict[str, list[str]] = defaultdict(list)
    for claim in claims:
        rule, name = claim["rule"], claim["id"]
        if rule["kind"] in KINDS and KINDS[rule["kind"]].adjusted and _decidable(effects[name]):
            tables[rule["table"]].append(name)
    found: dict[str, list[float]] = {}
    for names in tables.values():
        values = iter(holm([effect.p for name in names for effect in effects[name]]))
        found |= {name: [next(values) for _ in effects[name]] for name in names}
    return found


def _decidable(effects: Sequence[Effect]) -> bool:
    return all(effect.decidable for effect in effects)


def _judged(
    claim: Mapping[str, Any],
    effects: list[Effect] | None,
    adjusted: list[float] | None,
    results: Path | str | None,
    scale: str | None,
) -> Verdict:
    known, rule = {key: claim[key] for key in ("id", "claim", "source", "rule")}, claim["rule"]
    if rule["kind"] in DIRECT:
        verdict, reason = DIRECT[rule["kind"]][1](rule, results)
        return Verdict(**known, verdict=verdict, reason=reason)
    assert effects is not None
    if scale not in (None, SCALE):
        return Verdict(**known, verdict=NO_VERDICT, reason=f"decided at scale {SCALE}")
    if not _decidable(effects):
        return Verdict(**known, verdict=NOT_RUN, reason=_lacking(rule, effects))
    verdict, reason = KINDS[rule["kind"]].decide(rule, effects, adjusted or [])
    return Verdict(
        **known, verdict=verdict, reason=reason, effects=tuple(effects),
        adjusted=tuple(adjusted or ()),
    )  # fmt: skip


def _lacking(rule: Rule, effects: Sequence[Effect]) -> str:
    experiment = EXPERIMENTS[rule["experiment"]]
    arms = ", ".join(rule_arms(rule, experiment))
    fewest = min(effects, key=lambda effect: min(effect.seeds))
    seeds = min(fewest.seeds)
    return f"some arm has {seeds} of the {ENOUGH} seeds that are needed (arms: {arms})"


def _cost(rule: Rule, results: Path | str | None) -> Decision:
    return costs.judged(costs.load(results), rule["at_most"], rule["form"])


def _parameters(rule: Rule, results: Path | str | None) -> Decision:
    printed, depth = rule["printed"], rule["depth"]
    here, deeper = parameter_count(depth), parameter_count(depth + 1)
    verdict = REPLICATED if round(here / 1e6, 2) == printed else CONTRADICTED
    return verdict, (
        f"{here:,} parameters at depth {depth}, {deeper:,} at depth {depth + 1}, with AAM and the "
        f"heads of 300-W; the paper has {printed:g} million"
    )


def parameter_count(depth: int, scheme: str = "300w", aam: bool = True) -> int:
    """Parameters of the stacked hourglass; shapes are enough for that."""
    with torch.device("meta"):
        model = StackedHourglass(scheme, depth=depth, aam=aam)
    return sum(p.numel() for p in model.parameters())


def _printed_mean(rule: Rule, results: Path | str | None) -> Decision:
    computed = mean_effect(f"table3/{rule['dataset']}/{rule['block']}")
    agrees = abs(computed - rule["printed"]) <= 0.005 + 1e-9
    text = f"the printed NMEs give {computed:.4f}, the text says {rule['printed']:g}"
    return (REPLICATED if agrees else CONTRADICTED), text


def _not_testable(rule: Rule, results: Path | str | None) -> Decision:
    return NOT_TESTABLE, rule["text"]


# Kinds that need no runs -> the keys that they need, and what decides
DIRECT: dict[str, tuple[tuple[str, ...], Callable[[Rule, Path | str | None], Decision]]] = {
    "cost": (("form", "at_most"), _cost),
    "parameters": (("depth", "printed"), _parameters),
    "printed_mean": (("dataset", "block", "printed"), _printed_mean),
    "not_testable": (("text",), _not_testable),
}
