"""What STAR loss does to the heatmaps' width and to the training error, beside what would follow
from its equations alone."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from starlib.distances import get_distance
from starlib.runs.records import Run
from starlib.training.config import RunConfig

LEARNED = 0.1  # NME below which a network follows the faces
RELEASED_WEIGHT = 2  # the released code's w is half the paper's: it adds λ1 + λ2, not their mean


def axis_distance(error: float, distance: str) -> float:
    """Mean of d(v · e) over all directions of a unit vector v, for errors |e| of this length."""
    angles = (torch.arange(2000, dtype=torch.float64) + 0.5) * (torch.pi / 4000)
    return float(get_distance(distance)(error * angles.cos()).mean())


def optimal_width(run: Run) -> float:
    """The standard deviation √λ* = (d/w)^(1/3) of a heatmap at which STAR loss with the value
    restriction is least, in [-1, 1] of the view: d is `axis_distance` of the mean training error of
    the last epoch, and nothing is fitted."""
    config = run.config
    weight = config.weight * (RELEASED_WEIGHT if config.convention == "released" else 1)
    return (axis_distance(run.curves["error"][-1], config.distance) / weight) ** (1 / 3)


def restricted(config: RunConfig) -> bool:
    """Whether an arm is STAR loss with the value restriction, and DR does not set the width."""
    return config.loss == "star" and config.restriction == "value" and not config.dr


def widths(runs: Iterable[Run], every: bool = False) -> pd.DataFrame:
    """A row for each arm of STAR loss with the value restriction: what it is, the heatmaps' width
    after the last epoch and `optimal_width`, both averaged over seeds. Arms with the released
    augmentation or crop are among them with `every`, those of another precision or batch apart."""
    kept = [run for run in runs if restricted(run.config) and "width" in run.curves]
    fields = {"data": "dataset", "distance": "distance", "w": "weight", "convention": "convention"}
    fields |= {"side (px)": "image_size", "epochs": "epochs", "AAM": "aam"}
    fields |= {n: n for n in ("augmentation", "crop", "precision", "batch_size")} if every else {}
    rows = [
        {
            **{name: getattr(run.config, field) for name, field in fields.items()},
            "width": run.curves["width"][-1],
            "optimum": optimal_width(run),
            "seeds": 1,
        }
        for run in kept
        if every or (run.config.augmentation, run.config.crop) == ("paper", "longer")
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    same = [name for name in table if name not in ("width", "optimum", "seeds")]
    return table.groupby(same, as_index=False).agg(
        {"width": "mean", "optimum": "mean", "seeds": "sum"}
    )


def misfit(table: pd.DataFrame) -> tuple[float, float]:
    """Median over arms of |log(width / optimum)|, and of |log(width / c)| for the null: the median
    width c of all arms."""
    width, optimum = table["width"].to_numpy(), table["optimum"].to_numpy()
    ours = np.median(np.abs(np.log(width / optimum)))
    null = np.median(np.abs(np.log(width / np.median(width))))
    return float(ours), float(null)


def errors(runs: Iterable[Run]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the mean training error of the last epoch and of the test NME, by run."""
    pairs = [(r.curves["error"][-1], next(iter(r.metrics.values()))["nme"]) for r in runs]
    logarithms = np.log(np.array(pairs).reshape(-1, 2))
    return logarithms[:, 0], logarithms[:, 1]


def line(runs: Iterable[Run]) -> Any:
    """The line of log test NME on log training error, least squares over runs: scipy's slope,
    intercept and rvalue."""
    return stats.linregress(*errors(runs))


def comparable(runs: Iterable[Run], epochs: int = 18) -> list[Run]:
    """Those on 300-W at 96 pixels, of this length and otherwise as the scale `reduced`, that have
    learned: test NME below 10 %. Another crop would be another unit of the training error."""
    usual = RunConfig.at("reduced", "300w", epochs=epochs)
    alike = ["dataset", "image_size", "epochs", "backbone", "augmentation", "crop"]
    alike += ["precision", "batch_size"]
    return [
        run
        for run in runs
        if all(getattr(run.config, name) == getattr(usual, name) for name in alike)
        and next(iter(run.metrics.values()))["nme"] < LEARNED
    ]


PLAIN = "without STAR, DR and AAM"
KINDS: dict[str, Callable[[RunConfig], bool]] = {
    PLAIN: lambda c: c.loss == "regression" and not (c.dr or c.aam),
    "STAR": lambda c: c.loss == "star" and not (c.dr or c.aam),
    "DR": lambda c: c.loss == "regression" and c.dr,
    "STAR + DR": lambda c: c.loss == "star" and c.dr,
    "AAM": lambda c: c.loss == "regression" and c.aam,
    "STAR + AAM": lambda c: c.loss == "star" and c.aam,
}


def at_equal_training_error(runs: Iterable[Run]) -> pd.DataFrame:
    """Kind of arm -> how much lower or higher its test NME is, in %, than that of the first kind at
    the same training error, with the 95 % interval of the mean over runs."""
    runs = list(runs)
    groups = {name: [run for run in runs if kind(run.config)] for name, kind in KINDS.items()}
    plain = groups[PLAIN]
    rows: dict[str, tuple[float, float, float, int]] = {}
    for name, group in groups.items():
        if min(len(plain), len(group)) > 1:
            law, (training, test) = line(plain), errors(group)
            values = 100 * (test - law.intercept - law.slope * training)
            margin = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
            rows[name] = (values.mean(), values.mean() - margin, values.mean() + margin, len(group))
    columns = ["NME (%)", "low (%)", "high (%)", "runs"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
