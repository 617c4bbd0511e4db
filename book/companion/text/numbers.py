"""The numbers that prose uses as `{{ name }}`: from records, published.yml and the code."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from companion.evidence.claims import parameter_count
from companion.evidence.effects import comparison_weights, short_and_settled
from companion.evidence.limits import chosen_epoch, cut_off, processor_difference, shift_cost
from companion.evidence.mechanism import comparable, line
from companion.evidence.published import published
from companion.evidence.statistics import ENOUGH, bounds, counted, interval, points
from companion.exhibits import labels, play
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib import distances
from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
from starlib.data.synthface import SIZE, SPLITS, STRENGTH
from starlib.runs.records import Run
from starlib.synthface import faces
from starlib.training.config import SCALES, RunConfig


def numbers(records: Records) -> dict[str, Any]:
    """Nested names -> text, for MyST's substitutions: `{{ paper.table3.wflw.basic.l2[0] }}`."""
    runs = records.runs
    return {
        # NMEs with two decimals, as they are printed
        "paper": json.loads(json.dumps(published()), parse_float=lambda n: f"{float(n):.2f}"),
        "scale": {name: RunConfig.at(name, "300w").to_dict() for name in SCALES},
        "synthface": _synthface(runs),
        "optimum": _optimum(),
        "play": {"unit": f"{100 * play.UNIT:g}", "picture": str(play.PICTURE)},
        "smooth": f"{distances.SMOOTH_L1_THRESHOLD:g}",
        "runs": _runs(runs),
        "parameters": {"depth4": f"{parameter_count(4) / 1e6:.2f}"},
        "repeated": _repeated(records),
        "limits": limits(records),
        "released": released(records),
        "crop": {"stored": f"{STORE_MARGIN:g}", "seen": f"{VIEW_MARGIN:g}"},
    }


def percent(fraction: float) -> str:
    """A fraction in %, with the sign."""
    return f"{100 * fraction:.1f} %"


def _synthface(runs: Sequence[Run]) -> dict[str, str]:
    own = [run.metrics for run in runs if run.config.dataset == "synthface"]
    noise = [metrics["annotation_noise"]["nme"] for metrics in own if "annotation_noise" in metrics]
    return {
        **{f"slide{start}": percent(slide) for start, _, _, slide in faces.CURVES},
        "strength": f"{STRENGTH:g}",
        "size": str(SIZE),
        "train": f"{SPLITS['train'][1]:,}",
        "test": f"{SPLITS['test'][1]:,}",
        "isotropic": percent(faces.ISOTROPIC),
        "corner": percent(faces.CORNER),
        "neighbourhood": f"{faces.NEIGHBOURHOOD:g}",
        "noise": percent(max(noise)) if noise else "not run",
        "points": str(faces.POINTS),
    }


def _optimum() -> dict[str, str]:
    """The deviation √λ* = (d/w)^(1/3) at an error of 0.02 in l1, for some weights."""
    error = 0.02
    deviations = {f"w{w}": f"{(error / w) ** (1 / 3):.2f}" for w in (1, 20)}
    cells = f"{error ** (1 / 3) * 64 / 2:.0f}"  # of a map of 64 x 64 over [-1, 1]
    return {"error": f"{error:g}", "cells": cells, **deviations}


def _runs(runs: Sequence[Run]) -> dict[str, str]:
    hours = sum(run.provenance["seconds"] for run in runs) / 3600
    reduced = [r.provenance["seconds"] / 60 for r in runs if r.config.scale == "reduced"]
    return {
        "count": f"{len(runs):,}",
        "hours": f"{hours:.0f}",
        "reduced": f"{len(reduced):,}",
        "median": f"{np.median(reduced or [np.nan]):.1f}",
        "most": f"{max(reduced, default=np.nan):.1f}",
    }


