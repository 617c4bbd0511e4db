"""The finished runs of an experiment's arms, chosen by equal configs and nothing else."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlib.experiments.experiment import Experiment
from starlib.experiments.records import Run, load_all, read
from starlib.training.config import RunConfig

ArmRuns = dict[str, dict[int, Run]]  # arm -> seed -> run


def arm_runs(
    experiment: Experiment,
    dataset: str,
    scale: str = "reduced",
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
    results: Path | str | None = None,
) -> ArmRuns:
    """Arm -> {seed: run} of the finished runs; an arm without any stands there empty.

    A run belongs to an arm if its whole config is that of the arm, data set, scale and seed.
    ValueError if runs that would be compared were tested on different faces.
    """
    runs = {
        run.config: run for run in read(experiment.configs(dataset, scale, seeds, arms), results)
    }
    found: ArmRuns = {}
    for arm in arms or experiment.arms:
        chosen = seeds if seeds is not None else experiment.seeds_of(arm, dataset)
        configs = {s: experiment.config(arm, dataset, s, scale) for s in chosen or experiment.seeds}
        found[arm] = {seed: runs[config] for seed, config in configs.items() if config in runs}
    check_same_faces(run for seeds_of_arm in found.values() for run in seeds_of_arm.values())
    return found


def matching_runs(
    dataset: str,
    fields: Mapping[str, Any],
    scale: str = "reduced",
    results: Path | str | None = None,
) -> dict[int, Run]:
    """{seed: run} of every finished run with these fields of RunConfig and no other change."""
    config = RunConfig.at(scale, dataset, **fields)
    return {
        run.config.seed: run
        for run in load_all(results)
        if dataclasses.replace(run.config, seed=config.seed) == config
    }


def check_same_faces(runs: Iterable[Run]) -> None:
    """ValueError naming two runs at one resolution that were trained or tested on other faces."""
    first: dict[tuple[Any, ...], tuple[Run, Any]] = {}
    for run in runs:
        data = run.provenance["data"]
        faces = {split: data[split]["fingerprint"] for split in data}
        key = (run.config.dataset, run.config.image_size)
        other, others_faces = first.setdefault(key, (run, faces))
        if faces != others_faces:
            raise ValueError(
                f"runs {other.path.stem} and {run.path.stem}: expected the same faces of "
                f"{run.config.dataset}, got {others_faces} and {faces}"
            )
