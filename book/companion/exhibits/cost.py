"""Tables and figures of the benchmark records."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from companion.bench.summary import (
    NEGLIGIBLE,
    form_share,
    growth,
    medians,
    ratios,
    shares,
    steps_until_compiling_pays,
)
from companion.exhibits.figures import done

NAMES = {
    "star": "STAR, this package",
    "transcription": "STAR, equations as they stand",
    "regression": "regression, this package",
    "plain regression": "regression, as commonly written",
    "star, compiled": "STAR, compiled",
    "star, captured": "STAR, compiled, as a CUDA graph",
    "limit": "one read and one write",
}
COLOURS = {
    "star": "#D55E00",
    "transcription": "#CC79A7",
    "regression": "#E69F00",
    "plain regression": "#56B4E9",
    "star, compiled": "#009E73",
    "star, captured": "#0072B2",
    "limit": "black",
}
MARKERS = {"transcription": "^", "plain regression": "s", "regression": "D", "limit": "x"}


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
    rows = [
        {**r["machine"], "commit": (r["machine"]["commit"] or "none")[:8]}
        | {"measured": r["finished"][:10]}
        for r in records
    ]
    return pd.DataFrame(rows).set_index("device_name").rename_axis(None).astype(str).T


def summary_table(record: dict[str, Any]) -> pd.DataFrame:
    """What a reader wants to know first."""
    values = shares(record)
    longest = max(record["loss"]["sizes"], key=lambda size: size["batch"] * size["points"])
    rows = {
        "STAR on all stacks, of a training step": f"{100 * values['star']:.2f} %",
        "STAR instead of the regression loss adds": f"{100 * values['added']:.2f} %",
        "the equations as they stand, loss alone, largest size": (
            f"{ratios(longest)['transcription']:.0f} times as long"
        ),
        "growth with the number of heatmaps": f"power {growth(record, 'star'):.2f}",
        "at inference": "nothing: the loss is there in training alone",
    }
    return pd.DataFrame({"measured": rows})


def loss_table(record: dict[str, Any]) -> pd.DataFrame:
    """Milliseconds forward and backward by size: median (quartiles)."""
    sizes = record["loss"]["sizes"]
    rows = {f"{size['batch']} × {size['points']}": size["seconds"] for size in sizes}
    rows["fixed cost"] = record["loss"]["fixed"]
    return pd.DataFrame(
        {
            row: {NAMES[name]: _milliseconds(value) for name, value in times.items()}
            for row, times in rows.items()
        }
    ).T


def _milliseconds(times: dict[str, float]) -> str:
    values = (1e3 * times[key] for key in ("median", "low", "high"))
    median, low, high = (f"{v:.0f}" if v >= 100 else f"{v:.3g}" for v in values)
    return f"{median} ({low} to {high})"


def ratio_table(record: dict[str, Any]) -> pd.DataFrame:
    """By size, how many times as long the others take as our STAR, and it as the limit."""
    columns = {
        "transcription": "equations / ours",
        "plain regression": "plain regression / ours",
        "limit": "ours / read and write",
    }
    rows = {
        f"{size['batch']} × {size['points']}": {
            text: f"{ratios(size)[name]:.2f}" for name, text in columns.items()
        }
        for size in record["loss"]["sizes"]
    }
    return pd.DataFrame(rows).T


def growth_table(record: dict[str, Any]) -> pd.DataFrame:
    """Slope of log time over log number of maps, with and without the fixed cost."""
    rows = {
        NAMES[name]: {
            "as measured": f"{growth(record, name, beyond_fixed=False):.2f}",
            "beyond the fixed cost": f"{growth(record, name):.2f}",
        }
        for name in record["loss"]["fixed"]
    }
    return pd.DataFrame(rows).T


def step_table(record: dict[str, Any]) -> pd.DataFrame:
    """A training step and its parts by themselves. The share of the equations as they stand is of
    a step with them in place of our form."""
    step = record["step"]
    whole = step["seconds"]["step with star"]["median"]
    texts = {"transcription loss": "STAR loss, equations as they stand"}

    def share(name: str, seconds: float) -> float:
        return form_share(record, "literal")[0] if name in texts else seconds / whole

    rows = {
        texts.get(name, name): {
            "ms, median (quartiles)": _milliseconds(times),
            "images/s": f"{step['batch'] / times['median']:.4g}",
            "% of a step with STAR": f"{100 * share(name, times['median']):.2f}",
        }
        for name, times in step["seconds"].items()
    }
    return pd.DataFrame(rows).T


def share_table(record: dict[str, Any]) -> pd.DataFrame:
    """What STAR is of a training step, in %."""
    texts = {
        "star": "STAR on all four stacks, timed alone",
        "added": "STAR instead of the regression loss, both timed alone",
        "added, whole steps": "step with STAR over step without, minus one",
        "not network": "all but the network's forward and backward pass",
    }
    values = shares(record)
    rows = {text: {"% of the step": f"{100 * values[name]:.2f}"} for name, text in texts.items()}
    return pd.DataFrame(rows).T


def variants_table(record: dict[str, Any]) -> pd.DataFrame:
    """A training step at each scale that was measured, by precision, memory layout, compiled."""
    return pd.DataFrame(
        {
            f"{variants['scale']}, ms": {
                name: _milliseconds(times) for name, times in variants["seconds"].items()
            }
            for variants in record["variants"]
        }
    )


def compile_table(record: dict[str, Any]) -> pd.DataFrame:
    """What compiling takes, and the steps that win it back; no rows where it does not work."""
    rows = {}
    for variants in record["variants"]:
        if variants["compile_seconds"] is not None:
            steps = steps_until_compiling_pays(variants)
            rows[variants["scale"]] = {
                "seconds to compile": f"{variants['compile_seconds']:.0f}",
                "steps that win them back": "never" if steps == float("inf") else f"{steps:.0f}",
                "steps of a run on synthface": str(variants["steps"]),
            }
    return pd.DataFrame(rows).T


def memory_table(record: dict[str, Any]) -> pd.DataFrame:
    """Memory of a training by the number of faces on the disk."""
    rows = {
        f"{size['faces']} faces": {
            "crops on the disk, MB": f"{size['stored_mb']:.0f}",
            "memory of the training, MB": f"{size['used_mb']:.0f}",
        }
        for size in record["memory"]
    }
    return pd.DataFrame(rows).T


def inference_table(record: dict[str, Any]) -> pd.DataFrame:
    """Images per second from stored crops to landmarks."""
    rows = {
        f"batch {size['batch']}": {
            "images/s": f"{size['batch'] / medians(size['seconds'])['predict']:.3g}"
        }
        for size in record["inference"]
    }
    return pd.DataFrame(rows).T


def loss_figure(record: dict[str, Any]) -> Figure:
    """Time of the loss against the number of heatmaps, both logarithmic, with the limit."""
    data = _loss_rows(record)
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(figsize=(4.6, 5.2))
    for name, text in NAMES.items():
        _, maps, middle, low, high = data[data["loss"] == text].to_numpy().T.tolist()
        if maps:
            colour, marker = COLOURS[name], MARKERS.get(name, "o")
            axes.plot(maps, middle, lw=1.4, label=text, color=colour, marker=marker, ms=5)
            axes.fill_between(maps, low, high, color=colour, alpha=0.15, lw=0)
    axes.set(xscale="log", yscale="log", title=_title(record))
    axes.set_xlabel("heatmaps of 64 × 64 cells: batch × points")
    axes.set_ylabel("ms, forward and backward")
    axes.title.set_fontsize(10)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), fontsize=9)
    return done(figure, data)


def _loss_rows(record: dict[str, Any]) -> pd.DataFrame:
    """A row for each loss and size, from the fewest heatmaps to the most."""
    keys = {"median": "median (ms)", "low": "lower quartile (ms)", "high": "upper quartile (ms)"}
    rows = [
        {"loss": NAMES[name], "heatmaps of 64 × 64 cells": size["batch"] * size["points"]}
        | {text: 1e3 * times[key] for key, text in keys.items()}
        for size in record["loss"]["sizes"]
        for name, times in size["seconds"].items()
    ]
    return pd.DataFrame(rows).sort_values("heatmaps of 64 × 64 cells", kind="stable")


def share_figure(record: dict[str, Any]) -> Figure:
    """The losses' share of a training step, against what counts as negligible."""
    seconds = medians(record["step"]["seconds"])
    names = {"regression loss": "regression loss", "star loss": "STAR loss", "augment": "the batch"}
    values = [100 * seconds[name] / seconds["step with star"] for name in names]
    data = pd.DataFrame({"part": names.values(), "share of a training step (%)": values})
    with sns.axes_style("whitegrid"):
        figure, axes = plt.subplots(figsize=(4.8, 2.5))
    axes.barh(list(names.values()), values, color=["#E69F00", "#D55E00", "#8c8c8c"], height=0.6)
    axes.axvline(100 * NEGLIGIBLE, color="black", lw=1, ls="--", label="negligible: up to here")
    for row, value in enumerate(values):
        axes.text(value, row, f" {value:.2f} %", va="center", fontsize=9)
    axes.set_xlim(0, 1.2 * max(100 * NEGLIGIBLE, *values))
    axes.set_xlabel("% of a four-stack 256-px training step with STAR", fontsize=9)
    axes.set_title(_title(record), fontsize=10)
    axes.grid(axis="y", visible=False)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.35), fontsize=9)
    return done(figure, data)
