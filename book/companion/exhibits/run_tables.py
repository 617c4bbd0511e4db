"""The runs behind a page: a sentence on where they come from, and one row for each."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from companion.exhibits import cells
from companion.exhibits.tables import label
from starlib.files import results_folder
from starlib.runs.records import Run, read_record
from starlib.training.config import PROTOCOL, RunConfig, varied_arm


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row per run: what it was, what came out, and where that came from."""
    rows, runs = [], list({run.name: run for run in runs}.values())
    published = results_folder() / "runs"  # the records that stand beside the book's pages
    several = len({run.config.dataset for run in runs}) > 1
    for run in sorted(runs, key=lambda r: (r.config.dataset, _arm(r.config), r.config.seed)):
        subset, values = next(iter(run.metrics.items()))
        where, link = run.provenance, f"play/data/runs/{run.path.stem}.json"
        rows.append(
            {
                "run": run.path.stem,
                ".link": link if run.path.parent == published else "",
                **({"data": label(run.config.dataset)} if several else {}),
                "arm": _arm(run.config),
                "seed": run.config.seed,
                f"NME, {subset} (%)": cells.percent(values["nme"], 3),
                "FR10 (%)": cells.percent(values["failure_rate_10"]),
                "AUC10": cells.number(values["auc_10"], 3),
                "commit": run.commit,
                "device": device_of(run),
                "minutes": cells.number(where["seconds"] / 60, 1),
            }
        )
    return cells.table_of(rows, "run")


def _arm(config: RunConfig) -> str:
    return label(varied_arm(config))


def flip_average_table(folder: Path, dataset: str = "300w") -> pd.DataFrame:
    """NME in % of a data set's networks alone, from the records of a folder, and averaged with the
    mirror image of each crop, which `python -m starlib evaluate --flip-average --out` wrote to
    results/evaluations/flip_average/<run>.json; mean ± SD over seeds."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((folder / "evaluations" / "flip_average").glob("*.json")):
        run = read_record(folder / "runs" / path.name)
        if run.config.dataset != dataset:
            continue
        subset, values = next(iter(json.loads(path.read_text(encoding="utf-8"))["metrics"].items()))
        nmes = (run.metrics[subset]["nme"], values["nme"])
        pairs.setdefault(_arm(run.config), []).append(nmes)
    rows = []
    for name, nmes_of_arm in sorted(pairs.items()):
        alone, averaged = np.array(nmes_of_arm).T
        rows.append(
            {
                "arm": name,
                "alone (%)": cells.spread(alone),
                "with the mirror image (%)": cells.spread(averaged),
                "gain (points)": cells.percent((alone - averaged).mean(), sign="+"),
                "seeds": len(alone),
            }
        )
    return cells.table_of(rows, "arm")


def sources(runs: Sequence[Run], lacking: Sequence[RunConfig] = ()) -> str:
    """A sentence or two on where the runs come from, and which planned ones are missing (Markdown).

    Runs of an older protocol cannot be trained any more: their scale is closed."""
    lines = [_origin(runs)] if runs else []
    planned = [config for config in lacking if config.protocol == PROTOCOL]
    if closed := sorted({run.config.protocol for run in runs} - {PROTOCOL}):
        lines.append(
            f"These runs are of an older version of the training (protocol "
            f"{' and '.join(map(str, closed))}; now {PROTOCOL}), so none is added to them."
        )
    if planned:
        seeds: dict[str, list[int]] = {}
        for config in planned:
            seeds.setdefault(_arm(config), []).append(config.seed)
        names = "; ".join(f"{n} (seeds {', '.join(map(str, s))})" for n, s in seeds.items())
        summary = f"{len(planned)} planned runs are not in the records"
        summary += "; <code>train=True</code> trains them."
        lines.append(f"<details><summary>{summary}</summary>\n\n{names}.\n\n</details>")
    return "\n\n".join(lines)


def device_of(run: Run) -> str:
    """What a run was trained on: the GPU, or the processor, as far as its record has it."""
    where = run.provenance
    name: str = where["device_name"]
    if where["device"] != "cpu" or "processor" not in where:
        return name
    return f"{where['processor']} ({name.split()[-1]})"


def _origin(runs: Sequence[Run]) -> str:
    config, data = runs[0].config, runs[0].provenance["data"]
    parts = []
    for split, faces in data.items():
        of = f" of {faces['official']:,}" if faces["partial"] else ""
        parts.append(f"{faces['faces']:,}{of} {split} faces{' (partial)' if of else ''}")
    devices = ", ".join(sorted({device_of(run) for run in runs}))
    minutes = np.median([run.provenance["seconds"] for run in runs]) / 60

    def varied(name: str) -> str:
        values = dict.fromkeys(getattr(run.config, name) for run in runs)
        return " or ".join(str(value) for value in values)

    stacks = "1 stack" if varied("stacks") == "1" else f"{varied('stacks')} stacks"
    scale = config.scale if config.scale != "custom" else "reduced"
    name = label(config.dataset)
    return (
        f"{len(runs)} runs on **{name}** ({', '.join(parts)}) at scale **{scale}**: "
        f"{varied('image_size')} px, {stacks} of width {varied('width')}, "
        f"{varied('epochs')} epochs in batches of {varied('batch_size')}, {varied('precision')}. "
        f"Device: {devices}; {minutes:.1f} minutes each (median)."
        + " Too short to compare anything: it shows that the code works."
        * (scale == "smoke")
    )
