"""Tables of the book: the paper's numbers beside those recomputed from the run records."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from companion.evidence.effects import seed_means
from companion.evidence.published import printed_for, published_values
from companion.evidence.statistics import Effect
from companion.exhibits import cells
from companion.experiments.experiment import Experiment
from companion.experiments.records import ArmRuns
from starlib.runs.records import Run
from starlib.schemes import is_path
from starlib.training.config import RunConfig, varied_arm

pd.set_option("display.max_colwidth", None)  # notebooks show whole sentences


def label(name: str) -> str:
    """The name of an arm, a comparison or a data set as a reader sees it."""
    words = {"smooth_l1": "smooth-l1", "wing": "Wing", "dr": "DR", "aam": "AAM"}
    words |= {"300w": "300-W", "wflw": "WFLW", "cofw": "COFW", "adl": "ADL", "star": "STAR"}
    words |= {"star_inside": "STAR inside d", "star_isotropic": "STAR isotropic"}
    words |= {"star_random": "STAR random", "restricted_regression": "restricted regression"}
    words |= {"awing": "AWing", "gaussian_nll": "Gaussian NLL", "laplace_nll": "Laplace NLL"}
    words |= {"mahalanobis": "Mahalanobis", "rle": "RLE"}
    words |= {f"category-{x}": f"category {x.upper()}" for x in "abc"}
    return re.sub(rf"\b({'|'.join(words)})\b", lambda word: words[word[0]], name)


def arm_name(config: RunConfig) -> str:
    """What sets a config's arm apart from the others of its data set, in a few words."""
    name = label(re.sub(r"^regression |-value\b", "", varied_arm(config))).replace("STAR-", "STAR ")
    return name if config.scale in ("reduced", "custom") else f"{name}, {config.scale}"


def effect_table(
    experiment: Experiment, dataset: str, effects: Mapping[str, Effect], scale: str = "reduced"
) -> pd.DataFrame:
    """The effects of comparisons: NME without and with, the effect, and the paper's. In the book
    each leads to the effect explorer.

    A paper's number of another data set names it. Where runs are missing it says "not run"; a
    column that would be empty is left out.
    """
    rows = []
    for name, effect in effects.items():
        pair = experiment.comparisons[name]
        row: dict[str, Any] = {"comparison": label(name), **cells.errors(effect)}
        if effect.run and not is_path(dataset):
            arms = (experiment.config(a, dataset, 0, scale) for a in (pair.without, pair.with_))
            asked = zip(("set", "without", "with"), (dataset, *map(arm_name, arms)), strict=True)
            row[".link"] = f"experiments.html?{urlencode(list(asked))}#effect-explorer"
        if printed := published_values(pair, dataset):
            text, where = f"{printed.effect:+.2f}", printed_for(pair, dataset)
            if printed.without is not None and printed.with_ is not None:
                text = f"{printed.without:.2f} → {printed.with_:.2f}: {text}"
            text += f" ({label(where)})" if where and where != dataset else ""
            row["the paper's"] = cells.Cell(text, {" effect": printed.effect})
        rows.append(row)
    return cells.table_of(rows, "comparison")


def subset_table(effects: Mapping[str, Mapping[str, Effect]]) -> pd.DataFrame:
    """Subset -> comparison -> effect as a table, a row for each comparison."""
    rows: dict[str, dict[str, Any]] = {}
    for subset, found in effects.items():
        for name, effect in found.items():
            row = rows.setdefault(name, {"comparison": label(name)})
            cell = cells.effect(effect)
            numbers = {f", effect in points{name}": n for name, n in cell.numbers.items()}
            row[subset] = cells.Cell(cell.text, numbers)
    return cells.table_of(list(rows.values()), "comparison")


def errors_by_part(effects: Mapping[str, Mapping[str, Effect]]) -> pd.DataFrame:
    """Part, such as a subset or a strength of noise -> comparison -> effect as a table: a row for
    each of both that was run, with the errors."""
    rows = [
        {"part, comparison": f"{part}, {label(name)}", **cells.errors(effect)}
        for part, found in effects.items()
        for name, effect in found.items()
        if effect.run
    ]
    return cells.table_of(rows, "part, comparison")


def by_arm(
    runs: ArmRuns, columns: Mapping[str, Callable[[Mapping[int, Run]], object]]
) -> pd.DataFrame:
    """A row for each arm that has runs: a cell of these for each column, and how many they are."""
    rows = [
        {"arm": label(arm), **{n: cell(kept) for n, cell in columns.items()}, "seeds": len(kept)}
        for arm, kept in runs.items()
        if kept
    ]
    return cells.table_of(rows, "arm")


def arm_table(runs: ArmRuns) -> pd.DataFrame:
    """NME of each arm, mean ± standard deviation over seeds."""
    return by_arm(runs, {"NME (%)": lambda kept: cells.spread(seed_means(kept))})


def against_truth(runs: ArmRuns) -> pd.DataFrame:
    """NME of each arm against the noisy labels and against the clean landmarks, beside the labels'
    own error; empty for data sets whose true landmarks nobody knows."""
    every = [run for by_seed in runs.values() for run in by_seed.values()]
    known = [run for run in every if "annotation_noise" in run.metrics]
    if not known:
        return pd.DataFrame()
    noise = cells.percent(known[0].metrics["annotation_noise"]["nme"])
    columns: dict[str, Callable[[Mapping[int, Run]], object]] = {
        "against the labels (%)": lambda kept: cells.spread(seed_means(kept)),
        "against the truth (%)": lambda kept: cells.spread(seed_means(kept, against="clean")),
        "labels against the truth (%)": lambda kept: noise,
    }
    return by_arm(runs, columns)
