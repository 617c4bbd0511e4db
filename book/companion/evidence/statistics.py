"""Statistics of effects: Welch's interval, Holm's correction, and power.

An *effect* is the NME without minus the NME with, a fraction; positive: the second arm is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ALPHA = 0.05
ENOUGH = 3  # seeds of each arm, before anything is decided


@dataclass(frozen=True)
class Effect:
    """A weighted sum of arms' means over seeds, a fraction of NME unless said otherwise.

    low, high: 95 % interval of Welch (Student's t with Satterthwaite's degrees of freedom).
    error, freedom: standard error and degrees of freedom. p: two-sided, of no effect.
    seeds: of each arm. means, deviations: over the seeds of each arm.
    published: the paper's effect, where it prints one. arms: their names, where they have some.
    What cannot be computed from the seeds at hand is NaN.
    """

    mean: float
    low: float
    high: float
    error: float
    freedom: float
    p: float
    seeds: tuple[int, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    weights: tuple[float, ...]
    published: float | None = None
    arms: tuple[str, ...] = ()

    @property
    def run(self) -> bool:
        """Whether every arm has a finished run."""
        return min(self.seeds) > 0

    @property
    def decidable(self) -> bool:
        """Whether every arm has as many seeds as a verdict needs."""
        return min(self.seeds) >= ENOUGH

    @property
    def excludes_published(self) -> bool | None:
        """Whether the interval excludes the paper's effect; None where there is nothing to say."""
        if self.published is None or np.isnan(self.low):
            return None
        return not self.low <= self.published <= self.high

    def seeds_needed(
        self, size: float, deviation: float, freedom: int, wanted: float = 0.8
    ) -> int | None:
        """Seeds of each arm with which an effect of that size is seen at 5 % with that power, by a
        pooled standard deviation over seeds and its degrees of freedom; None if more than 200."""
        scale = deviation * float(np.linalg.norm(self.weights))
        for seeds in range(2, 201):
            freedom = max(freedom, len(self.weights) * (seeds - 1))
            if power(size, scale / np.sqrt(seeds), freedom) >= wanted:
                return seeds
        return None


def power(size: float, error: float, freedom: float) -> float:
    """Power of the two-sided t test at ALPHA to see an effect of that size (noncentral t)."""
    if not error > 0:
        return 1.0 if error == 0 and size else np.nan
    limit = stats.t.ppf(1 - ALPHA / 2, freedom)
    shift = abs(size) / error
    right = float(stats.nct.sf(limit, freedom, shift))
    wrong = float(np.nan_to_num(stats.nct.cdf(-limit, freedom, shift)))  # NaN where it is zero
    return 1.0 if np.isnan(right) and shift > 2 * limit else right + wrong  # scipy has none far out


def pooled_deviation(effects: Sequence[Effect]) -> tuple[float, int]:
    """Standard deviation over seeds, pooled over the arms of several effects (each arm once), and
    its degrees of freedom."""
    arms = {
        arm: (seeds - 1, deviation)
        for effect in effects
        for arm, seeds, deviation in zip(effect.arms, effect.seeds, effect.deviations, strict=True)
        if seeds > 1
    }
    freedom = sum(degrees for degrees, _ in arms.values())
    if not freedom:
        return np.nan, 0
    squares = sum(degrees * deviation**2 for degrees, deviation in arms.values())
    return float(np.sqrt(squares / freedom)), freedom


def contrast(
    samples: Sequence[NDArray | Sequence[float]],
    weights: Sequence[float] = (1.0, -1.0),
    published: float | None = None,
    arms: Sequence[str] = (),
) -> Effect:
    """Σ weight · mean of independent samples, one value per seed, with Welch's interval."""
    values = [np.asarray(sample, np.float64) for sample in samples]
    if len(values) != len(weights) or any(arm.ndim != 1 for arm in values):
        raise ValueError(f"samples: expected {len(weights)} lists of one value per seed")
    seeds = tuple(len(arm) for arm in values)
    means = tuple(float(arm.mean()) if len(arm) else np.nan for arm in values)
    deviations = tuple(float(arm.std(ddof=1)) if len(arm) > 1 else np.nan for arm in values)
    mean = float(np.dot(weights, means))
    low = high = error = freedom = p = np.nan
    if min(seeds) > 1:
        counts = np.array(seeds)
        variances = np.square(weights) * np.square(deviations) / counts
        below = float((variances**2 / (counts - 1)).sum())  # Satterthwaite's
        total, spare = float(variances.sum()), float(counts.sum() - len(counts))
        error, freedom = float(np.sqrt(total)), total**2 / below if below > 0 else spare
        margin = float(stats.t.ppf(1 - ALPHA / 2, freedom)) * error
        low, high = mean - margin, mean + margin
        p = 2 * float(stats.t.sf(abs(mean) / error, freedom)) if error > 0 else float(mean == 0)
    return Effect(
        mean, low, high, error, freedom, p, seeds, means, deviations, tuple(weights), published,
        tuple(arms),
    )  # fmt: skip


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of one family; NaN stays NaN and does not count."""
    values = np.asarray(p_values, np.float64)
    adjusted = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    largest = 0.0
    for rank, index in enumerate(known[np.argsort(values[known])]):
        largest = max(largest, min(1.0, (len(known) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def points(fraction: float) -> str:
    """A fraction as signed points of NME: two digits, or three where two would hide its sign."""
    texts = [f"{100 * fraction:+.{digits}f}" for digits in (2, 3)]
    return next((text for text in texts if float(text)), "0.00")


def bounds(low: float, high: float) -> str:
    """An interval in points of NME; a dash where there is none."""
    return "–" if np.isnan(low) else f"[{points(low)}, {points(high)}]"


def interval(effect: Effect) -> str:
    """Effect with its 95 % interval, in points of NME; says so where an arm has one seed only."""
    if np.isnan(effect.low):
        return f"{points(effect.mean)}, no interval"
    return f"{points(effect.mean)} {bounds(effect.low, effect.high)}"


def counted(seeds: Sequence[int]) -> str:
    """Seeds of each arm: "10", "5 and 10" where two arms differ, "5 to 10" where more do."""
    if len(set(seeds)) == 1:
        return str(seeds[0])
    return " and ".join(map(str, seeds)) if len(seeds) == 2 else f"{min(seeds)} to {max(seeds)}"


def p_text(p: float) -> str:
    """A p-value in two digits."""
    return "< 0.001" if p < 0.001 else f"= {p:.2g}"
