"""The finished runs of a results folder, read once, and those of an experiment's arms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from companion.experiments.experiment import Experiment
from starlib.files import results_folder
from starlib.runs.evaluation import MEAN_SHAPE
from starlib.runs.finished import by_config, key_of, load_all
from starlib.runs.records import Run
from starlib.training.config import PROTOCOL, RunConfig

ArmRuns = dict[str, dict[int, Run]]  # arm -> seed -> run


@dataclass(frozen=True)
class Records:
    """All finished runs of a folder. A run belongs to an arm if its whole config is that of the
    arm, data set, scale and seed."""

    folder: Path
    runs: tuple[Run, ...]

    @classmethod
    def load(cls, folder: Path | str | None = None) -> "Records":
        """Read a results folder; by default the committed one."""
        folder = results_folder(folder)
        return cls(folder, tuple(load_all(folder)))

    @cached_property
    def by_config(self) -> dict[RunConfig, Run]:
        """One run per config, as `starlib.runs.finished.load_run` chooses it. Runs of code with
        uncommitted changes and of an older protocol, which nobody can repeat, are in no
        comparison."""
        return by_config(
            run
            for run in self.runs
            if run.config.protocol == PROTOCOL or not run.provenance.get("dirty")
        )

    def of(self, configs: Iterable[RunConfig]) -> list[Run]:
        """The finished runs of the configs."""
        return [self.by_config[key] for key in map(key_of, configs) if key in self.by_config]

    def missing(self, configs: Iterable[RunConfig]) -> list[RunConfig]:
        """The configs without a finished run."""
        return [config for config in configs if key_of(config) not in self.by_config]

    def arm_runs(
        self,
        experiment: Experiment,
        dataset: str,
        scale: str = "reduced",
        seeds: Sequence[int] | None = None,
        arms: Sequence[str] | None = None,
    ) -> ArmRuns:
        """Arm -> {seed: run}; an arm without any run stands there empty.

        ValueError if runs that would be compared were tested on different faces.
        """
        found: ArmRuns = {}
        for arm in arms or experiment.arms:
            configs = experiment.configs(dataset, scale, seeds, [arm])
            found[arm] = {run.config.seed: run for run in self.of(configs)}
        check_same_faces(run for by_seed in found.values() for run in by_seed.values())
        return found


def subsets_of(runs: Iterable[Run]) -> list[str]:
    """Names of the subsets of the test faces that the runs have metrics of, the whole first, and of
    those by another normalising distance."""
    names = dict.fromkeys(name for run in runs for name in run.metrics)
    others = ("clean", "annotation_noise", MEAN_SHAPE)
    return [name for name in names if name not in others and not name.endswith("unscored points")]


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
