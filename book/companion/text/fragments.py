"""Fragments of the pages (Markdown) whose numbers come from the claims, records and the code."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

import starlib
from companion.bench import summary as costs
from companion.evidence import claims
from companion.evidence.effects import comparison_weights, short_and_settled
from companion.evidence.statistics import counted, interval
from companion.exhibits.cells import markdown_table
from companion.experiments.estimate import H200, gpu_minutes
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.queue import entries
from companion.experiments.records import Records
from companion.files import BOOK, read_yaml
from companion.text.statements import first_screen
from companion.text.verdicts import counts, ledger, settled_claims, settled_hypotheses
from starlib.files import ROOT
from starlib.training.config import SCALES, RunConfig

PRICES: dict[str, dict[str, Any]] = read_yaml(BOOK / "prices.yml")
FACES_300W = 3148  # of the official training set
SHOWN_ON = {  # experiment -> its page, where that has another name
    "accuracy": "tables", "cross_dataset": "tables", "compare_adl": "experiments/compare_luvli",
    "weight_and_tricks": "experiments/restriction", "released_code": "experiments/restriction",
    "noise": "experiments/mechanism", "controls": "experiments/mechanism", "schedule": "reproduce",
    "training_length": "experiments/training", "step_size": "experiments/training",
    "longer": "experiments/training",
}  # fmt: skip
EXTRA = (  # what is no experiment of arms: title, place in the paper, page
    ("The framework", "Figure 2", "method"),
    ("Negligible cost", "Abstract, Section 5.3", "experiments/cost"),
)


def texts(records: Records) -> dict[str, str]:
    """Name -> Markdown of every fragment."""
    verdicts = claims.judge_all(records)
    return {
        "ledger": ledger(verdicts),
        "counts": counts(verdicts),
        "first": first_screen(records),
        "settled_claims": settled_claims(records),
        "settled_hypotheses": settled_hypotheses(records),
        "magnitudes": magnitudes(),
        "advice": advice(records),
        "budget": budget(records),
        "setup": setup(),
        "contents": contents(),
    }


def magnitudes() -> str:
    """Loss and gradient of both losses on maps of several widths, for errors of two lengths."""
    generator = torch.Generator().manual_seed(0)
    steps = (2 * torch.arange(64) + 1) / 64 - 1
    square = (steps[:, None] ** 2 + steps[None] ** 2) * (64 / 2) ** 2  # in cells
    noise = torch.randn(64, 64, generator=generator).relu()
    maps = {"untrained: ReLU of noise": noise}
    maps |= {f"Gaussian, σ = {s} cells": torch.exp(-square / (2 * s**2)) for s in (8, 2)}
    rows = []
    for name, map_ in maps.items():
        for error in (0.2, 0.02):
            label = starlib.soft_argmax(map_[None, None]) + torch.tensor([error, 0.0])
            losses = (starlib.RegressionLoss(), starlib.STARLoss())
            values = [v for loss in losses for v in _value_and_gradient(loss, map_, label)]
            cells = [f"{v:.0f}" if v > 10 else f"{v:.2g}" for v in values]
            rows.append([name, f"{error:g}", *cells])
    head = ["heatmap of 64 × 64", "error", "regression", "gradient", "STAR", "gradient"]
    return markdown_table(head, rows)


def _value_and_gradient(loss: Any, map_: torch.Tensor, label: torch.Tensor) -> Iterable[float]:
    """Loss and the norm of its gradient in the normalised map."""
    leaf = (map_ / map_.sum())[None, None].requires_grad_()
    value = loss(leaf, label).sum()
    [gradient] = torch.autograd.grad(value, leaf)
    return value.item(), gradient.norm().item()


def budget(records: Records) -> str:
    """Time and money per run and for all planned runs at each scale: measured where there are
    records, else from the benchmark (every run on 300-W then, for the scale's own epochs), on a GPU
    else from counted operations; the hour's price from prices.yml."""
    planned = entries(records)
    rows: list[tuple[str, str, float, str, int, float]] = []  # as `_cost_row` takes them
    live = Records.load(ROOT / "results" / "live")  # made here
    for scale, source in {"smoke": live, "reduced": records}.items():
        kept = [r.provenance for r in source.runs if r.config.scale == scale]
        if kept:
            hours = float(np.median([where["seconds"] for where in kept])) / 3600
            where = "while this book was built" if source is live else "committed"
            basis = f"median of {len(kept)} runs, {where}, {kept[0]['threads']} thread"
            # The reduced scale is that of the plan: each run as long as it took or is expected to.
            total = sum(entry.minutes or 0.0 for entry in planned) / 60 if scale == "reduced" else 0
            rows.append((scale, basis, hours, "cpu", kept[0]["threads"], total))
    full = RunConfig.at("full", "300w")
    for record in costs.load(records.folder):
        rate = record["step"]["batch"] / costs.medians(record["step"]["seconds"])["step with star"]
        hours, where = FACES_300W * full.epochs / rate / 3600, record["machine"]
        basis = f"from {rate:.1f} faces a second, {where['device_name']}"
        total = len(planned) * hours
        rows.append(("full", basis, hours, where["device"], where["threads"], total))
    if "cuda" not in [device for *_, device, _, _ in rows]:
        hours = gpu_minutes(full, FACES_300W) / 60
        basis = f"not measured: at least, from counted operations, on an {H200}"
        rows.append(("full", basis, hours, "h200", 1, len(planned) * hours))
    every = f"all {len(planned)} planned runs"
    head = ["scale", "measured", "one run", "its price", every, "their price"]
    devices = {"cpu", *(device for *_, device, _, _ in rows)}
    used = [
        f"[{price['name']}]({price['source']}) at {price['per_hour']:g} dollars"
        for device, price in PRICES.items()
        if device in devices
    ]
    return markdown_table(head, [_cost_row(*row) for row in rows]) + (
        f"\n\nThe prices assume an hour of {' and '.join(used)}, on demand, as in the sources"
        " linked here. A run on a CPU pays for its share of the machine's threads. What was"
        " measured was measured on our machines, not on these."
    )


def _cost_row(
    scale: str, basis: str, hours: float, device: str, threads: int, hours_of_all: float
) -> list[object]:
    prices = PRICES[device]
    price = prices["per_hour"] * threads / prices.get("threads", threads)
    cells: list[str] = []
    for time in (hours, hours_of_all):
        money = time * price
        cells.append(f"{time:,.0f} hours" if time >= 1 else f"{60 * time:.1f} minutes")
        cells.append(f"{money:,.0f} dollars" if money >= 1 else f"{100 * money:.2g} cents")
    return [scale, basis, *cells[:2], *(cells[2:] if hours_of_all else ["–", "–"])]


def setup() -> str:
    """The paper's protocol beside that of the runs here."""
    configs = [RunConfig.at(scale, "300w") for scale in ("full", "reduced")]
    settings = {
        "picture": "{0.image_size} × {0.image_size} pixels", "heatmap": "{1} × {1} cells",
        "stacks": "{0.stacks}", "channels": "{0.width}", "halvings": "{0.depth}",
        "epochs": "{0.epochs}", "batch": "{0.batch_size}", "learning rate": "{0.learning_rate:g}",
        "optimiser": "Adam",
    }  # fmt: skip
    rows = [
        [name, *(text.format(config, config.image_size // 4) for config in configs)]
        for name, text in settings.items()
    ]
    return markdown_table(["setting", "the paper (scale `full`)", "here (scale `reduced`)"], rows)


def contents() -> str:
    """Each experiment with its table or figure of the paper, and where it stands here."""
    toc = (BOOK / "_toc.yml").read_text(encoding="utf-8")
    listed = [
        (e.title, e.paper, SHOWN_ON.get(n, f"experiments/{n}")) for n, e in EXPERIMENTS.items()
    ]
    rows = []
    for title, paper, page in (*listed, *EXTRA):
        there = f"file: {page}\n" in f"{toc}\n"
        suffix = ".ipynb" if page.startswith("experiments/") else ".md"
        link = f"[](/{page}{suffix})" if there else "no page yet"
        rows.append([paper, title, link])
    return markdown_table(["in the paper", "experiment", "here"], rows)


def advice(records: Records) -> str:
    """advice.yml as a table, the largest effect first (Markdown); what is not run stays out, of the
    settled scale what lacks a planned run."""
    rows = []
    for line in read_yaml(BOOK / "advice.yml"):
        name, *compared = line["by"]
        experiment = EXPERIMENTS[name]
        weights = dict(zip(compared, (1.0, -1.0), strict=False))
        if len(compared) == 1:
            weights = comparison_weights(experiment, compared)
        found = short_and_settled(records, experiment, weights)
        short, later = found["reduced"], found.get(SETTLED_SCALE)
        if short.run:
            shown = [interval(short), counted(short.seeds), interval(later) if later else ""]
            rows.append((short.mean, [line["have"], line["take"], *shown, line.get("note", "")]))
    rows.sort(key=lambda row: -row[0])
    falls, epochs = "error falls by (points) [95 %]", SCALES[SETTLED_SCALE]["epochs"]
    head = ["trained with", "take", falls, "seeds", f"after {epochs} epochs", "note"]
    return markdown_table(head, [cells for _, cells in rows])
