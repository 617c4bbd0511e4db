"""Effects: contrasts of arms' mean NME over seeds, computed from the records of their runs."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from companion.evidence.published import published_values
from companion.evidence.statistics import Effect, contrast
from companion.experiments.experiment import SETTLED_SCALE, Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from starlib import metrics
from starlib.checks import one_of
from starlib.runs.records import Run
from starlib.schemes import normalisations
from starlib.training.config import SCALES


def face_errors(
    run: Run, subset: str | None = None, against: str = "target", region: str | None = None
) -> NDArray:
    """NME [F] of each test face of a run, recomputed from its stored landmarks: of a subset (after
    a comma another of `starlib.schemes.normalisations`, as in a run's metrics), against "target",
    the labels, or "clean", the true landmarks, and over all scored landmarks or a region's."""
    name, _, kind = (subset or "").partition(", ")
    errors = point_errors(run, against, kind)
    if region is None:
        errors = metrics.scored(errors, run.scheme)
    else:
        errors = errors[:, run.scheme.region(region)]
    nmes = metrics.labelled_mean(errors)
    if name in ("", "test"):
        return nmes
    return nmes[run.landmarks()[f"subset_{name}"]]


_kept: dict[tuple[Path, int, str, str], NDArray] = {}


def point_errors(run: Run, against: str = "target", by: str = "") -> NDArray:
    """Errors [F, N] of each landmark over the face's normalising distance, the scheme's own or that
    of `starlib.schemes.normalisations`; kept once computed."""
    key = (run.path, run.path.stat().st_mtime_ns, against, by)
    if key not in _kept:
        arrays = run.landmarks()
        if against not in arrays:
            raise ValueError(f"against: run {run.name} has no landmarks {against!r}")
        scheme = normalisations(run.scheme)[by]
        _kept[key] = metrics.point_errors(arrays["predicted"], arrays[against], scheme)
    return _kept[key]


def error_matrix(runs: Mapping[int, Run], **which: Any) -> NDArray:
    """NME [S, F] of an arm's runs by seed; `which` as in `face_errors`."""
    rows = [face_errors(runs[seed], **which) for seed in sorted(runs)]
    return np.stack(rows) if rows else np.empty((0, 0))


def seed_means(runs: Mapping[int, Run], **which: Any) -> NDArray:
    """NME [S] of an arm's seeds; `which` as in `face_errors`."""
    return error_matrix(runs, **which).mean(1) if runs else np.empty(0)


def arms_effect(
    runs: ArmRuns, weights: Mapping[str, float], published: float | None = None, **which: Any
) -> Effect:
    """The contrast of arms (name -> weight) from their runs; `which` as in `face_errors`."""
    samples = [seed_means(runs.get(arm, {}), **which) for arm in weights]
    return contrast(samples, list(weights.values()), published, tuple(weights))


def comparison_weights(
    experiment: Experiment, comparisons: Sequence[str], minus: Sequence[str] = ()
) -> dict[str, float]:
    """Arm -> weight in the mean effect of some comparisons, less that of others."""
    weights: dict[str, float] = defaultdict(float)
    for names, sign in ((comparisons, 1), (minus, -1)):
        for name in names:
            pair = experiment.comparisons[name]
            weights[pair.without] += sign / len(names)
            weights[pair.with_] -= sign / len(names)
    return {arm: weight for arm, weight in weights.items() if weight}


def short_and_settled(
    records: Records,
    experiment: Experiment,
    weights: Mapping[str, float],
    published: float | None = None,
) -> dict[str, Effect]:
    """Scale -> contrast of arms (name -> weight) on 300-W: at `reduced`, and at the settled scale
    once all planned runs of the arms are finished."""
    planned = experiment.configs("300w", SETTLED_SCALE, arms=list(weights))
    settled = planned and not records.missing(planned)
    scales = ("reduced", SETTLED_SCALE) if settled else ("reduced",)
    by_scale = {s: records.arm_runs(experiment, "300w", s, arms=list(weights)) for s in scales}
    return {scale: arms_effect(runs, weights, published) for scale, runs in by_scale.items()}


def effects_by_length(records: Records) -> dict[str, Effect]:
    """Comparison and epochs -> effect of STAR loss on 300-W, for those of Table 3 of which all
    runs of the settled scale are finished: after 18 epochs and after 60."""
    table3 = EXPERIMENTS["ablation_distance"]
    effects: dict[str, Effect] = {}
    for name, pair in table3.comparisons.items():
        weights = comparison_weights(table3, [name])
        published = mean_published(table3, [name], "300w")
        lengths = short_and_settled(records, table3, weights, published)
        of_star = table3.arms[pair.without].value("loss") == "regression"
        if of_star and len(lengths) == 2:
            effects |= {f"{name}, {SCALES[s]['epochs']} epochs": e for s, e in lengths.items()}
    return effects


def mean_published(
    experiment: Experiment, comparisons: Sequence[str], dataset: str
) -> float | None:
    """The paper's mean effect of some comparisons, a fraction; None unless it has all of them."""
    values = [published_values(experiment.comparisons[name], dataset) for name in comparisons]
    known = [value.effect / 100 for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def comparison_effects(
    records: Records,
    experiment: Experiment,
    dataset: str,
    comparisons: Sequence[str] | None = None,
    scale: str = "reduced",
    seeds: Sequence[int] | None = None,
    **which: Any,
) -> dict[str, Effect]:
    """Comparison -> effect, for those of an experiment that are asked for (all); `which` as in
    `face_errors`. Where runs are missing, the effect says so."""
    chosen = list(experiment.comparisons) if comparisons is None else list(comparisons)
    for name in chosen:
        one_of(experiment.comparisons).check("comparisons", name)
    pairs = [experiment.comparisons[name] for name in chosen]
    arms = list(dict.fromkeys(arm for p in pairs for arm in (p.without, p.with_)))
    runs = records.arm_runs(experiment, dataset, scale, seeds, arms) if arms else {}
    return {
        name: arms_effect(
            runs,
            comparison_weights(experiment, [name]),
            mean_published(experiment, [name], dataset),
            **which,
        )
        for name in chosen
    }


def evaluation_file(results: Path, dataset: str, run: Run) -> Path:
    return results / "evaluations" / dataset / f"{run.name}.json"


def subsets_elsewhere(
    results: Path, experiment: Experiment, runs: Mapping[str, Mapping[int, Run]], dataset: str
) -> dict[str, dict[str, Effect]]:
    """Subset of the data set -> comparison -> effect, of the runs (arm -> seed -> run) that were
    evaluated there; comparisons without any are left out."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for arm, by_seed in runs.items():
        paths = [evaluation_file(results, dataset, run) for run in by_seed.values()]
        for path in filter(Path.exists, paths):
            metrics = json.loads(path.read_text(encoding="utf-8"))["metrics"]
            for subset, values in metrics.items():
                found[subset][arm].append(values["nme"])
    effects: dict[str, dict[str, Effect]] = {}
    for subset, nmes in found.items():
        for name, pair in experiment.comparisons.items():
            arms = (pair.without, pair.with_)
            if any(arm in nmes for arm in arms):
                samples = [nmes.get(arm, []) for arm in arms]
                effects.setdefault(subset, {})[name] = contrast(samples, arms=arms)
    return effects
