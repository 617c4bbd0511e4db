"""The queue: every run that the experiments need, done or missing, in the order of its worth."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.experiments.estimate import NETWORK, gpu_minutes, operations
from companion.experiments.experiment import PROTOCOLS, SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.data import READERS
from starlib.data.synthface import VARIANTS
from starlib.runs.records import Run
from starlib.runs.run import faces_decide
from starlib.schemes import SCHEME_OF
from starlib.training.config import PROTOCOL, RunConfig

# What is run first: an experiment, and of its arms those with these fields. An arm that is in none
# comes last.
BASIC: dict[str, Any] = {"dr": False, "aam": False}
PHOTOS = {"rendered": False}  # no field of a config: whether its data set is synthface
ORDER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("schedule", {}),
    ("ablation_distance", {**PHOTOS, "distance": "smooth_l1", **BASIC}),
    ("ablation_distance", {**PHOTOS, "distance": "l2", **BASIC}),
    ("controls", {**BASIC, "loss": "star_isotropic"}),  # the two nulls of STAR loss itself
    ("controls", {**BASIC, "loss": "star_random"}),
    ("released_code", {"weight": 2}),
    ("released_code", {"crop": "released", "convention": "paper"}),
    ("released_code", {"augmentation": "released", "convention": "paper"}),
    ("released_code", {"augmentation": "paper", "crop": "longer"}),
    ("controls", BASIC),
    ("released_code", {"precision": "float32"}),
    ("longer", {}),
    ("annotators", {}),
    ("ablation_distance", {**PHOTOS, "dr": True}),
    ("controls", {}),
    ("restriction", BASIC),
    ("ambiguity", {}),
    ("noise", {}),
    ("compare_luvli", {}),
    ("ablation_distance", {**PHOTOS, "distance": "smooth_l1"}),
    ("compare_adl", {}),
    ("restriction", {}),
    ("ablation_distance", BASIC),
    ("released_code", {}),
    ("batch", {}),
    ("resolution", {"image_size": 64}),
    ("ablation_distance", {}),
    ("resolution", {"distance": "smooth_l1"}),
    ("resolution", {"distance": "l2"}),
    ("resolution", {}),
    ("alternatives", {}),
)
FACES = 2000  # of a training set of which neither a run nor an official number is known


@dataclass(frozen=True)
class Entry:
    """A run that experiments need. minutes: those a finished run took, else those to expect, None
    where no run tells. experiments: whose tables and figures it fills.
    """

    config: RunConfig
    arm: str
    run: Run | None
    minutes: float | None
    experiments: tuple[str, ...]


def entries(
    records: Records,
    scale: str = "long",
    experiments: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    gpu_factor: float | None = None,
) -> list[Entry]:
    """The runs that experiments need, each once, in ORDER, then by seed, then the cheap before the
    dear.

    Minutes to expect are those of the machine of the finished runs; with a `gpu_factor` that many
    times the lower bound for the GPU of `companion.experiments.estimate`.
    """
    users: dict[RunConfig, dict[str, str]] = {}  # -> experiment -> the name of the arm there
    for name, experiment in EXPERIMENTS.items():
        # Of its own, meant for the settled scale
        sets_epochs = all("epochs" in arm.changes for arm in experiment.arms.values())
        if sets_epochs and scale not in (SETTLED_SCALE, *PROTOCOLS):
            continue
        any_data = "300w" in experiment.datasets and not sets_epochs
        for dataset in datasets or experiment.datasets:
            if dataset in experiment.datasets or any_data:
                for arm in experiment.arms:
                    for seed in experiment.seeds_of(arm, dataset, scale):
                        config = experiment.config(arm, dataset, seed, scale)
                        users.setdefault(config, {}).setdefault(name, arm)
    found = []
    for config, names in users.items():
        unasked = experiments and not names.keys() & set(experiments)
        if unasked or (seeds is not None and config.seed not in seeds):
            continue
        run = next(iter(records.of([config])), None)
        if run is not None:
            minutes = run.provenance["seconds"] / 60
        elif config.protocol != PROTOCOL:
            continue  # an older protocol is closed
        elif gpu_factor is not None:
            minutes = gpu_factor * gpu_minutes(config, faces_of(config, records.runs))
        else:
            minutes = expected_minutes(config, records.runs)
        found.append(Entry(config, next(iter(names.values())), run, minutes, tuple(names)))
    return sorted(found, key=_order)


def _order(entry: Entry) -> tuple[float, ...]:
    place = next((p for p, line in enumerate(ORDER) if meant(entry, *line)), len(ORDER))
    return place, entry.config.seed, entry.minutes or 0.0


def meant(entry: Entry, name: str, fields: dict[str, Any]) -> bool:
    """Whether a line of ORDER means a run."""
    known = vars(entry.config) | {"rendered": entry.config.dataset in VARIANTS}
    return name in entry.experiments and fields.items() <= known.items()


def expected_minutes(config: RunConfig, runs: Sequence[Run]) -> float | None:
    """Median minutes of the finished runs of the same size; without such, from the median time of
    an operation in all runs; None without any run, and for your own data."""

    def size(other: RunConfig) -> list[object]:
        return [getattr(other, name) for name in (*NETWORK, "epochs", "train_faces")]

    equal = [r.provenance["seconds"] for r in runs if size(r.config) == size(config)]
    if equal:
        return statistics.median(equal) / 60
    rates = [
        r.provenance["seconds"] / operations(r.config, trained_on(r))
        for r in runs
        if r.config.dataset in SCHEME_OF  # not your own data, whose scheme is in their file
    ]
    if not rates or config.dataset not in SCHEME_OF:
        return None
    return statistics.median(rates) * operations(config, faces_of(config, runs)) / 60


def faces_of(config: RunConfig, runs: Sequence[Run]) -> int:
    """Training faces of a config, as the finished runs have them; else the official number."""
    family = config.dataset.split("-")[0]
    faces = (trained_on(r) for r in runs if r.config.dataset.split("-")[0] == family)
    reader = READERS.get(config.dataset)
    official = reader and reader.train_faces
    return config.train_faces or next(faces, official or FACES)


def trained_on(run: Run) -> int:
    return int(run.provenance["data"]["train"]["faces"])


def trainable(entries: Sequence[Entry], data_root: Path | str | None = None) -> list[RunConfig]:
    """The configs of those entries whose data set is there."""
    names = {entry.config.dataset for entry in entries}
    here = {name for name in names if name in VARIANTS or faces_decide(name, data_root)}
    return [entry.config for entry in entries if entry.config.dataset in here]
