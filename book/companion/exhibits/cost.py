"""Tables and figures of the benchmark records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from companion.bench import summary as costs
from companion.exhibits import figures
from companion.exhibits.cells import Cell, number, percent, table_of

LOSSES = {  # name, colour and mark of each
    "star": ("STAR, this package", figures.VERMILION, "o"),
    "transcription": ("STAR, literal equations", figures.PURPLE, "^"),
    "regression": ("regression, this package", figures.ORANGE, "D"),
    "plain regression": ("regression, as commonly written", figures.SKY, "s"),
    "star, compiled": ("STAR, compiled", figures.GREEN, "o"),
    "star, captured": ("STAR, compiled, as a CUDA graph", figures.BLUE, "o"),
    "limit": ("one read and one write", figures.BLACK, "x"),
}


def _title(record: dict[str, Any]) -> str:
    machine = record["machine"]
    return f"{machine['device_name']}, {machine['threads']} threads, torch {machine['torch']}"


def machines_text(records: Sequence[dict[str, Any]]) -> str:
    """What the records were measured on, and what on nothing, in a sentence or two (Markdown)."""
    kinds = {"cpu": "CPU", "cuda": "GPU"}
    names = [f"{r['machine']['device_name']} ({kinds[r['machine']['device']]})" for r in records]
    measured = {record["machine"]["device"] for record in records}
    missing = [kind for name, kind in kinds.items() if name not in measured]
    text = f"Measured on {', '.join(names)}." if names else ""
    return " ".join([text, *(f"Nothing was measured on a {kind}." for kind in missing)]).strip()


def machine_table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """What each record was measured on, and when."""
    table = pd.DataFrame([r["machine"] | {"measured": r["finished"][:10]} for r in records])
    table["commit"] = table["commit"].fillna("none").str[:8]
    return table.set_index("device_name").rename_axis(None).astype(str).T


def summary_table(record: dict[str, Any]) -> pd.DataFrame:
    """What a reader wants to know first."""
    values = costs.shares(record)
    longest = max(record["loss"]["sizes"], key=lambda size: size["batch"] * size["points"])
    rows = {
        "STAR on all stacks, of a training step": f"{100 * values['star']:.2f} %",
        "STAR instead of the regression loss adds": f"{100 * values['added']:.2f} %",
        "the same, of whole steps": f"{100 * values['added, whole steps']:.2f} %",
        "all but the network's two passes": f"{100 * values['not network']:.2f} %",
        "literal Eqs. 3-6, loss only, largest batch": (
            f"{costs.ratios(longest)['transcription']:.0f} times as long"
        ),
        "growth with the number of heatmaps": f"power {costs.growth(record, 'star'):.2f}",
        "at inference": "nothing: the loss is there in training alone",
    }
    return pd.DataFrame({"measured": rows})


def _table(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> pd.DataFrame:
    """Rows, each a name and its cells by column."""
    return table_of([{"row": name, **cells} for name, cells in rows], "row")


def _sizes(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What was measured for each number of faces and points."""
    return {f"{size['batch']} × {size['points']}": size for size in record["loss"]["sizes"]}


def loss_table(record: dict[str, Any]) -> pd.DataFrame:
    """Milliseconds forward and backward by size: median (quartiles)."""
    rows = {name: size["seconds"] for name, size in _sizes(record).items()}
    rows["fixed cost"] = record["loss"]["fixed"]
    return _table(
        (row, {f"{LOSSES[name][0]}, ms": _milliseconds(value) for name, value in times.items()})
        for row, times in rows.items()
    )


def _milliseconds(times: dict[str, float]) -> Cell:
    values = [1e3 * times[key] for key in ("median", "low", "high")]
    median, low, high = (f"{v:.0f}" if v >= 100 else f"{v:.3g}" for v in values)
    names = ("", ", lower quartile", ", upper quartile")
    return Cell(f"{median} ({low} to {high})", dict(zip(names, values, strict=True)))


def _rate(images: int, times: dict[str, float]) -> Cell:
    """Images a second."""
    rate = images / times["median"]
    return Cell(f"{rate:.4g}", {"": rate})


def ratio_table(record: dict[str, Any]) -> pd.DataFrame:
    """By size, how many times as long the others take as our STAR, and it as the limit."""
    columns = {
        "transcription": "equations / ours",
        "plain regression": "plain regression / ours",
        "limit": "ours / read and write",
    }
    return _table(
        (row, {text: number(costs.ratios(size)[name]) for name, text in columns.items()})
        for row, size in _sizes(record).items()
    )


def growth_table(record: dict[str, Any]) -> pd.DataFrame:
    """Slope of log time over log number of maps, with and without the fixed cost."""
    columns = {"as measured": False, "beyond the fixed cost": True}
    return _table(
        (LOSSES[name][0], {c: number(costs.growth(record, name, by)) for c, by in columns.items()})
        for name in record["loss"]["fixed"]
    )


def situation_table(record: dict[str, Any]) -> pd.DataFrame:
    """One size with one thread, with two, and with two beside a busy process; empty for a GPU."""
    rows = []
    for name, times in record["loss"].get("situations", {}).get("seconds", {}).items():
        equations = number(times["transcription"]["median"] / times["star"]["median"], 1)
        cells = {"STAR, ms": _milliseconds(times["star"]), "equations / ours": equations}
        rows.append((name, cells))
    return _table(rows)


