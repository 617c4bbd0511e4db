"""Fragments of the book's pages that hold numbers, written from the run records (Markdown)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from starlib import claims, tables
from starlib.config import SCALES, RunConfig
from starlib.experiments import ablation_distance
from starlib.records import Run, load_all
from starlib.runs import read_or_train

VERDICTS = ("replicated", "contradicted", "inconclusive", "not testable here", "not run yet")


def fragments(results: Path | str | None = None) -> dict[str, str]:
    """Name -> Markdown of every fragment."""
    verdicts = claims.judge_all(results)
    return {
        "found": found(verdicts, results),
        "claims": markdown_table(
            ["claim", "source", "verdict", "because"],
            [[v.claim, v.source, f"**{v.verdict}**", v.reason] for v in verdicts],
        ),
        "scales": scales(),
        "provenance": provenance(load_all(results)),
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
    runs = read_or_train(ablation_distance("300w", "reduced"), results=results)
    table = tables.distance_table(runs, "300w")
    if len(table):
        lines.append(
            "On 300-W (common test set, trained on a part of the training set, at the reduced "
            "scale), the effect of STAR on the error, in points of NME with 95 % intervals:"
        )
        columns = ["paper effect", "our effect [95 %]", "seeds"]
        rows = [[name, *row[columns]] for name, row in table.iterrows()]
        lines.append(markdown_table(["distance", *columns], rows))
    return "\n\n".join(lines)


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


def provenance(runs: Sequence[Run]) -> str:
    """Where the committed runs come from, one row per data set, scale, commit and device."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        where = run.provenance
        commit = (where["commit"] or "none")[:8] + (" (changed)" if where["dirty"] else "")
        key = (run.config.dataset, run.config.scale, commit, where["device_name"], where["torch"])
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
