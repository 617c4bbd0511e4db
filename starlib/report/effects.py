"""The effect of STAR loss: paired differences of NME with bootstrap intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from starlib import metrics
from starlib.data.own_schemes import scheme_of
from starlib.experiments.records import Run

# 97.5 % quantiles of Student's t with 1, 2, … degrees of freedom; the last one beyond.
T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True)
class Effect:
    """Mean of (without - with) over seeds and faces, as fractions of NME.

    low, high: 95 % percentile bootstrap over seeds and faces. With few seeds it is too narrow where
        seeds differ more than faces: it then covers the truth in about three of four cases.
    seed_low, seed_high: 95 % t interval over the means of the seeds alone; NaN for one seed.
    """

    mean: float
    low: float
    high: float
    seed_low: float
    seed_high: float
    seeds: int
    faces: int


def face_errors(run: Run, subset: str | None = None, against: str = "target") -> NDArray:
    """NME [F] of each test face of a run, recomputed from its stored landmarks."""
    arrays = run.landmarks()
    if against not in arrays:
        raise ValueError(f"against: run {run.config.hash} has no landmarks {against!r}")
    nmes = metrics.nme(arrays["predicted"], arrays[against], scheme_of(run.config.dataset))
    return nmes if subset is None else nmes[arrays[f"subset_{subset}"]]


def error_matrix(runs: Iterable[Run], **which: str) -> tuple[list[int], NDArray]:
    """Seeds [S], ascending, and NME [S, F] of runs that differ in their seed alone."""
    by_seed = {run.config.seed: run for run in runs}
    seeds = sorted(by_seed)
    return seeds, np.stack([face_errors(by_seed[seed], **which) for seed in seeds])


def paired(runs: Sequence[Run], distance: str, **which: str) -> tuple[NDArray, NDArray] | None:
    """NME [S, F] without and with STAR on the seeds that have both, or None without such a seed.

    Args:
        runs: runs that differ in loss, distance and seed alone.
        distance: whose runs to take.
        which: `subset` and `against` of `face_errors`.
    """
    arms = [
        {r.config.seed: r for r in runs if (r.config.loss, r.config.distance) == (loss, distance)}
        for loss in ("regression", "star")
    ]
    seeds = arms[0].keys() & arms[1].keys()
    if not seeds:
        return None
    without, with_star = (
        error_matrix((run for seed, run in arm.items() if seed in seeds), **which)[1]
        for arm in arms
    )
    return without, with_star


def paired_effect(
    without: NDArray, with_star: NDArray, draws: int = 10_000, seed: int = 0
) -> Effect:
    """Effect of STAR from NMEs [S, F] of the same seeds and faces without and with it.

    The interval is a percentile bootstrap that draws seeds and faces anew, with replacement.
    """
    return effect_of(without - with_star, draws, seed)


def effect_of(difference: NDArray, draws: int = 10_000, seed: int = 0) -> Effect:
    """`paired_effect` of differences [S, F]."""
    if difference.ndim != 2 or not difference.size:
        raise ValueError(f"difference: expected shape [seeds, faces], got {difference.shape}")
    seeds, faces = difference.shape
    rng = np.random.default_rng(seed)
    seed_shares = rng.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
    face_shares = rng.multinomial(faces, np.full(faces, 1 / faces), draws) / faces
    means = np.einsum("ds,sf,df->d", seed_shares, difference, face_shares, optimize=True)
    low, high = np.quantile(means, (0.025, 0.975))
    mean = float(difference.mean())
    by_seed = difference.mean(1)
    margin = np.nan
    if seeds > 1:
        margin = T_975[min(seeds - 1, len(T_975)) - 1] * by_seed.std(ddof=1) / np.sqrt(seeds)
    seed_interval = (float(mean - margin), float(mean + margin))
    return Effect(mean, float(low), float(high), *seed_interval, seeds, faces)


def interval(effect: Effect) -> str:
    """Effect with its 95 % bootstrap interval, in points of NME."""
    low, high = 100 * effect.low, 100 * effect.high
    return f"{100 * effect.mean:+.2f} [{low:+.2f}, {high:+.2f}]"


def seed_interval(effect: Effect) -> str:
    """95 % t interval over the seeds alone, in points of NME; a dash for one seed."""
    if effect.seeds < 2:
        return "–"
    return f"[{100 * effect.seed_low:+.2f}, {100 * effect.seed_high:+.2f}]"