def step_table(record: dict[str, Any]) -> pd.DataFrame:
    """A training step and its parts by themselves. The share of the literal equations is of
    a step with them in place of our form."""
    step = record["step"]
    rows = []
    for name, times in step["seconds"].items():
        share = times["median"] / step["seconds"]["step with star"]["median"]
        if name == "transcription loss":
            name, share = "STAR loss, literal equations", costs.form_share(record, "literal")
        cells = {
            "ms, median (quartiles)": _milliseconds(times),
            "images/s": _rate(step["batch"], times),
            "% of a step with STAR": percent(share),
        }
        rows.append((name, cells))
    return _table(rows)


def host_table(record: dict[str, Any]) -> pd.DataFrame:
    """Time of the processor to augment a batch for a GPU, and to draw noise as protocol 1 did."""
    host = record["host"]
    return _table((name, {"ms": _milliseconds(t)}) for name, t in host["seconds"].items())


def variants_table(record: dict[str, Any]) -> pd.DataFrame:
    """A training step at each scale that was measured, by precision, memory layout, compiled."""
    rows: dict[str, dict[str, Cell]] = {}
    for variants in record["variants"]:
        for name, times in variants["seconds"].items():
            rows.setdefault(name, {})[f"{variants['scale']}, ms"] = _milliseconds(times)
    return _table(rows.items())


def compile_table(record: dict[str, Any]) -> pd.DataFrame:
    """What compiling takes, and the steps that win it back; no rows where it does not work."""
    rows = []
    for variants in record["variants"]:
        if variants["compile_seconds"] is not None:
            steps = costs.steps_until_compiling_pays(variants)
            cells = {
                "seconds to compile": number(variants["compile_seconds"], 0),
                "steps that win them back": "never" if steps == float("inf") else f"{steps:.0f}",
                "steps of a run on synthface": str(variants["steps"]),
            }
            rows.append((variants["scale"], cells))
    return _table(rows)


def memory_table(record: dict[str, Any]) -> pd.DataFrame:
    """Memory of a training by the number of faces on the disk."""
    columns = {"stored_mb": "crops on the disk, MB", "used_mb": "memory of the training, MB"}
    return _table(
        (f"{size['faces']} faces", {text: number(size[key], 0) for key, text in columns.items()})
        for size in record["memory"]
    )


def inference_table(record: dict[str, Any]) -> pd.DataFrame:
    """Images per second from stored crops to landmarks."""
    return _table(
        (f"batch {size['batch']}", {"images/s": _rate(size["batch"], size["seconds"]["predict"])})
        for size in record["inference"]
    )


PRINTED = {  # part of a record -> its tables
    "loss": (loss_table, ratio_table, situation_table, growth_table),
    "step": (step_table,),
    "host": (host_table,),
    "inference": (inference_table,),
    "variants": (variants_table, compile_table),
    "memory": (memory_table,),
}


def record_text(record: dict[str, Any]) -> str:
    """The tables of those parts that a record has, for a terminal."""
    tables = [table for part, tables in PRINTED.items() if part in record for table in tables]
    shown = ((table.__doc__ or "", table(record)) for table in tables)
    texts = [f"{' '.join(doc.split())}\n{t.to_string()}" for doc, t in shown if not t.empty]
    return "\n\n".join([_title(record), *texts])


def loss_figure(record: dict[str, Any]) -> Figure:
    """Time of the loss against the number of heatmaps, both logarithmic, with the limit."""
    keys = {"median": "median (ms)", "low": "lower quartile (ms)", "high": "upper quartile (ms)"}
    maps = "heatmaps of 64 × 64 cells"
    rows = [
        {"loss": LOSSES[name][0], maps: size["batch"] * size["points"]}
        | {text: 1e3 * times[key] for key, text in keys.items()}
        for size in record["loss"]["sizes"]
        for name, times in size["seconds"].items()
    ]
    data = pd.DataFrame(rows).sort_values(maps, kind="stable")
    figure, [axes] = figures.panels(1, height=4.8)
    for text, colour, marker in LOSSES.values():
        own = data[data["loss"] == text]
        if len(own):
            x, middle, low, high = (own[column] for column in (maps, *keys.values()))
            [line] = axes.plot(x, middle, lw=1.4, label=text, color=colour, marker=marker, ms=5)
            points = zip(x, middle, strict=True)
            figures.hover(line, (f"{text}, {n:,} heatmaps: {ms:.3g} ms" for n, ms in points))
            axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", title=_title(record))
    axes.set_xlabel(f"{maps}: batch × points")
    axes.set_ylabel("ms, forward and backward")
    axes.title.set_fontsize(10)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), fontsize=9)
    return figures.done(figure, data)


def share_figure(record: dict[str, Any]) -> Figure:
    """The losses' share of a training step, against what counts as negligible."""
    seconds = costs.medians(record["step"]["seconds"])
    names = {"regression loss": "regression loss", "star loss": "STAR loss", "augment": "the batch"}
    values = [100 * seconds[name] / seconds["step with star"] for name in names]
    data = pd.DataFrame({"part": names.values(), "share of a training step (%)": values})
    figure, [axes] = figures.panels(1, height=2.1)
    colours, limit = (figures.ORANGE, figures.VERMILION, "#8c8c8c"), 100 * costs.NEGLIGIBLE
    bars = axes.barh(list(names.values()), values, color=colours, height=0.6)
    axes.axvline(limit, color="black", lw=1, ls="--", label="negligible: up to here")
    for row, (value, bar) in enumerate(zip(values, bars, strict=True)):
        figures.hover(bar, [f"{value:.2f} % of a training step"])
        axes.text(value, row, f" {value:.2f} %", va="center", fontsize=9)
    axes.set_xlim(0, 1.2 * max(limit, *values))
    axes.set_xlabel("% of a four-stack 256-px training step with STAR", fontsize=9)
    axes.set_title(_title(record), fontsize=10)
    axes.grid(axis="y", visible=False)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35), fontsize=9)
    return figures.done(figure, data)
