"""What limits the records: a shift of the labels, and the processors that trained them."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy import stats

from starlib import metrics
from starlib.data.augment import VIEW_OF_STORE
from starlib.runs.records import Run
from starlib.training.config import RunConfig


def shift_cost(run: Run) -> float:
    """By how much the NME falls, a fraction, once the mean horizontal distance of predictions from
    labels, in units of the normalising distance, is taken away."""
    arrays = run.landmarks()
    predicted, target = (arrays[name].astype(np.float64) for name in ("predicted", "target"))
    unit = run.scheme.unit(target)
    shift = ((predicted - target)[..., 0].mean(1) / unit).mean()
    moved = predicted - np.stack([shift * unit, np.zeros_like(unit)], -1)[:, None]
    before, after = (
        metrics.nme(points, target, run.scheme).mean() for points in (predicted, moved)
    )
    return float(before - after)


def processor_difference(runs: Iterable[Run]) -> tuple[float, float, float] | None:
    """NME of runs on processors with AVX2 minus that with AVX-512, a fraction, with its 95 %
    interval: least squares within arms that have both. None where there are too few."""
    arms: dict[RunConfig, list[tuple[bool, float]]] = {}
    for run in runs:
        device = str(run.provenance["device_name"])
        if device.endswith(("AVX2", "AVX512")):
            pair = (device.endswith("AVX2"), next(iter(run.metrics.values()))["nme"])
            arms.setdefault(replace(run.config, seed=0), []).append(pair)
    both = [np.array(pairs, float) for pairs in arms.values() if len({p for p, _ in pairs}) > 1]
    freedom = sum(map(len, both)) - len(both) - 1
    if freedom < 1:
        return None
    old, nme = np.concatenate([pairs - pairs.mean(0) for pairs in both]).T
    slope = float(old @ nme / (old @ old))
    error = np.sqrt(np.square(nme - slope * old).sum() / freedom / (old @ old))
    margin = float(stats.t.ppf(0.975, freedom) * error)
    return slope, slope - margin, slope + margin


def cut_off(run: Run) -> tuple[float, float]:
    """Share of the labelled test points outside what the network sees, and by how much the NME is
    lower against labels clamped to it."""
    arrays = run.landmarks()
    target, predicted = (arrays[name].astype(np.float64) for name in ("target", "predicted"))
    clamped = target.clip(-VIEW_OF_STORE, VIEW_OF_STORE)
    outside = (clamped != target).any(-1)[~np.isnan(target).any(-1)]
    whole, less = (metrics.nme(predicted, t, run.scheme).mean() for t in (target, clamped))
    return float(outside.mean()), float(whole - less)


def chosen_epoch(run: Run) -> float | None:
    """How much lower the NME of the best epoch on the test faces is, over averaged and raw weights,
    than that of the run, the last averaged one; None without test errors of every epoch."""
    curves = [run.curves.get(name, []) for name in ("test_nme", "test_nme_raw")]
    if {len(curve) for curve in curves} != {run.config.epochs}:
        return None
    return next(iter(run.metrics.values()))["nme"] - min(map(min, curves))
