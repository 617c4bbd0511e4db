"""The finished runs of an experiment's arms, chosen by equal configs and nothing else."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.experiments.experiment import PROTOCOLS, Experiment
from starlib.runs.finished import by_config, key_of, load_all, read
from starlib.runs.records import Run
from starlib.training.config import PROTOCOL, RunConfig

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
    if seeds is not None or arms is not None:
        experiment.configs(dataset, scale, seeds, arms)  # checks them
    wanted: dict[str, dict[int, RunConfig]] = {}
    for arm in arms or experiment.arms:
        chosen = seeds if seeds is not None else experiment.seeds_of(arm, dataset, scale)
        wanted[arm] = {
            seed: experiment.config(arm, dataset, seed, scale)
            for seed in chosen or experiment.seeds
        }
    every = read([config for configs in wanted.values() for config in configs.values()], results)
    runs = {key_of(run.config): run for run in every}
    found = {
        arm: {seed: runs[key] for seed, c in configs.items() if (key := key_of(c)) in runs}
        for arm, configs in wanted.items()
    }
    check_same_faces(run for seeds_of_arm in found.values() for run in seeds_of_arm.values())
    return found


def matching_runs(
    dataset: str,
    fields: Mapping[str, Any],
    scale: str = "reduced",
    results: Path | str | None = None,
) -> dict[int, Run]:
    """{seed: run} of every finished run with these fields of RunConfig and no other change."""
    config = RunConfig.at(scale, dataset, protocol=PROTOCOLS.get(scale, PROTOCOL), **fields)
    return {
        run.config.seed: run
        for run in by_config(load_all(results)).values()
        if dataclasses.replace(run.config, seed=config.seed) == config
    }


def check_same_faces(runs: Iterable[Run]) -> None:
    """ValueError naming two runs of one size and kind of crop with other faces."""
    first: dict[tuple[str, int, str], Run] = {}
    for run in runs:
        key = (run.config.dataset, run.config.image_size, run.config.crop)
        other = first.setdefault(key, run)
        if run.comparable != other.comparable:
            raise ValueError(
                f"runs {other.name} and {run.name}: expected the same faces of "
                f"{run.config.dataset}, got {other.comparable} and {run.comparable}"
            )
