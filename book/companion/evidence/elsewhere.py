"""Effects on a data set that the networks were not trained on, from the evaluations of their runs.

`python -m companion evaluate` writes them to results/evaluations/<data set>/<run>.json.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from companion.evidence.statistics import Effect, contrast
from companion.experiments.experiment import Experiment
from starlib.runs.records import Run


def evaluation_file(results: Path, dataset: str, run: Run) -> Path:
    return results / "evaluations" / dataset / f"{run.name}.json"


def subsets_elsewhere(
    results: Path, experiment: Experiment, runs: Mapping[str, Mapping[int, Run]], dataset: str
) -> dict[str, dict[str, Effect]]:
    """Subset of the data set -> comparison -> effect, of the runs (arm -> seed -> run) that were
    evaluated there; comparisons without any are left out."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for arm, by_seed in runs.items():
        for seed, run in by_seed.items():
            for subset, values in _metrics(evaluation_file(results, dataset, run)).items():
                found.setdefault(subset, {}).setdefault(arm, {})[seed] = values["nme"]
    effects: dict[str, dict[str, Effect]] = {}
    for subset, nmes in found.items():
        for name, pair in experiment.comparisons.items():
            arms = (pair.without, pair.with_)
            if any(arm in nmes for arm in arms):
                samples = [np.array(list(nmes.get(arm, {}).values())) for arm in arms]
                effect = replace(contrast(samples, [1.0, -1.0]), arms=arms)
                effects.setdefault(subset, {})[name] = effect
    return effects


def _metrics(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    return metrics
