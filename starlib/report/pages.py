"""Fragments of the book's pages that hold numbers, written from the run records (Markdown)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from starlib.experiments.arms import DISTANCES, EXPERIMENTS, WEIGHTS
from starlib.experiments.records import Run, arm, load_all, results_folder
from starlib.report import claims, page_facts, tables
from starlib.report.decisions import VERDICTS
from starlib.report.effects import Effect, comparison_effects, counted, interval
from starlib.report.page_facts import markdown_table
from starlib.report.published import contradictions, published

# Fragment -> experiment, and groups of its comparisons: each a table with Holm's correction
TABLES: dict[str, tuple[str, list[list[str]]]] = {
    "table1": ("accuracy", [["aam smooth_l1"]]),
    "table3": (
        "ablation_distance",
        [[f"{block}{d}" for d in DISTANCES] for block in ("", "dr ", "aam ", "aam over dr ")],
    ),
    "table4": ("restriction", [[f"w {w} over w 1" for w in WEIGHTS]]),
    "table5": (
        "restriction",
        [
            ["STAR over baseline", "baseline over none", "value over none", "detach over none",
             "value over detach", "STAR over regression with restriction"],
        ],
    ),
    "table6": (
        "compare_adl", [["STAR over ADL", "STAR over ADL constant 5", "STAR over baseline"]],
    ),
}  # fmt: skip


def fragments(results: Path | str | None = None) -> dict[str, str]:
    """Name -> Markdown of every fragment."""
    verdicts, runs = claims.judge_all(results), load_all(results)
    return {
        "headline": headline(verdicts, results),
        "found": found(verdicts, results),
        "claims": claim_rows(verdicts),
        "claims_cards": claim_cards(verdicts),
        "contradictions": contradiction_rows(),
        "table1": table1(results),
        "table2": table2(),
        **{name: effects_beside(name, results) for name in TABLES if name != "table1"},
        "scales": page_facts.scales(),
        "reduced": page_facts.reduced(runs),
        "crops": page_facts.crops(),
        "noise": page_facts.noise(runs),
        "parameters": page_facts.parameters(),
        "others": others(runs),
        "transfer": page_facts.transfer(results_folder(results)),
        "provenance": page_facts.provenance(runs),
    }


def frame(table: pd.DataFrame) -> str:
    """A DataFrame as a Markdown table, its index first."""
    rows = [[name, *row] for name, row in zip(table.index, table.to_numpy(), strict=True)]
    return markdown_table(["", *table.columns], rows)


def counts(verdicts: Sequence[claims.Verdict]) -> str:
    """How many claims have each verdict, in words."""
    number = Counter(verdict.verdict for verdict in verdicts)
    names = [*VERDICTS, *(name for name in number if name not in VERDICTS)]
    return ", ".join(f"{number[name]} {name}" for name in names if number[name])


def headline(verdicts: Sequence[claims.Verdict], results: Path | str | None = None) -> str:
    """The verdicts counted, and the main effect of each distance beside the paper's."""
    text = f"Of the paper's {len(verdicts)} claims that we track: {counts(verdicts)}."
    effects = comparison_effects(
        EXPERIMENTS["ablation_distance"], "300w", list(tables.DISTANCE_NAMES), results=results,
        draws=0,
    )  # fmt: skip
    parts = [_in_words(name, effect) for name, effect in effects.items() if effect.decidable]
    if parts:
        text += (
            "\n\nOn 300-W at the reduced scale, STAR loss changes the error (without minus with, "
            f"points of NME, 95 % interval) by {'; '.join(parts)}."
        )
    return text


def _in_words(name: str, effect: Effect) -> str:
    text = f"{interval(effect)} with {tables.label(name)}"
    paper = "" if effect.published is None else f"; paper {100 * effect.published:+.2f}"
    return f"{text} ({counted(effect.seeds)} seeds{paper})"


