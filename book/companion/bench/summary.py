"""Reading the benchmark records in results/bench/: ratios, growth, and the share of STAR."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from starlib.files import PARTIAL, results_folder

NEGLIGIBLE = 0.02  # of a training step
COMPILED = "bfloat16, channels last, compiled"  # the last variant of a training step
PARTS = ("loss", "step", "inference", "variants", "memory")


def name_of(machine: dict[str, Any]) -> str:
    """File name of a machine's record."""
    name = f"{machine['device_name']} {machine['threads']} threads"
    if machine["device"] != "cpu":
        name = machine["device_name"]
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


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


def form_share(record: dict[str, Any], form: str = "ours") -> float:
    """Share of a training step that STAR takes on all stacks: in "ours", this package's closed
    form, or in "literal", the equations as the paper writes them, in the place of ours."""
    times = medians(record["step"]["seconds"])
    loss = times[{"ours": "star loss", "literal": "transcription loss"}[form]]
    return loss / (times["step with star"] - times["star loss"] + loss)


def steps_until_compiling_pays(variants: dict[str, Any]) -> float:
    """Training steps after which the time to compile is won back; infinite if never."""
    times = medians(variants["seconds"])
    eager, compiled = times[COMPILED.removesuffix(", compiled")], times[COMPILED]
    return variants["compile_seconds"] / (eager - compiled) if compiled < eager else float("inf")
