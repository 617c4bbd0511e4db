"""Fragments of the book's pages that hold numbers, written from the run records (Markdown)."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
from starlib.data.synthface import STRENGTH
from starlib.experiments.arms import ablation_distance
from starlib.experiments.records import Run, arm, load_all, read, results_folder
from starlib.models.hourglass import StackedHourglass
from starlib.report import claims, tables
from starlib.training.config import SCALES, RunConfig

VERDICTS = ("replicated", "contradicted", "inconclusive", "not testable here", "not run yet")


def fragments(results: Path | str | None = None) -> dict[str, str]:
    """Name -> Markdown of every fragment."""
    verdicts, runs = claims.judge_all(results), load_all(results)
    return {
        "found": found(verdicts, results),
        "claims": markdown_table(
            ["claim", "source", "verdict", "because"],
            [[v.claim, v.source, f"**{v.verdict}**", v.reason] for v in verdicts],
        ),
        "scales": scales(),
        "reduced": reduced(runs),
        "crops": crops(),
        "noise": noise(runs),
        "parameters": parameters(),
        "others": others(runs),
        "transfer": transfer(results_folder(results)),
        "provenance": provenance(runs),
    }


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def found(verdicts: Sequence[claims.Verdict], results: Path | str | None = None) -> str:
    """What the records say so far, in a few sentences."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    told = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])
    lines = [f"Of the paper's {len(verdicts)} claims that we track, so far: {told}."]
    runs = read(ablation_distance("300w", "reduced"), results)
    if runs:
        table = tables.distance_table(runs, "300w")
        lines.append(
            f"On 300-W ({data_used(runs)}, at the reduced scale), the effect of STAR on the error, "
            "in points of NME with 95 % intervals (bootstrap over seeds and test faces; and over "
            "the seeds alone):"
        )
        columns = ["paper effect", "our effect [95 %]", "over seeds alone", "seeds"]
        rows = [[name, *row[columns]] for name, row in table.iterrows()]
        lines.append(markdown_table(["distance", *columns], rows))
    return "\n\n".join(lines)


def data_used(runs: Sequence[Run]) -> str:
    """Faces trained and tested on, with the subsets of the test."""
    run = runs[0]
    used = {split: faces["faces"] for split, faces in run.provenance["data"].items()}
    official = run.provenance["data"]["train"]["official"]
    subsets = ", ".join(run.metrics)
    return (
        f"trained on {used['train']:,} of {official:,} faces, tested on {used['test']:,}: {subsets}"
    )


def scales() -> str:
    """What each scale means, from the code."""
    configs = {name: RunConfig.at(name, "300w") for name in SCALES}
    fields = (
        *("image_size", "stacks", "width", "depth", "epochs", "batch_size"),
        *("learning_rate", "ema_half_life", "precision", "train_faces"),
    )

    def shown(value: object) -> object:
        return "all" if value is None else value

    return markdown_table(
        ["", *configs],
        [[f"`{f}`", *(shown(getattr(c, f)) for c in configs.values())] for f in fields],
    )


def reduced(runs: Sequence[Run]) -> str:
    """How long the runs of the reduced scale took."""
    minutes = [r.provenance["seconds"] / 60 for r in runs if r.config.scale == "reduced"]
    if not minutes:
        return "No run of the reduced scale is committed yet."
    return (
        f"The {len(minutes)} committed runs took {np.median(minutes):.1f} minutes in the median "
        f"and {max(minutes):.1f} at most, two side by side with one CPU core each."
    )


def crops() -> str:
    """What is cut out of a picture."""
    return (
        "The faces are cut out by the bounding box of their landmarks: a square of "
        f"{STORE_MARGIN:g} times its longer side is stored, the network sees {VIEW_MARGIN:g} times."
    )


def noise(runs: Sequence[Run]) -> str:
    """How strong the annotation noise of synthface is."""
    told = f"The data set has {STRENGTH:g} times the noise shown"
    values = {r.metrics["annotation_noise"]["nme"] for r in runs if "clean" in r.metrics}
    if values:
        told += f": its labels are off by {tables.percent(max(values))} % NME"
    return told + "."


def provenance(runs: Sequence[Run]) -> str:
    """Where the committed runs come from, one row per data set, scale, commit and device."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        where = run.provenance
        data, scale = run.config.dataset, run.config.scale
        key = (data, scale, run.commit, where["device_name"], where["torch"])
        groups.setdefault(key, []).append(run)
    rows = []
    for names, group in sorted(groups.items()):
        faces = " / ".join(
            f"{data['faces']:,}" + (f" of {data['official']:,}" if data["partial"] else "")
            for data in group[0].provenance["data"].values()
        )
        minutes = sum(run.provenance["seconds"] for run in group) / 60
        rows.append([*names, faces, len(group), f"{minutes:.0f}"])
    head = ["data", "scale", "commit", "device", "torch", "train / test faces", "runs", "minutes"]
    return markdown_table(head, rows) if rows else "No run is committed yet."


def parameters() -> str:
    """Size of the network at three and four halvings, with and without AAM (Markdown)."""
    rows = []
    for scheme in ("300w", "wflw"):
        for aam in (True, False):
            row: list[object] = [scheme, "yes" if aam else "no"]
            for depth in (3, 4):
                with torch.device("meta"):  # shapes are enough
                    model = StackedHourglass(scheme, depth=depth, aam=aam)
                row.append(f"{sum(p.numel() for p in model.parameters()):,}")
            rows.append(row)
    return markdown_table(["heads", "AAM", "3 halvings", "4 halvings"], rows)


def others(runs: Sequence[Run]) -> str:
    """The runs that no experiment's page shows, by data set and arm (Markdown)."""
    shown = {c.hash for name in ("300w", "synthface") for c in ablation_distance(name, "reduced")}
    arms: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.config.hash not in shown:
            arms[run.config.dataset, run.config.scale, arm(run.config)].append(run)
    rows = []
    for (dataset, scale, name), found_runs in sorted(arms.items()):
        subset = next(iter(found_runs[0].metrics))
        nmes = np.array([run.metrics[subset]["nme"] for run in found_runs])
        faces = f"{found_runs[0].metrics[subset]['faces']:,}"
        rows.append([dataset, scale, name, f"{subset}, {faces}", tables.spread(nmes), len(nmes)])
    return markdown_table(["data set", "scale", "arm", "test faces", "NME %", "seeds"], rows)


def transfer(results: Path) -> str:
    """What `python -m starlib evaluate --out` wrote to results/evaluations/ (Markdown)."""
    rows = []
    for path in sorted((results / "evaluations").glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        for subset, values in told["metrics"].items():
            numbers = [tables.percent(values[n]) for n in ("nme", "failure_rate_10")]
            rows.append([path.stem, subset, values["faces"], *numbers, f"{values['auc_10']:.3f}"])
    return markdown_table(
        ["trained on - tested on", "subset", "faces", "NME %", "FR10 %", "AUC10"], rows
    )