def found(verdicts: Sequence[claims.Verdict], results: Path | str | None = None) -> str:
    """What the records say so far: the verdicts counted, and Table 3's basic block on 300-W."""
    names = list(tables.DISTANCE_NAMES)
    table = tables.effect_table("ablation_distance", "300w", names, results=results)
    columns = ["paper effect", "effect [95 %]", "p (Holm)", "bootstrap", "seeds"]
    return (
        f"Of the paper's {len(verdicts)} claims that we track, so far: {counts(verdicts)}.\n\n"
        "The effect of STAR on the error on 300-W, reduced scale, in points of NME with 95 % "
        "intervals (Welch over seeds; beside it the bootstrap over seeds and faces):\n\n"
        + frame(table[columns])
    )


def claim_rows(verdicts: Sequence[claims.Verdict]) -> str:
    """Every claim with source, verdict and reason, as a table."""
    return markdown_table(
        ["claim", "source", "verdict", "because"],
        [[v.claim, v.source, f"**{v.verdict}**", v.reason] for v in verdicts],
    )


def claim_cards(verdicts: Sequence[claims.Verdict]) -> str:
    """Every claim as a card, by verdict; its class is `verdict-` and the verdict's words."""
    cards = []
    for name in dict.fromkeys([*VERDICTS, *(v.verdict for v in verdicts)]):
        for verdict in verdicts:
            if verdict.verdict == name:
                cards.append(_card(verdict))
    return "\n\n".join(cards)


def _card(verdict: claims.Verdict) -> str:
    style = verdict.verdict.replace(" ", "-")
    return (
        f"```{{card}} {verdict.claim}\n:class-card: verdict-{style}\n\n"
        f"**{verdict.verdict}** · {verdict.source}\n\n{verdict.reason}\n```"
    )


def contradiction_rows() -> str:
    """Where the paper contradicts itself; what can be computed is."""
    rows = []
    for item in contradictions():
        printed, computed = (
            ", ".join(f"{value:.4g}" for value in values)
            for values in (item.printed, item.computed)
        )
        rows.append([item.where, item.text, printed, computed])
    return markdown_table(["where", "what", "printed", "from the tables"], rows)


def table1(results: Path | str | None = None) -> str:
    """Table 1 as printed; then our runs of the same arm on the faces that we have."""
    columns = {
        "backbone": "backbone", "parameters": "parameters (M)", "wflw": "WFLW", "fr10": "FR10",
        "auc10": "AUC10", "cofw": "COFW", "full": "300-W full", "common": "common",
        "challenge": "challenge",
    }  # fmt: skip
    printed = published()["table1"]
    rows = [
        [f"{m['name']} ({m['source']})", *(m.get(key, "–") for key in columns)]
        for m in [*printed["methods"], printed["ours"]]
    ]
    paper = markdown_table(["method", *columns.values()], rows)
    return f"{paper}\n\n{effects_beside('table1', results)}"


def table2() -> str:
    """Table 2 as printed, with the effects."""
    rows = [
        [category, tables.label(distance), f"{a:.2f}", f"{b:.2f}", f"{a - b:+.2f}"]
        for category, row in published()["table2"].items()
        for distance, (a, b) in row.items()
    ]
    return markdown_table(["category", "distance", "without", "with", "effect"], rows)


def effects_beside(fragment: str, results: Path | str | None = None) -> str:
    """Our effects on 300-W beside those of one of the paper's tables, a table for each group."""
    experiment, groups = TABLES[fragment]
    found = (tables.effect_table(experiment, "300w", names, results=results) for names in groups)
    return "\n\n".join(frame(table) for table in found)


def others(runs: Sequence[Run]) -> str:
    """The runs that belong to no experiment, by data set and arm."""
    shown = {
        config
        for experiment in EXPERIMENTS.values()
        for dataset in experiment.datasets
        for config in experiment.configs(dataset)
    }
    arms: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.config not in shown:
            arms[run.config.dataset, run.config.scale, arm(run.config)].append(run)
    if not arms:
        return "Every run in the records belongs to an experiment."
    rows = []
    for (dataset, scale, name), group in sorted(arms.items()):
        subset = next(iter(group[0].metrics))
        nmes = np.array([run.metrics[subset]["nme"] for run in group])
        faces = f"{group[0].metrics[subset]['faces']:,}"
        rows.append([dataset, scale, name, f"{subset}, {faces}", tables.spread(nmes), len(nmes)])
    return markdown_table(["data set", "scale", "arm", "test faces", "NME %", "seeds"], rows)