def _repeated(records: Records) -> dict[str, str]:
    """NME of a committed run, and of the same run with the code of a later commit."""
    path = records.folder / "analyses" / "reruns.json"
    record, _, later = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return {"record": f"{100 * record['nme']:.3f}", "now": f"{100 * later['nme']:.3f}"}


def limits(records: Records) -> Mapping[str, str]:
    """Name -> text, for `{{ limits.name }}`; "not measured" where the records have nothing."""
    found = dict.fromkeys(("r", "runs", "shift", "cost", "helen", "processors"), "not measured")
    found["changed"] = str(sum(run.provenance["dirty"] for run in records.runs))
    every = records.by_config.values()
    trained = comparable(every)
    if len(trained) > 2:
        found |= {"r": f"{line(trained).rvalue:.3f}", "runs": f"{len(trained)}"}
    where = ("300w", "reduced")
    reduced = [run for run in every if (run.config.dataset, run.config.scale) == where]
    if difference := processor_difference(reduced):
        mean, low, high = difference
        found["processors"] = f"{points(mean)} {bounds(low, high)} points"
    if measured := labels.load(records.folder):
        whole = [row for row in measured["rows"] if row["size"] == "all"]
        faces = [row["faces"] for row in whole]
        shift = np.average([abs(row["right_percent"]) for row in whole], weights=faces)
        [helen] = [row["faces"] for row in whole if row["source"] == "helen"]
        found |= {"shift": f"{shift:.2f} %", "helen": f"{100 * helen / sum(faces):.0f} %"}
    by_arm = records.arm_runs(EXPERIMENTS["stability"], "300w")
    costs = [100 * shift_cost(run) for by_seed in by_arm.values() for run in by_seed.values()]
    if costs:
        found["cost"] = (
            f"{np.mean(costs):.2f} points ({min(costs):.2f} to {max(costs):.2f} by network)"
        )
    return found


# What the released code does otherwise -> the comparison that measures it with smooth-l1, of the
# experiment on the released code or on the batch
RELEASED = {
    "weight": "w 2, as the released w = 1",
    "form": "released grid, epsilon and λ1 + λ2",
    "raw": "raw weights",
    "augmentation": "released augmentation",
    "crop": "released crop",
    "precision": "float32",
    "half_batch": "batch 4 over batch 8",
    "twice_batch": "batch 16 over batch 8",
}
RELEASED_BASELINE = "baseline, released conventions"


def released(records: Records) -> dict[str, str]:
    """Name of RELEASED -> by how much that lowers the error of STAR loss: at the settled scale once
    all planned runs are finished, else at `reduced`; "outside" and "clamped": as `cut_off` of
    the released crop; "epoch": means of `chosen_epoch` in the released form."""
    found = dict.fromkeys((*RELEASED, "outside", "clamped", "epoch"), "not trained yet")
    experiment = EXPERIMENTS["released_code"]
    for name, comparison in RELEASED.items():
        of = EXPERIMENTS["batch"] if name.endswith("batch") else experiment
        weights = comparison_weights(of, [comparison])
        for scale, effect in short_and_settled(records, of, weights).items():
            if effect.decidable:
                found[name] = f"{interval(effect)} (`{scale}`)"
    by_arm = records.arm_runs(experiment, "300w", SETTLED_SCALE)
    runs = by_arm[RELEASED["crop"]]
    if runs:
        outside, clamped = np.mean([cut_off(run) for run in runs.values()], axis=0)
        found |= {"outside": percent(outside), "clamped": points(clamped)}
    chosen = [
        [drop for run in by_arm[arm].values() if (drop := chosen_epoch(run)) is not None]
        for arm in (RELEASED["form"], RELEASED_BASELINE)
    ]
    if min(map(len, chosen)) >= ENOUGH:
        star, baseline = (points(float(np.mean(drops))) for drops in chosen)
        how = f"released form, `long`, {counted([*map(len, chosen)])} seeds"
        found["epoch"] = f"{star} for STAR loss, {baseline} for the baseline ({how})"
    return found
