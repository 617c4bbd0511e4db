"""What the page of an experiment shows: its runs, effects, judgements, tables and figures."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from companion.evidence.claims import (
    CLAIMS,
    SETTLED,
    Judgement,
    judge_all,
    settled_datasets,
)
from companion.evidence.effects import comparison_effects
from companion.evidence.statistics import Effect
from companion.exhibits import figures, run_tables, tables
from companion.experiments.experiment import PROTOCOLS, SETTLED_SCALE, Comparison, Experiment
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records, subsets_of
from companion.experiments.train_all import run_all
from companion.text import verdicts
from companion.text.statements import STATEMENTS, Statement
from starlib.checks import one_of
from starlib.files import ROOT, in_checkout, results_folder
from starlib.runs.records import Run
from starlib.schemes import SCHEME_OF, is_path
from starlib.training.config import SCALES, RunConfig


def experiment_page(
    name: str,
    dataset: str,
    scale: str,
    seeds: int | Sequence[int] = (),
    device: str = "auto",
    train: bool = False,
    results: str = "",
    workers: int = 2,
    data_root: str = "",
    comparisons: Sequence[str] | None = None,
    need_runs: bool = True,
) -> "Page":
    """Read, or with `train` train, the runs of an experiment of EXPERIMENTS, or some of its
    comparisons. The parameters are those of the notebooks, which say what each means; `workers`
    runs are trained side by side on the data below `data_root`, or $STARLIB_DATA if it is empty.

    ValueError names a parameter that is not of its type, and the folder where it holds none of the
    runs, unless `need_runs` is False.
    """
    for key, value in {"dataset": dataset, "device": device, "data_root": data_root}.items():
        check(key, value, str)
    if not is_path(dataset) and dataset not in SCHEME_OF:
        known = ", ".join(SCHEME_OF)
        raise ValueError(f"dataset: expected one of {known}, or a .yml file, got {dataset!r}")
    one_of(SCALES).check("scale", scale)
    check("train", train, bool)
    check("workers", workers, int)
    chosen = check_list("seeds", [seeds] if type(seeds) is int else seeds, int)
    if chosen and min(chosen) < 0:
        raise ValueError(f"seeds: expected integers >= 0, got {seeds!r}")
    experiment = EXPERIMENTS[name]
    shown = experiment.comparisons_at(dataset, scale) if comparisons is None else comparisons
    pairs = [experiment.comparisons[comparison] for comparison in shown]
    compared = list(dict.fromkeys(arm for pair in pairs for arm in (pair.without, pair.with_)))
    arms = None if comparisons is None else compared
    configs = experiment.configs(dataset, scale, list(chosen) or None, arms)
    folder = results_of(results)
    if train:
        # A page says the same from run to run, so nothing of the training is printed.
        run_all(configs, device, workers, folder, data_root or None, say=lambda _: None)
    records = Records.load(folder)
    if need_runs and not records.of(configs):
        raise ValueError(
            f"results: expected records of {name} on {dataset} at scale {scale} in "
            f"{records.folder.resolve() / 'runs'}, got none of {len(configs)} runs"
            + ("" if scale in PROTOCOLS else "; train=True trains them")
        )
    page = Page(experiment, dataset, scale, list(chosen) or None, tuple(shown),
                tuple(arms or experiment.arms), tuple(configs), records)  # fmt: skip
    by_arm = page.by_arm
    run = [name for name, p in page.pairs.items() if by_arm[p.without] and by_arm[p.with_]]
    return replace(page, comparisons=tuple(run))


def results_of(results: str) -> Path:
    """The folder of a notebook's parameter; if empty $STARLIB_RESULTS, else that of the checkout
    that the companion belongs to, wherever the notebook runs."""
    check("results", results, str)
    chosen = results or os.environ.get("STARLIB_RESULTS") or not in_checkout()
    return results_folder(results) if chosen else ROOT / "results"


def is_settled(dataset: str, scale: str) -> bool:
    """Whether the rules of settled.yml judge runs, once all planned seeds of an arm are run."""
    return dataset in settled_datasets() and scale == SETTLED_SCALE


def seeds_needed(experiment: Experiment, arm: str, dataset: str, scale: str, least: int) -> int:
    """Runs that an arm needs before the book compares it: `least`, or all planned ones where rules
    wait for them."""
    planned = experiment.seeds_of(arm, dataset, scale) if is_settled(dataset, scale) else ()
    return max(len(planned), least)


def committed(records: Records) -> bool:
    """Whether records are those of the repository, which the author's sentences are about."""
    return records.folder.resolve() == ROOT / "results"


