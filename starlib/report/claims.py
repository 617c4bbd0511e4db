"""Verdicts on the paper's claims, computed from the records by the rules in book/claims.yml."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from starlib.bench import summary as costs
from starlib.experiments.arms import SEEDS, ablation_distance
from starlib.experiments.records import ROOT, load_run
from starlib.report.effects import Effect, effect_of, interval, paired, seed_interval

CLAIMS = ROOT / "book" / "claims.yml"


@dataclass(frozen=True)
class Verdict:
    """A claim with what the records say of it; `effect` where a number decided."""

    id: str
    claim: str
    source: str
    verdict: str
    reason: str
    effect: Effect | None = None


def verdict_of_effect(effect: Effect) -> str:
    """The interval above zero: replicated; below: contradicted; else inconclusive."""
    if effect.low > 0:
        return "replicated"
    return "contradicted" if effect.high < 0 else "inconclusive"


def differences(
    dataset: str,
    scale: str,
    distance: str,
    seeds: Sequence[int] = SEEDS,
    results: Path | str | None = None,
    against: str = "target",
) -> np.ndarray | None:
    """NME [S, F] without STAR minus with it, or None if a run is missing."""
    configs = ablation_distance(dataset, scale, seeds, [distance])
    runs = [run for config in configs if (run := load_run(config, results)) is not None]
    if len(runs) < len(configs):
        return None
    arms = paired(runs, distance, against=against)
    return None if arms is None else arms[0] - arms[1]


def judge(
    claim: dict[str, Any], results: Path | str | None = None, scale: str | None = None
) -> Verdict:
    """The verdict on one entry of claims.yml; none if `scale` is another than the rule's.

    Raises ValueError for a rule that is not known.
    """
    known = {name: claim[name] for name in ("id", "claim", "source")}
    rule = dict(claim["rule"])
    kind = rule.pop("kind")
    if kind == "later":
        return Verdict(**known, verdict="not run yet", reason=rule["text"])
    if kind == "not_testable":
        return Verdict(**known, verdict="not testable here", reason=rule["text"])
    if kind == "share_of_step":
        verdict, reason = costs.judged(costs.load(results), rule["at_most"])
        return Verdict(**known, verdict=verdict, reason=reason)
    if kind not in ("effect", "larger_effect"):
        raise ValueError(f"{claim['id']}: rule kind {kind!r} is not known")
    if scale not in (None, rule["scale"]):
        return Verdict(**known, verdict="no verdict", reason=f"decided at scale {rule['scale']}")
    others = rule.pop("others", [])
    found = [
        differences(**{**rule, "distance": distance}, results=results)
        for distance in [rule["distance"], *others]
    ]
    if any(matrix is None for matrix in found):
        return Verdict(**known, verdict="not run yet", reason="its runs are not in the records")
    first, *rest = [matrix for matrix in found if matrix is not None]
    effect = effect_of(first - np.mean(rest, axis=0) if rest else first)
    reason = f"{interval(effect)} points; over the {effect.seeds} seeds alone "
    reason += seed_interval(effect)
    return Verdict(**known, verdict=verdict_of_effect(effect), reason=reason, effect=effect)


def judge_all(
    results: Path | str | None = None,
    dataset: str | None = None,
    scale: str | None = None,
    path: Path = CLAIMS,
) -> list[Verdict]:
    """The verdicts on all claims in the order of the file, or on those decided on one data set."""
    return [
        judge(claim, results, scale)
        for claim in yaml.safe_load(path.read_text(encoding="utf-8"))
        if dataset in (None, claim["rule"].get("dataset"))
    ]
