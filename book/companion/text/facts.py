"""What the pages say about runs, data and network, from the records and the code (Markdown)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from companion.evidence.claims import parameter_count
from companion.evidence.effects import seed_means
from companion.evidence.published import printed_number
from companion.exhibits import run_tables, tables
from companion.exhibits.cells import markdown_table, percent
from companion.experiments import schedule
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records
from starlib.data.crops import STORE_MARGIN, VIEW_MARGIN
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


def reduced(runs: Sequence[Run]) -> str:
    """How long the runs of the reduced scale took."""
    kept = [run.provenance for run in runs if run.config.scale == "reduced"]
    if not kept:
        return "No run of the reduced scale is committed yet."
    minutes = [where["seconds"] / 60 for where in kept]
    threads = sorted({where["threads"] for where in kept})
    return (
        f"The {len(minutes)} committed runs of scale `reduced` took {np.median(minutes):.1f} "
        f"minutes in the median and {max(minutes):.1f} at most, each with "
        f"{' or '.join(str(n) for n in threads)} {'thread' if threads == [1] else 'threads'}."
    )


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
PRINTED = {
    "smooth_l1": "basic/smooth_l1", "l2": "basic/l2", "smooth_l1 +DR": "dr/smooth_l1",
    "smooth_l1 +AAM": "aam/smooth_l1",
}  # fmt: skip


def schedules(records: Records) -> str:
    """Each schedule that was tried, beside the criteria and the paper's own distances between the
    same arms; and which of them is the scale."""
    every = records.arm_runs(EXPERIMENTS["schedule"], "300w")
    tried: dict[str, ArmRuns] = {
        length: {arm: by_seed for arm in schedule.ARMS if (by_seed := every[f"{length}: {arm}"])}
        for length in schedule.LENGTHS
    }
    known = {
        arm: nme
        for arm, where in PRINTED.items()
        if (nme := printed_number(f"table3/300w/{where}/0")) is not None
    }
    limits = [schedule.BASELINE_AT_MOST, schedule.GAIN_AT_MOST, schedule.GAIN_AT_MOST]
    rows: list[list[object]] = [
        ["*at most*", "", "", *limits, "no criterion", ""],
        ["the paper (full test set, 256 px)", "–", "", *_distances(known), ""],
    ]
    for length, arms in tried.items():
        if arms:
            seeds = sorted({len(by_seed) for by_seed in arms.values()})
            runs = [run for by_seed in arms.values() for run in by_seed.values()]
            times = [r.provenance["seconds"] / 60 for r in runs if not r.config.aam]
            minutes = f"{np.median(times):.0f}" if times else ""
            found = schedule.judged(nmes_of(arms))
            settled = "" if found is None else SETTLED[found.settled]
            shown = _distances(nmes_of(arms))
            rows.append([length, " or ".join(map(str, seeds)), minutes, *shown, settled])
    head = ["schedule", "seeds", "minutes", "smooth-l1", "gain of DR", "gain of AAM"]
    table = markdown_table([*head, "penalty of l2", "settled"], rows)
    return f"{table}\n\n{_chosen(tried, known['smooth_l1'] - known['smooth_l1 +AAM'])}"


SETTLED = {True: "yes", False: "no", None: "not known"}


def nmes_of(arms: ArmRuns) -> dict[str, float]:
    """Arm -> mean NME over its seeds, in points."""
    return {arm: float(100 * seed_means(by_seed).mean()) for arm, by_seed in arms.items()}


def _distances(nmes: dict[str, float]) -> list[str]:
    """The baseline of a schedule, the gains over it and the penalty, as cells."""
    found = schedule.judged(nmes)
    if found is None:
        return [""] * 4
    numbers = (found.baseline, *found.gains.values(), found.penalty)
    return ["–" if np.isnan(number) else f"{number:.2f}" for number in numbers]


def _chosen(tried: dict[str, ArmRuns], aam_in_the_paper: float) -> str:
    """Which candidate is the scale, once one has met the limits on all seeds."""
    seeds = len(schedule.SEEDS)
    for length, arms in tried.items():
        criteria = [arms.get(arm, {}) for arm in schedule.ARMS if arm != "l2"]
        found = schedule.judged(nmes_of(arms))
        if min(map(len, criteria)) < seeds or found is None or not found.settled:
            continue
        gain_of_dr, gain = found.gains.values()
        aam = f"gains {gain:.2f}"
        if gain < 0:
            aam = f"costs {-gain:.2f}, where the paper's gains {aam_in_the_paper:.2f}"
        return (
            f"The candidate of {length} meets every limit on {seeds} seeds, and is the scale. "
            f"DR gains {gain_of_dr:.2f} points there, nearer to the paper's than at the reduced "
            f"scale; AAM {aam}.{_twice(tried, length)}"
        )
    return "No candidate has met every limit on all its seeds yet."


def _twice(tried: dict[str, ArmRuns], length: str) -> str:
    """What twice the epochs of a schedule change, of TWICE's arms on the seeds that have both."""
    double = 2 * schedule.LENGTHS[length]["epochs"]
    longer = next((n for n, fields in schedule.LENGTHS.items() if fields["epochs"] == double), "")
    nmes = []  # arm by arm, once and twice
    for arm in schedule.TWICE:
        once, twice = (tried.get(n, {}).get(arm, {}) for n in (length, longer))
        if not (seeds := once.keys() & twice.keys()):
            return ""
        nmes.append([100 * seed_means({s: e[s] for s in seeds}).mean() for e in (once, twice)])
    smooth, l2 = ("from {:.2f} to {:.2f}".format(*both) for both in nmes)
    penalty = "from {:.2f} to {:.2f}".format(*np.subtract(nmes[1], nmes[0]))
    return (
        f" Twice the epochs take smooth-l1 {smooth} and l2 {l2} (one seed), and the penalty of l2 "
        f"{penalty}."
    )


def crops() -> str:
    """What is cut out of a picture."""
    return (
        "The faces are cut out by the bounding box of their landmarks: a square of "
        f"{STORE_MARGIN:g} times its longer side is stored, the network sees {VIEW_MARGIN:g} times."
    )


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
