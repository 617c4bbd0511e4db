"""Tables of single experiments."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from companion.evidence import ambiguity, breakdown
from companion.evidence.effects import comparison_effects, seed_means
from companion.evidence.hypotheses import noise_rule
from companion.evidence.rules import measured_effects
from companion.evidence.statistics import Effect, counted
from companion.exhibits import cells
from companion.exhibits.tables import by_arm, label
from companion.experiments.experiment import Comparison
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from starlib import metrics
from starlib.data.synthface import VARIANTS
from starlib.runs.evaluation import map_floor
from starlib.runs.records import Run

# Share of a Gaussian -> χ² of two variables
LEVELS = {share: float(stats.chi2.ppf(share, 2)) for share in (0.5, 0.9, 0.95)}


def _parts_table(
    effects: Mapping[str, Mapping[str, Effect]], part: str, value: str
) -> pd.DataFrame:
    """Comparison -> part -> effect, a row for each: the values without and with, in %, and the
    signed change relative to the value without."""
    rows = []
    for name, by_part in effects.items():
        for where, effect in by_part.items():
            change = -100 * effect.mean / effect.means[0]
            row = {
                "comparison": label(name),
                part: where,
                f"{value} without (%)": cells.percent(effect.means[0]),
                f"{value} with (%)": cells.percent(effect.means[1]),
                "effect in points [95 %]": cells.effect(effect),
                "change (%)": cells.Cell(f"{change:+.0f}" if round(change) else "0", {"": change}),
                "seeds": counted(effect.seeds),
            }
            rows.append(row)
    return cells.table_of(rows, "comparison")


def region_table(runs: ArmRuns, comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """Effect on the spread of the seeds' predictions by region of the face, in % of the
    normalising distance, and as a share of the spread without STAR."""
    effects = {name: breakdown.stability_effects(runs, p) for name, p in comparisons.items()}
    kept = {
        name: {region: effect for region, effect in by_region.items() if effect.decidable}
        for name, by_region in effects.items()
    }
    return _parts_table(kept, "landmarks", "spread")


def region_errors(runs: ArmRuns, comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """Effect on the error of each region's landmarks, in points of NME with its 95 % interval:
    a row for each region, a column for each comparison that was run."""
    effects = {label(name): breakdown.region_effects(runs, p) for name, p in comparisons.items()}
    columns = {name: by_region for name, by_region in effects.items() if by_region["all"].run}
    rows = [
        {"region": region, **{name: cells.effect(e[region]) for name, e in columns.items()}}
        for region in next(iter(columns.values()), {})
    ]
    return cells.table_of(rows, "region")


def _over_seeds(runs: Mapping[int, Run], value: Callable[[Run], float]) -> NDArray:
    values = np.array([value(run) for run in runs.values()])
    return values[~np.isnan(values)]


def _mean(values: NDArray, digits: int, seeds: int | None = None) -> cells.Cell:
    """Mean ± standard deviation; how many values these are, if there are more `seeds`."""
    cell = cells.spread(values, digits, 1)
    text = cell.text if len(values) else cells.NOT_RECORDED
    if len(values) and seeds not in (None, len(values)):
        text = f"{text} ({len(values)} seeds)"
    return cells.Cell(text, cell.numbers)


def spread_over_faces(run: Run) -> float:
    """Standard deviation of the predicted landmarks over the test faces as a share of that of the
    labels: near 1 where predictions follow the faces, 0 where all faces get the same."""
    arrays = run.landmarks()
    predicted, target = (np.nanmean(np.nanstd(arrays[n], 0)) for n in ("predicted", "target"))
    return float(predicted / target)


def collapse_table(runs: ArmRuns) -> pd.DataFrame:
    """How wide the heatmaps end up, and whether the predictions still follow the faces.

    Mean ± standard deviation over the seeds; the width is of those whose records have it.
    """
    spread = "spread over faces, as a share of the labels'"
    columns: dict[str, Callable[[Mapping[int, Run]], object]] = {
        "NME (%)": lambda kept: cells.spread(seed_means(kept)),
        "width of the heatmaps": lambda kept: _mean(_over_seeds(kept, _last_width), 3, len(kept)),
        spread: lambda kept: _mean(_over_seeds(kept, spread_over_faces), 3),
    }
    return by_arm(runs, columns)


def width_table(runs: ArmRuns, comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """Width of the heatmaps after the last epoch, of both arms of each comparison.

    Mean ± standard deviation over the seeds whose records have it, counted where they are fewer.
    """
    rows = []
    for name, pair in comparisons.items():
        row: dict[str, Any] = {"comparison": label(name)}
        for column, arm in (("without", pair.without), ("with", pair.with_)):
            widths = _over_seeds(runs[arm], _last_width)
            row[column] = _mean(widths, 3, len(runs[arm])) if runs[arm] else cells.spread([])
        rows.append(row)
    return cells.table_of(rows, "comparison")


def _last_width(run: Run) -> float:
    return run.curves.get("width", [np.nan])[-1]


def ambiguity_table(runs: ArmRuns) -> pd.DataFrame:
    """Angle to the ambiguous direction, rank correlations with its strength, ratio of regions.

    Mean ± standard deviation over the seeds whose records have covariances.
    """
    regions, first = ("contour", "eye corners"), ambiguity.first_eigenvalue
    columns: dict[str, tuple[Callable[[Run], float], int]] = {
        "angle (°)": (ambiguity.angle_to_noise, 1),
        "rank correlation of λ1/λ2": (ambiguity.correlation_with_noise, 2),
        "of λ1": (lambda run: ambiguity.correlation_with_noise(run, first), 2),
        "contour / eye corners": (lambda run: ambiguity.region_ratio(run, regions), 2),
    }
    rows = []
    for arm, by_seed in runs.items():
        found = {n: (_over_seeds(by_seed, value), d) for n, (value, d) in columns.items()}
        if seeds := len(found["angle (°)"][0]):
            shown = {name: _mean(values, digits) for name, (values, digits) in found.items()}
            rows.append({"arm": label(arm), **shown, "seeds": seeds})
    return cells.table_of(rows, "arm")


def ambiguity_by_noise(records: Records, scale: str = "reduced") -> pd.DataFrame:
    """`ambiguity_table` of networks trained with labels of each noise, beside the same known
    covariances: without noise, or with noise without direction, they can only show the picture."""
    experiment = EXPERIMENTS["ambiguity"]
    arms = [name for name, arm in experiment.arms.items() if arm.value("distance") == "l2"]
    by_noise = {d: records.arm_runs(experiment, d, scale, arms=arms) for d in experiment.datasets}
    return ambiguity_table(
        {f"{arm}, {NOISE[d]}": by_noise[d][arm] for arm in arms for d in sorted(by_noise)}
    )


def squared_distances(run: Run) -> NDArray | None:
    """Squared Mahalanobis distances of all labels of the first test faces under their covariances;
    None where the record has no covariances."""
    arrays = run.landmarks()
    if "covariance" not in arrays:
        return None
    covariance = arrays["covariance"].astype(np.float64)
    faces = len(covariance)
    error = arrays["target"][:faces].astype(np.float64) - arrays["predicted"][:faces]
    squared = metrics.squared_mahalanobis(error, covariance, map_floor(run.config))
    return squared[~np.isnan(squared)]


def calibration_table(runs: ArmRuns) -> pd.DataFrame:
    """Share of the labels inside the ellipses that should hold 50, 90 and 95 % of them, as the
    heatmaps are, and after the factor fitted on training faces; mean over seeds."""
    rows = []
    for arm, by_seed in runs.items():
        kept = [run for run in by_seed.values() if run.calibration]
        factors = np.array([run.calibration["factor"] for run in kept])
        raw = [distances for run in kept if (distances := squared_distances(run)) is not None]
        if not raw:
            continue
        row: dict[str, object] = {"arm": label(arm)}
        row["squared distance (2 if calibrated)"] = cells.number(float(np.mean(raw)))
        for share, limit in LEVELS.items():
            name = f"in the {100 * share:.0f} % ellipse"
            fitted = [values / factor for values, factor in zip(raw, factors, strict=True)]
            row[f"{name} (%)"], row[f"{name}, with factor (%)"] = (
                cells.percent(float(np.mean([(values < limit).mean() for values in group])), 0)
                for group in (raw, fitted)
            )
        row["factor"] = _mean(factors, 3)
        row["seeds"] = len(raw)
        rows.append(row)
    return cells.table_of(rows, "arm")


def direction_table(runs: ArmRuns, comparisons: Mapping[str, Comparison]) -> pd.DataFrame:
    """Effect on the error along and across the ambiguous direction, against the truth."""
    effects = {name: breakdown.direction_effects(runs, p) for name, p in comparisons.items()}
    kept = {name: both for name, both in effects.items() if all(e.run for e in both.values())}
    return _parts_table(kept, "direction", "error")


NOISE = {  # data set of rendered faces -> the known noise of its labels
    dataset: f"strength {strength:g}" + ", without direction" * isotropic
    for dataset, (strength, isotropic) in VARIANTS.items()
}


def noise_effects(
    records: Records, scale: str = "reduced", seeds: Sequence[int] | None = None
) -> dict[str, dict[str, Effect]]:
    """Strength of the known noise -> distance -> effect of STAR on the error against the truth."""
    experiment = EXPERIMENTS["noise"]
    return {
        noise: comparison_effects(records, experiment, dataset, None, scale, seeds, against="clean")
        for dataset, noise in NOISE.items()
    }


def noise_interactions(
    gains: Mapping[str, Mapping[str, Effect]],
    records: Records,
    scale: str = "reduced",
    seeds: Sequence[int] | None = None,
) -> dict[str, Effect]:
    """The gains with l2 of `noise_effects`, then the gain with noise minus that on its control;
    what was run."""
    shown = {f"gain, {noise}": effects["l2"] for noise, effects in gains.items()}
    for one, other in (
        ("synthface", "synthface-0"),
        ("synthface-6", "synthface-0"),
        ("synthface", "synthface-isotropic"),
    ):
        rule = noise_rule("interaction", one, other)
        name = f"difference, {NOISE[one]} minus {NOISE[other].removeprefix('strength ')}"
        [shown[name]] = measured_effects(rule, records, scale, seeds)
    return {name: effect for name, effect in shown.items() if effect.run}


def residual_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of `mechanism.at_equal_training_error`: negative is better than the training error
    says."""
    title, columns = "NME at equal training error (%)", ["NME (%)", "low (%)", "high (%)"]
    shown = [
        {
            "arms": name,
            title: cells.bracketed(row[columns].tolist(), "+.1f"),
            "runs": int(row["runs"]),
        }
        for name, row in rows.iterrows()
    ]
    return cells.table_of(shown, "arms")
