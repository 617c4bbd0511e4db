"""Tables of the book: the paper's numbers beside those recomputed from the run records."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.evidence.effects import (
    DRAWS,
    Effect,
    bounds,
    comparison_effects,
    counted,
    error_matrix,
    holm,
    interval,
    p_text,
)
from companion.evidence.published import Published, published_values
from companion.experiments.experiment import Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.select import ArmRuns

pd.set_option("display.max_colwidth", None)  # notebooks show whole sentences

DISTANCE_NAMES = {"l1": "l1", "smooth_l1": "smooth-l1", "l2": "l2", "wing": "Wing"}
NOT_RUN = "not run"


def frame_of(rows: list[dict[str, Any]], index: str) -> pd.DataFrame:
    """Rows as a table with that column as its index; an empty one without rows."""
    return pd.DataFrame(rows).set_index(index).rename_axis(None) if rows else pd.DataFrame()


def label(name: str) -> str:
    """The name of an arm, a comparison or a data set as a reader sees it."""
    words = {"smooth_l1": "smooth-l1", "wing": "Wing", "dr": "DR", "aam": "AAM"}
    words |= {"300w": "300-W", "wflw": "WFLW", "cofw": "COFW", "adl": "ADL", "star": "STAR"}
    words |= {"star_inside": "STAR inside d", "star_isotropic": "STAR isotropic"}
    words |= {"star_random": "STAR random", "restricted_regression": "restricted regression"}
    words |= {f"category-{x}": f"category {x.upper()}" for x in "abc"}
    return re.sub(rf"\b({'|'.join(words)})\b", lambda word: words[word[0]], name)


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction in %, without the sign."""
    return f"{100 * fraction:.{digits}f}"


def spread(values: np.ndarray) -> str:
    """Mean ± standard deviation over seeds, in %."""
    if len(values) < 2:
        return percent(values.mean())
    return f"{percent(values.mean())} ± {percent(values.std(ddof=1))}"


def effect_table(
    experiment: Experiment | str,
    dataset: str,
    comparisons: Sequence[str] | None = None,
    scale: str = "reduced",
    seeds: Sequence[int] | None = None,
    results: Path | str | None = None,
    **which: str,
) -> pd.DataFrame:
    """The comparisons of any experiment: the paper's NMEs and effect, ours with intervals.

    "paper" is its NME without and with, "inside" or "outside" where its effect lies beside our
    interval. The p-values are Holm's within this table. Where runs are missing it says "not run";
    a column that would be empty is left out.

    Args:
        experiment: one of `companion.experiments.paper`, or its name.
        dataset: data set of the runs.
        comparisons: those to show; all of the experiment otherwise.
        scale, seeds, results: which runs.
        which: `subset`, `against` and `region` of `companion.evidence.effects.face_errors`.
    """
    chosen = EXPERIMENTS[experiment] if isinstance(experiment, str) else experiment
    effects = comparison_effects(
        chosen, dataset, comparisons, scale, seeds, results, DRAWS, **which
    )
    printed = {name: published_values(chosen.comparisons[name], dataset) for name in effects}
    return effects_as_table(effects, printed)


def effects_as_table(
    effects: Mapping[str, Effect], printed: Mapping[str, Published | None] | None = None
) -> pd.DataFrame:
    """Rows of `effect_table` from effects of two arms each."""
    printed = printed or {}
    paper = any(value is not None for value in printed.values())
    adjusted = holm([effect.p for effect in effects.values()])
    rows = []
    for (name, effect), p in zip(effects.items(), adjusted, strict=True):
        row: dict[str, Any] = {"comparison": label(name)}
        if paper:
            row |= _paper_cells(printed.get(name), effect)
        rows.append(row | _our_cells(effect, p))
    table = frame_of(rows, "comparison")
    return table.drop(columns=[name for name in table if (table[name] == "").all()])


def _paper_cells(value: Published | None, effect: Effect) -> dict[str, str]:
    cells = {"paper": "", "paper's effect": ""}
    if value is not None:
        if value.without is not None and value.with_ is not None:
            cells["paper"] = f"{value.without:.2f} / {value.with_:.2f}"
        place = {None: "", True: ", outside", False: ", inside"}[effect.excludes_published]
        cells["paper's effect"] = f"{value.effect:+.2f}{place}"
    return cells


def _our_cells(effect: Effect, p: float) -> dict[str, Any]:
    cells: dict[str, Any] = {
        name: _mean_text(mean, deviation)
        for name, mean, deviation in zip(
            ("without", "with"), effect.means, effect.deviations, strict=True
        )
    }
    cells["effect [95 %]"] = interval(effect) if effect.run else ""
    cells["p (Holm)"] = "" if np.isnan(p) else p_text(p).removeprefix("= ")
    cells["bootstrap"] = bounds(*effect.bootstrap) if effect.run else ""
    cells["seeds"] = counted(effect.seeds)
    power = effect.power()
    cells["power"] = "" if np.isnan(power) else f"{100 * power:.0f} %"
    return cells


def _mean_text(mean: float, deviation: float) -> str:
    if np.isnan(mean):
        return NOT_RUN
    return percent(mean) + ("" if np.isnan(deviation) else f" ± {percent(deviation)}")


def arm_table(runs: ArmRuns, **which: str) -> pd.DataFrame:
    """NME of each arm, mean ± standard deviation over seeds; `which` as in `effect_table`."""
    rows = []
    for name, by_seed in runs.items():
        nme = spread(error_matrix(by_seed, **which).mean(1)) if by_seed else NOT_RUN
        rows.append({"arm": label(name), "NME %": nme, "seeds": len(by_seed)})
    return frame_of(rows, "arm")


def against_truth(runs: ArmRuns) -> pd.DataFrame:
    """NME of each arm against the noisy labels and against the clean landmarks, beside the labels'
    own error. A table of one cell for data sets whose true landmarks nobody knows."""
    every = [run for by_seed in runs.values() for run in by_seed.values()]
    known = [run for run in every if "annotation_noise" in run.metrics]
    if not known:
        names = sorted({run.config.dataset for run in every})
        return pd.DataFrame({"true landmarks": "not known"}, index=names)
    noise = percent(known[0].metrics["annotation_noise"]["nme"])
    rows = [
        {
            "arm": label(name),
            "against the labels": spread(error_matrix(by_seed).mean(1)),
            "against the truth": spread(error_matrix(by_seed, against="clean").mean(1)),
            "labels against the truth": noise,
            "seeds": len(by_seed),
        }
        for name, by_seed in runs.items()
        if by_seed
    ]
    return frame_of(rows, "arm")
