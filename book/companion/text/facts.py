"""What the pages say about runs, data and network, from the records and the code (Markdown)."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from companion.evidence.claims import parameter_count
from companion.evidence.effects import seed_means
from companion.evidence.published import printed_number
from companion.exhibits import run_tables, tables
from companion.exhibits.cells import markdown_table, percent
from companion.experiments import schedule
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from companion.text.statements import SENTENCES, written
from starlib.runs.records import Run
from starlib.training.config import SCALES, RunConfig


def scales() -> str:
    """What each scale means, from the code."""
    configs = [(name, RunConfig.at(name, "300w")) for name in SCALES]
    fields = (
        *("image_size", "stacks", "width", "depth", "epochs", "batch_size"),
        *("milestones", "learning_rate", "ema_half_life", "precision", "train_faces"),
    )

    shown = {name: c.to_dict() | {"train_faces": c.train_faces or "all"} for name, c in configs}
    rows = [[f"`{f}`", *(values[f] for values in shown.values())] for f in fields]
    return markdown_table(["", *shown], rows)


def processors(runs: Sequence[Run]) -> str:
    """Minutes of a run of the reduced scale on 300-W without AAM, by processor."""
    groups: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        config, where = run.config, run.provenance
        usual = (config.scale, config.dataset, config.backbone) == ("reduced", "300w", "hourglass")
        if usual and not config.aam:
            found = where.get("instructions") or ""
            has = ("yes" if "bf16" in found else "no") if found else "not recorded"
            groups.setdefault((run_tables.device_of(run), has), []).append(where["seconds"] / 60)
    if not groups:
        return "No run of the reduced scale is committed yet."
    rows = [
        [*key, f"{np.median(times):.1f}", f"{min(times):.1f} to {max(times):.1f}", len(times)]
        for key, times in sorted(groups.items(), key=lambda group: float(np.median(group[1])))
    ]
    head = ["processor", "bfloat16 instructions", "minutes, median", "range", "runs"]
    return markdown_table(head, rows)


# Where the paper's Table 3 has the arms of a schedule.
PRINTED = ("basic/smooth_l1", "basic/l2", "dr/smooth_l1", "aam/smooth_l1")


def schedules(records: Records) -> str:
    """Each schedule that was tried, beside the criteria and the paper's own distances between the
    same arms; and which of them is the scale."""
    every = records.arm_runs(EXPERIMENTS["schedule"], "300w")
    printed = [printed_number(f"table3/300w/{where}/0") or np.nan for where in PRINTED]
    paper = schedule.distances(dict(zip(schedule.ARMS, printed, strict=True)))
    rows: list[list[object]] = [
        ["*at most*", "", "", *schedule.LIMITS.values(), "no criterion", ""],
        ["the paper (full test set, 256 px)", "–", "", *_numbers(paper), ""],
    ]
    for length in schedule.LENGTHS:
        if kept := _kept(every, length):
            runs = [r for by_seed in kept.values() for r in by_seed.values() if not r.config.aam]
            minutes = np.median([run.provenance["seconds"] for run in runs]) / 60
            found = schedule.distances(_means(kept))
            known = not np.isnan(list(found.values())).any()
            settled = ("yes" if schedule.settled(found) else "no") if known else "not known"
            seeds = len(next(iter(kept.values())))
            rows.append([length, seeds, f"{minutes:.0f}", *_numbers(found), settled])
    table = markdown_table(["schedule", "seeds", "minutes", *paper, "settled"], rows)
    return f"{table}\n\n{_chosen(every, paper['gain of AAM'])}"


def _kept(every: ArmRuns, length: str, of: Collection[int] = schedule.SEEDS) -> ArmRuns:
    """Arm of a schedule that was run -> its runs on the seeds, among `of`, that all have."""
    arms = {arm: by_seed for arm in schedule.ARMS if (by_seed := every[f"{length}: {arm}"])}
    seeds = [s for s in of if all(s in by_seed for by_seed in arms.values())]
    return {arm: {s: by_seed[s] for s in seeds} for arm, by_seed in arms.items() if seeds}


def _means(kept: ArmRuns) -> dict[str, float]:
    """Arm -> mean NME over seeds, in points."""
    return {arm: float(100 * seed_means(by_seed).mean()) for arm, by_seed in kept.items()}


def _numbers(found: Mapping[str, float]) -> list[str]:
    return ["–" if np.isnan(value) else f"{value:.2f}" for value in found.values()]


def _chosen(every: ArmRuns, aam_in_the_paper: float) -> str:
    """The author's sentence on the first candidate and twice its epochs, where the runs bear it."""
    first, twice = _kept(every, "60 epochs, late"), _kept(every, "120 epochs, late")
    if set(schedule.TWICE) <= first.keys() & twice.keys() and len(twice["l2"]) == 1:
        found = schedule.distances(_means(first))
        once = _kept(every, "60 epochs, late", twice["l2"])
        smooth, l2 = (np.array([_means(k)[arm] for k in (once, twice)]) for arm in schedule.TWICE)
        values: dict[str, Any] = {"dr": found["gain of DR"], "aam": -found["gain of AAM"]}
        values |= {"paper": aam_in_the_paper, "smooth": smooth, "l2": l2, "penalty": l2 - smooth}
        holds = schedule.settled(found) and found["gain of AAM"] < 0
        said = written(SENTENCES["named"]["schedule"], {}, holds, **values)
        if said.holds:
            return said.text
    return "No candidate has met every limit on all its seeds yet."


def provenance(runs: Sequence[Run]) -> str:
    """Where the committed runs come from, one row per data set, scale, commit and device."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        where = run.provenance
        data, scale = tables.label(run.config.dataset), run.config.scale
        key = (data, scale, run.commit, run_tables.device_of(run), where["torch"])
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
            counts = (f"{parameter_count(depth, scheme, aam):,}" for depth in (3, 4))
            rows.append([tables.label(scheme), "yes" if aam else "no", *counts])
    return markdown_table(["heads", "AAM", "3 halvings", "4 halvings"], rows)


def transfer(results: Path) -> str:
    """What `python -m starlib evaluate --out` wrote to results/evaluations/ (Markdown), as
    <data set of the training>-<data set of the test>.json."""
    rows = []
    for path in sorted((results / "evaluations").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        trained = path.stem.removesuffix(f"-{record['dataset']}")
        for subset, values in record["metrics"].items():
            numbers = [percent(values[n]).text for n in ("nme", "failure_rate_10")]
            pair = f"{tables.label(trained)} → {tables.label(record['dataset'])}"
            rows.append([pair, subset, values["faces"], *numbers, f"{values['auc_10']:.3f}"])
    head = ["trained on → tested on", "subset", "faces", "NME %", "FR10 %", "AUC10"]
    return markdown_table(head, rows)
