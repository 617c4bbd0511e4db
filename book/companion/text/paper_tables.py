"""Fragments of the book's pages that hold numbers, written from the run records (Markdown)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from companion.evidence.effects import subsets_elsewhere
from companion.evidence.published import contradictions, published
from companion.exhibits import tables
from companion.exhibits.cells import frame, markdown_table, spread
from companion.exhibits.tables import label
from companion.experiments.experiment import DISTANCES
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text import facts
from companion.text.history import changed_rules, changed_verdicts
from starlib.runs.records import Run
from starlib.training.config import SCALES, varied_arm


def fragments(records: Records) -> dict[str, str]:
    """Name -> Markdown of every fragment."""
    runs = records.runs
    return {
        "contradictions": contradiction_rows(),
        "table1": table1(),
        "table2": table2(records),
        **{f"printed{number}": printed_table(number) for number in (3, 4, 5, 6)},
        "scales": facts.scales(),
        "schedules": facts.schedules(records),
        "processors": facts.processors(runs),
        "parameters": facts.parameters(),
        "others": others(runs),
        "transfer": facts.transfer(records.folder),
        "provenance": facts.provenance(runs),
        "changed_rules": changed_rules(records),
        "changed_verdicts": changed_verdicts(records),
    }


def contradiction_rows() -> str:
    """Where the paper contradicts itself; what can be computed is."""
    rows = [[c.where, c.text, _alike(c.printed), _alike(c.computed)] for c in contradictions()]
    return markdown_table(["where", "what", "printed", "from the tables"], rows)


def _alike(values: Sequence[float]) -> str:
    """Numbers with as many decimals each as the longest has."""
    digits = max((len(f"{value:.4g}".partition(".")[2]) for value in values), default=0)
    return ", ".join(f"{value:.{digits}f}" for value in values)


def table1() -> str:
    """Table 1 as printed."""
    columns = {
        "backbone": "backbone", "parameters": "parameters (M)", "wflw": "WFLW", "fr10": "FR10",
        "auc10": "AUC10", "cofw": "COFW", "full": "300-W full", "common": "common",
        "challenge": "challenge",
    }  # fmt: skip
    printed = published()["table1"]
    rows = [
        [f"{m['name']} ({m['source']})", *(_printed(key, m.get(key)) for key in columns)]
        for m in [*printed["methods"], printed["ours"]]
    ]
    return markdown_table(["method", *columns.values()], rows)


def _printed(column: str, value: object) -> object:
    """A number of Table 1 with the zeros that the paper prints; "–" where it prints none."""
    if value is None:
        return "–"
    digits = {"backbone": None, "parameters": None, "auc10": 3}.get(column, 2)
    return value if digits is None else f"{value:.{digits}f}"


def table2(records: Records) -> str:
    """Table 2 as printed, with the effects; below, ours at each scale whose networks were evaluated
    on 300-VW (`python -m companion evaluate`)."""
    rows = [
        [label(category), label(distance), f"{a:.2f}", f"{b:.2f}", f"{a - b:+.2f}"]
        for category, row in published()["table2"].items()
        for distance, (a, b) in row.items()
    ]
    parts = [markdown_table(["category", "distance", "without", "with", "effect"], rows)]
    experiment = EXPERIMENTS["cross_dataset"]
    for scale in SCALES:
        runs = records.arm_runs(experiment, "300w", scale)
        if effects := subsets_elsewhere(records.folder, experiment, runs, "300vw"):
            parts.append(f"Ours, scale `{scale}`:\n\n{frame(tables.errors_by_part(effects))}")
    if len(parts) == 1:
        parts.append(
            "The videos of 300-VW are not available to us: not run. With them,"
            " `python -m companion evaluate --scale full` tests the runs of this experiment on all"
            " videos of each category, and a table of ours will stand here."
        )
    return "\n\n".join(parts)


def printed_table(number: int) -> str:
    """One of Tables 3 to 6 as the paper prints it, whole."""
    values = published()[f"table{number}"]
    if number == 3:
        rows = [
            [label(dataset), label(block), *("{:.2f} / {:.2f}".format(*row[d]) for d in DISTANCES)]
            for dataset, blocks in values.items()
            for block, row in blocks.items()
        ]
        names = [f"{label(distance)}, without / with" for distance in DISTANCES]
        return markdown_table(["data set", "model", *names], rows)
    lines = {"NME": values} if number == 4 else values
    head = ["", *(f"w = {n}" if number == 4 else n for n in next(iter(lines.values())))]
    cells = [[label(name), *(f"{v:.2f}" for v in line.values())] for name, line in lines.items()]
    return markdown_table(head, cells)


def others(runs: Sequence[Run]) -> str:
    """The runs that belong to no experiment, by data set and arm."""
    shown = {
        config
        for experiment in EXPERIMENTS.values()
        for dataset in experiment.datasets
        for scale in SCALES
        for config in experiment.configs(dataset, scale)
    }
    arms: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.config not in shown:
            arms[run.config.dataset, run.config.scale, varied_arm(run.config)].append(run)
    if not arms:
        return "Every run in the records belongs to an experiment."
    rows = []
    for (dataset, scale, name), group in sorted(arms.items()):
        subset = next(iter(group[0].metrics))
        nmes = np.array([run.metrics[subset]["nme"] for run in group])
        faces = f"{group[0].metrics[subset]['faces']:,}"
        place = [label(dataset), scale, label(name), f"{subset}, {faces}"]
        rows.append([*place, spread(nmes).text, len(nmes)])
    head = ["data set", "scale", "arm", "test faces", "NME %", "seeds"]
    opening = "Runs outside the experiments, which decide no claim:"
    return f"{opening}\n\n{markdown_table(head, rows)}"
