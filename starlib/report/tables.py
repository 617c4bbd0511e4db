"""Tables of the book: the paper's numbers beside those recomputed from the run records."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import yaml

from starlib.experiments.records import ROOT, Run, describe
from starlib.report.claims import Verdict
from starlib.report.effects import interval, paired, paired_effect, seed_interval
from starlib.training.config import RunConfig

pd.set_option("display.max_colwidth", None)  # notebooks show whole sentences

PUBLISHED = ROOT / "book" / "published.yml"
LOSS_NAMES = {"regression": "without STAR", "star": "with STAR"}
DISTANCE_NAMES = {"l1": "l1", "smooth_l1": "smooth-l1", "l2": "l2", "wing": "Wing"}


@cache
def published() -> dict[str, Any]:
    """The numbers printed in the paper (book/published.yml)."""
    return yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))


def _table(rows: list[dict[str, Any]], index: str) -> pd.DataFrame:
    return pd.DataFrame(rows).set_index(index).rename_axis(None) if rows else pd.DataFrame()


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction in %, without the sign."""
    return f"{100 * fraction:.{digits}f}"


def spread(values: np.ndarray) -> str:
    """Mean ± standard deviation over seeds, in %."""
    if len(values) < 2:
        return percent(values.mean())
    return f"{percent(values.mean())} ± {percent(values.std(ddof=1))}"


def distance_table(runs: Sequence[Run], dataset: str, **which: str) -> pd.DataFrame:
    """Table 3, block "basic" of one data set: the paper's NME, ours, and both effects of STAR.

    Args:
        runs: finished runs of `starlib.experiments.arms.ablation_distance`.
        dataset: which published block stands beside them; a data set the paper does not have
            gets ours alone.
        which: `subset` and `against` of `starlib.report.effects.face_errors`.
    """
    block = published()["table3"].get(dataset, {}).get("basic", {})
    rows = []
    for distance in dict.fromkeys([*(run.config.distance for run in runs), *block]):
        arms = paired(runs, distance, **which)
        row: dict[str, str | int] = {"distance": DISTANCE_NAMES[distance]}
        if distance in block:
            without, with_star = block[distance]
            row["paper without"], row["paper with"] = f"{without:.2f}", f"{with_star:.2f}"
            row["paper effect"] = f"{without - with_star:+.2f}"
        row |= dict.fromkeys(("ours without", "ours with", "our effect [95 %]"), "not run")
        row |= {"over seeds alone": "", "seeds": 0}
        if arms is not None:
            row["ours without"], row["ours with"] = (spread(arm.mean(1)) for arm in arms)
            effect = paired_effect(*arms)
            row["our effect [95 %]"] = interval(effect)
            row["over seeds alone"] = seed_interval(effect)
            row["seeds"] = effect.seeds
        rows.append(row)
    return _table(rows, "distance")


def sources(runs: Sequence[Run], lacking: Sequence[RunConfig]) -> str:
    """A sentence or two on where the runs come from, and which are missing (Markdown)."""
    lines = []
    if runs:
        config, data = runs[0].config, runs[0].provenance["data"]
        scale = config.scale
        parts = []
        for split, faces in data.items():
            of = f" of {faces['official']:,}" if faces["partial"] else ""
            parts.append(f"{faces['faces']:,}{of} {split} faces{' (partial)' if of else ''}")
        devices = ", ".join(sorted({run.provenance["device_name"] for run in runs}))
        minutes = np.median([run.provenance["seconds"] for run in runs]) / 60
        lines.append(
            f"{len(runs)} runs on **{config.dataset}** ({', '.join(parts)}) at scale "
            f"**{config.scale}**: {config.image_size} px, {config.stacks} stack(s) of width "
            f"{config.width}, {config.epochs} epochs in batches of {config.batch_size}, "
            f"{config.precision}. Device: {devices}; {minutes:.1f} minutes each (median)."
            + (" Too short to compare anything: it shows that the code works." * (scale == "smoke"))
        )
    if lacking:
        names = "\n".join(f"- {describe(config)}" for config in lacking)
        lines.append(f"Not in the records, and trained with `train=True`:\n\n{names}")
    return "\n\n".join(lines)


def against_truth(runs: Sequence[Run]) -> pd.DataFrame:
    """NME against the noisy labels and against the clean landmarks, beside the labels' own error.

    A table of one cell for data sets whose true landmarks nobody knows.
    """
    if not any("clean" in run.metrics for run in runs):
        names = sorted({run.config.dataset for run in runs})
        return pd.DataFrame({"true landmarks": "not known"}, index=names)
    noise = next(run.metrics["annotation_noise"]["nme"] for run in runs)
    rows = []
    for distance in dict.fromkeys(run.config.distance for run in runs):
        arms = paired(runs, distance, against="clean")
        if arms is None:
            continue
        labels = paired(runs, distance)
        assert labels is not None
        for index, name in enumerate(LOSS_NAMES.values()):
            rows.append(
                {
                    "distance": DISTANCE_NAMES[distance],
                    "loss": name,
                    "against the labels": spread(labels[index].mean(1)),
                    "against the truth": spread(arms[index].mean(1)),
                    "labels against the truth": percent(noise),
                    "effect on the truth [95 %]": interval(paired_effect(*arms)) if index else "",
                }
            )
    return _table(rows, "distance")


def claim_table(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Claim, source, verdict and what it rests on."""
    rows = [
        {"claim": v.claim, "source": v.source, "verdict": v.verdict, "because": v.reason}
        for v in verdicts
    ]
    return _table(rows, "claim")


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """One row per run: what it was, what came out, and where that came from."""
    rows = []
    for run in sorted(runs, key=lambda r: (r.config.distance, r.config.loss, r.config.seed)):
        subset, values = next(iter(run.metrics.items()))
        where = run.provenance
        rows.append(
            {
                "run": run.config.hash,
                "distance": DISTANCE_NAMES[run.config.distance],
                "loss": LOSS_NAMES[run.config.loss],
                "seed": run.config.seed,
                f"NME % ({subset})": percent(values["nme"], 3),
                "FR10 %": percent(values["failure_rate_10"]),
                "AUC10": f"{values['auc_10']:.3f}",
                "commit": run.commit,
                "device": where["device_name"],
                "minutes": f"{where['seconds'] / 60:.1f}",
            }
        )
    return _table(rows, "run")
