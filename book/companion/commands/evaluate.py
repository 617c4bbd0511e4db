"""python -m companion evaluate: an experiment's trained networks on another data set, as Table 2
has those of 300-W on the videos of 300-VW."""

import argparse

from companion.evidence.elsewhere import evaluation_file, subsets_elsewhere
from companion.exhibits.tables import subset_errors
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.__main__ import main as starlib
from starlib.commands import add_device


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", default="cross_dataset", help="default cross_dataset")
    parser.add_argument("--trained-on", default="300w", help="data set of the runs, default 300w")
    parser.add_argument("--scale", default="full", help="of the runs, default full")
    parser.add_argument("--seeds", type=int, nargs="+", help="default all")
    parser.add_argument("--dataset", default="300vw", help="to be tested on, default 300vw")
    parser.add_argument("--batch-size", type=int, default=32)
    add_device(parser)
    parser.add_argument("--results", help="folder of the run records, default results/")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    if options.experiment not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"--experiment: expected one of {known}, got {options.experiment!r}")
    experiment, records = EXPERIMENTS[options.experiment], Records.load(options.results)
    arms = records.arm_runs(experiment, options.trained_on, options.scale, options.seeds)
    runs = [run for by_seed in arms.values() for run in by_seed.values()]
    if not runs:
        raise ValueError(
            f"--experiment: {records.folder / 'runs'} has no {options.scale} run of "
            f"{options.experiment} on {options.trained_on}"
        )
    without = 0
    for run in runs:
        out = evaluation_file(records.folder, options.dataset, run)
        weights = records.folder / "weights" / f"{run.name}.pt"
        if out.exists():
            continue
        if not weights.exists():
            without += 1
            continue
        out.parent.mkdir(parents=True, exist_ok=True)
        call = ["evaluate", "--weights", str(weights), "--dataset", options.dataset]
        call += ["--device", options.device, "--batch-size", str(options.batch_size)]
        call += ["--data-root", options.data_root] if options.data_root else []
        if code := starlib([*call, "--out", str(out)]):
            return code
    effects = subsets_elsewhere(records.folder, experiment, arms, options.dataset)
    if effects:
        print(subset_errors(effects).to_string())
    if without:
        print(f"{without} of {len(runs)} runs have no weights in {records.folder / 'weights'}")
    return 1 if without else 0
