"""Reading the benchmark records in results/bench/: ratios, growth, and the share of STAR."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from starlib.files import PARTIAL, results_folder

NEGLIGIBLE = 0.02  # of a training step
COMPILED = "bfloat16, channels last, compiled"  # the last variant of a training step
STEP_POINTS = 98  # landmarks of the step that is timed
PARTS = ("loss", "step", "inference", "variants", "memory")


def name_of(machine: dict[str, Any]) -> str:
    """File name of a machine's record."""
    name = f"{machine['device_name']} {machine['threads']} threads"
    if machine["device"] != "cpu":
        name = machine["device_name"]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def rounded(value: Any) -> Any:
    """A record with five digits of each number."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def load(results: Path | str | None = None) -> list[dict[str, Any]]:
    """Every whole record, in the order of their names; none of `--quick` or of some parts."""
    files = sorted((results_folder(results) / "bench").glob("*.json"))
    whole = [path for path in files if not path.name.startswith(PARTIAL)]
    records = [json.loads(path.read_text(encoding="utf-8")) for path in whole]
    return [r for r in records if not r["quick"] and all(part in r for part in PARTS)]


def medians(times: dict[str, dict[str, float]]) -> dict[str, float]:
    """Contestant -> median in seconds."""
    return {name: value["median"] for name, value in times.items()}


def ratios(size: dict[str, Any], name: str = "star") -> dict[str, float]:
    """How many times as long the others take as `name`; for "limit", the other way round."""
    times = medians(size["seconds"])
    others = {other: time / times[name] for other, time in times.items() if other != name}
    return others | {"limit": times[name] / times["limit"]}


def growth(record: dict[str, Any], name: str = "star", beyond_fixed: bool = True) -> float:
    """Slope of log time over log number of maps, least squares over all sizes; 1 is linear.

    `beyond_fixed` takes off the time that the calls cost whatever the size.
    """
    sizes = record["loss"]["sizes"]
    fixed = record["loss"]["fixed"][name]["median"] if beyond_fixed else 0.0
    maps = [size["batch"] * size["points"] for size in sizes]
    times = [size["seconds"][name]["median"] - fixed for size in sizes]
    kept = np.array(times) > 0  # of tiny maps the fixed cost may measure longer than the whole
    if kept.sum() < 2:
        return float("nan")
    return float(np.polyfit(np.log(maps)[kept], np.log(np.array(times)[kept]), 1)[0])


def shares(record: dict[str, Any]) -> dict[str, float]:
    """Parts of a training step with STAR.

    "star" is the loss on all stacks; "added" is its time minus that of the regression loss, both
    measured alone, and "added, whole steps" the difference of the steps, which has their noise;
    "not network" is all but the network's forward and backward pass, with the making of the batch.
    """
    times = medians(record["step"]["seconds"])
    step = times["step with star"]
    return {
        "star": times["star loss"] / step,
        "added": (times["star loss"] - times["regression loss"]) / step,
        "added, whole steps": step / times["step with regression"] - 1,
        "not network": 1 - times["network"] / (step + times["augment"]),
    }


def form_share(record: dict[str, Any], form: str = "ours") -> tuple[float, bool]:
    """Share of a training step that STAR takes on all stacks, and whether it was measured there.

    form: "ours", this package's closed form; or "literal", the equations as the paper writes them.
    Where the literal form was not timed in the step, its time for the step's maps comes from those
    of the loss alone (a straight line in the logarithms between the two nearest sizes), once for
    each stack, and takes the place of ours in the step.
    """
    times, step = medians(record["step"]["seconds"]), record["step"]
    whole, ours = times["step with star"], times["star loss"]
    if form == "ours":
        return ours / whole, True
    if form != "literal":
        raise ValueError(f"form: expected ours or literal, got {form!r}")
    direct = times.get("transcription loss")
    literal = direct
    if literal is None:
        config = step["config"]
        sizes = [s for s in record["loss"]["sizes"] if s["side"] == config["image_size"] // 4]
        points = step.get("points", STEP_POINTS)
        literal = config["stacks"] * _interpolated(sizes, step["batch"] * points, "transcription")
    return literal / (whole - ours + literal), direct is not None


def _interpolated(sizes: Sequence[dict[str, Any]], maps: int, name: str) -> float:
    """Time in seconds for a number of maps, from the times measured at other numbers."""
    known = sorted((s["batch"] * s["points"], s["seconds"][name]["median"]) for s in sizes)
    counts, times = (np.log([pair[k] for pair in known]) for k in (0, 1))
    return float(np.exp(np.interp(np.log(maps), counts, times)))


def steps_until_compiling_pays(variants: dict[str, Any]) -> float:
    """Training steps after which the time to compile is won back; infinite if never."""
    times = medians(variants["seconds"])
    eager, compiled = times[COMPILED.removesuffix(", compiled")], times[COMPILED]
    return variants["compile_seconds"] / (eager - compiled) if compiled < eager else float("inf")


def format_record(record: dict[str, Any]) -> str:
    """A record as text."""
    machine = record["machine"]
    lines = [f"{machine['device_name']}, {machine['threads']} threads, torch {machine['torch']}"]
    lines += _loss_lines(record) if "loss" in record else []
    lines += _step_lines(record) if "step" in record else []
    if "host" in record:
        lines.append(_host_line(record["host"]))
    for size in record.get("inference", []):
        rate = size["batch"] / size["seconds"]["predict"]["median"]
        lines.append(f"inference, batch {size['batch']}: {rate:.2f} images/s")
    for variants in record.get("variants", []):
        lines += _variant_lines(variants)
    for size in record.get("memory", []):
        stored, used = size["stored_mb"], size["used_mb"]
        lines.append(f"training on {size['faces']} faces, {stored:.0f} MB stored: {used:.0f} MB")
    return "\n".join(lines)


def _host_line(host: dict[str, Any]) -> str:
    times = medians(host["seconds"])
    ours, before = times["augment"], times["serial noise"]
    return (
        f"host time to augment a batch of {host['batch']}: {1e3 * ours:.1f} ms, "
        f"1/{before / ours:.0f} of drawing noise for whole pictures"
    )


def _loss_lines(record: dict[str, Any]) -> list[str]:
    sizes, fixed = record["loss"]["sizes"], record["loss"]["fixed"]
    lines = ["loss forward and backward, ms: median (quartiles)"]
    lines.append(f"{'B x N':>8} " + " ".join(f"{name:>24}" for name in fixed))
    for size in [*sizes, {"batch": "fixed", "points": "", "seconds": fixed}]:
        cells = (
            "{:.2f} ({:.2f} to {:.2f})".format(*(1e3 * times[q] for q in ("median", "low", "high")))
            for times in size["seconds"].values()
        )
        label = f"{size['batch']} x {size['points']}" if size["points"] else "fixed"
        lines.append(f"{label:>8} " + " ".join(f"{cell:>24}" for cell in cells))
    for size in sizes:
        text = ", ".join(
            f"{value:.2f} x the limit" if name == "limit" else f"{name} takes {value:.2f} x as long"
            for name, value in ratios(size).items()
        )
        lines.append(f"STAR at {size['batch']} x {size['points']}: {text}")
    lines += _situation_lines(record["loss"].get("situations"))
    lines.append("slope of log time over log number of maps (beyond the fixed cost)")
    for name in fixed:
        slopes = (growth(record, name, beyond_fixed=beyond) for beyond in (False, True))
        lines.append("  {:24} {:.3f} ({:.3f})".format(name, *slopes))
    return lines


def _situation_lines(situations: dict[str, Any] | None) -> list[str]:
    """A line for each situation; none in records of before, and of GPUs."""
    if situations is None:
        return []
    size = f"{situations['batch']} x {situations['points']}"
    lines = []
    for name, times in situations["seconds"].items():
        star, literal = (medians(times)[loss] for loss in ("star", "transcription"))
        lines.append(
            f"STAR at {size}, {name}: {1e3 * star:.1f} ms; "
            f"the literal form takes {literal / star:.1f} x as long"
        )
    return lines


def _step_lines(record: dict[str, Any]) -> list[str]:
    step, parts = record["step"], shares(record)
    lines = [f"training step, batch {step['batch']}, {step['config']['precision']}"]
    for name, times in step["seconds"].items():
        rate = step["batch"] / times["median"]
        spread = f"{times['low']:.4f} to {times['high']:.4f}"
        lines.append(f"  {name:22} {times['median']:.4f} s ({spread}), {rate:.2f} images/s")
    text = ", ".join(f"{name} {100 * share:.2f} %" for name, share in parts.items())
    return [*lines, f"  shares of the step: {text}"]


def _variant_lines(variants: dict[str, Any]) -> list[str]:
    lines = [
        f"a training step at scale {variants['scale']}, batch {variants['config']['batch_size']}"
    ]
    for name, times in variants["seconds"].items():
        spread = f"{1e3 * times['low']:.2f} to {1e3 * times['high']:.2f}"
        lines.append(f"  {name:36} {1e3 * times['median']:.2f} ms ({spread})")
    if variants["compile_seconds"] is not None:
        pays = steps_until_compiling_pays(variants)
        when = "never won back" if pays == float("inf") else f"won back after {pays:.0f} steps"
        seconds = f"{variants['compile_seconds']:.0f} s"
        lines.append(f"  compiling takes {seconds}, {when}; a run has {variants['steps']}")
    return lines