def check(name: str, value: object, kind: type) -> None:
    """ValueError unless a notebook's parameter is of this type."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        hint = " (true and false are written True and False)" if kind is bool else ""
        raise ValueError(f"{name}: expected {_NAMES[kind]}{hint}, got {value!r}")


_NAMES = {str: "a text", bool: "True or False", int: "an integer"}


def check_list(
    name: str, values: Any, kind: type, allowed: Sequence[Any] | None = None
) -> Sequence[Any]:
    """A notebook's list parameter; ValueError unless it is a list of this type, each value one of
    those that are allowed and there once."""
    one = values if values in (allowed or ()) else (allowed or [0])[0]
    example = f"as in papermill's -y '{name}: [{one}]'"
    if isinstance(values, (str, Mapping)) or not isinstance(values, Sequence):
        raise ValueError(f"{name}: expected a list, {example}, got {values!r}")
    if allowed is not None and not values:
        raise ValueError(f"{name}: expected one or more of {', '.join(allowed)}, got none")
    for value in values:
        check(name, value, kind)
        if allowed is not None and value not in allowed:
            raise ValueError(f"{name}: expected some of {', '.join(allowed)}, got {value!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{name}: expected each once, got {values!r}")
    return values


@dataclass(frozen=True)
class Page:
    """An experiment on a data set at a scale, with what its page shows.

    seeds: None for those of the experiment. comparisons, arms: what is shown; `experiment_page`
    leaves out comparisons of which an arm has no run. configs: the runs that it takes, finished or
    not.
    """

    experiment: Experiment
    dataset: str
    scale: str
    seeds: list[int] | None
    comparisons: tuple[str, ...]
    arms: tuple[str, ...]
    configs: tuple[RunConfig, ...]
    records: Records

    @property
    def pairs(self) -> dict[str, Comparison]:
        """The comparisons that are shown, by name."""
        return {name: self.experiment.comparisons[name] for name in self.comparisons}

    @cached_property
    def runs(self) -> list[Run]:
        """The finished ones of `configs`."""
        return self.records.of(self.configs)

    @cached_property
    def by_arm(self) -> ArmRuns:
        return self.on(self.dataset)

    def on(self, dataset: str) -> ArmRuns:
        """The runs of the same arms on another data set; in the book at the settled scale none of
        an arm before all its planned seeds are run."""
        arms = self.experiment, dataset, self.scale, self.seeds, list(self.arms)
        by_arm = self.records.arm_runs(*arms)
        if self.seeds or not committed(self.records):
            return by_arm
        needed = {a: seeds_needed(self.experiment, a, dataset, self.scale, least=1) for a in by_arm}
        return {arm: runs if len(runs) >= needed[arm] else {} for arm, runs in by_arm.items()}

    @cached_property
    def effects(self) -> dict[str, Effect]:
        """Comparison -> effect on the error against the labels."""
        return self._effects()

    def _effects(self, subset: str | None = None) -> dict[str, Effect]:
        arms = self.experiment, self.dataset, self.comparisons, self.scale, self.seeds
        return comparison_effects(self.records, *arms, subset=subset)

    @cached_property
    def judgements(self) -> list[Judgement]:
        """The claims that the shown comparisons decide."""
        settled = is_settled(self.dataset, self.scale)
        asked = (self.dataset, self.scale, self.experiment.name, self.seeds)
        found = judge_all(self.records, *asked, path=SETTLED if settled else CLAIMS)
        shown = set(self.comparisons)
        keys = ("comparisons", "minus_comparisons")
        return [j for j in found if {n for key in keys for n in j.rule.get(key, ())} <= shown]

    @property
    def finding(self) -> Markdown:
        """The author's sentence on the effects where there is one for these runs."""
        return self.finding_on(self.effects)

    def finding_on(self, effects: Mapping[str, Effect]) -> Markdown:
        """The author's sentence on effects that the page measured itself."""
        write = STATEMENTS.get((self.experiment.name, self.dataset, self.scale))
        try:
            return self._say(write and write(effects))
        except KeyError:  # a comparison of the sentence is not in these records
            return self._say(None)

    def say(self, statement: Statement) -> Markdown:
        """A statement on the closed scale's runs on the experiment's first data set; on other runs
        without it."""
        own = self.dataset == self.experiment.datasets[0] and self.scale in PROTOCOLS
        return self._say(statement if own else None)

    def _say(self, statement: Statement | None) -> Markdown:
        """A statement, of all seeds alone, with the judgements of the claims, as
        `companion.text.verdicts.finding`."""
        of, known = self.experiment.name, committed(self.records)
        said = statement if self.seeds is None else None
        return Markdown(verdicts.finding(said, self.judgements, of, known))

    @property
    def sources(self) -> Markdown:
        """Where the runs come from, and which are missing."""
        return Markdown(run_tables.sources(self.runs, self.records.missing(self.configs)))

    @property
    def effect_table(self) -> pd.DataFrame:
        return tables.effect_table(self.experiment, self.dataset, self.effects, self.scale)

    @property
    def subset_table(self) -> pd.DataFrame | None:
        """The effects on each subset of the test faces, a column for each; None if there is but
        one."""
        names = subsets_of(self.runs)
        if len(names) < 2:
            return None
        return tables.subset_table({name: self._effects(subset=name) for name in names})

    def arms_with(self, **fields: Any) -> list[str]:
        """The shown arms whose config has these fields."""
        arms = {name: self.experiment.arms[name] for name in self.arms}
        return [n for n, arm in arms.items() if all(arm.value(f) == v for f, v in fields.items())]

    def forest(self, *left_out: str) -> Figure:
        """The effects beside the paper's, without the comparisons that name one of these."""
        effects = self.effects.items()
        return figures.forest({n: e for n, e in effects if not any(out in n for out in left_out)})

    def curves(
        self, groups: Mapping[str, Sequence[str]] | None = None, curve: str = "error"
    ) -> Figure:
        """As companion.exhibits.figures.curves."""
        return figures.curves(self.by_arm, groups, curve)

    @property
    def run_table(self) -> pd.DataFrame:
        return run_tables.run_table(self.runs)
