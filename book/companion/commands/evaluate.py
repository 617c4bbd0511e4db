"""python -m companion evaluate: an experiment's trained networks on another data set, as Table 2
has those of 300-W on the videos of 300-VW."""

import argparse

from companion.evidence.effects import evaluation_file, subsets_elsewhere
from companion.exhibits.tables import errors_by_part
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.commands import add_device
from starlib.commands import evaluate as one
from starlib.data import load_dataset


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiment", choices=EXPERIMENTS, metavar="NAME", default="cross_dataset"
    )
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
    experiment, records = EXPERIMENTS[options.experiment], Records.load(options.results)
    arms = records.arm_runs(experiment, options.trained_on, options.scale, options.seeds)
    files = {
        records.folder / "weights" / f"{run.name}.pt": evaluation_file(
            records.folder, options.dataset, run
        )
        for by_seed in arms.values()
        for run in by_seed.values()
    }
    if not files:
        raise ValueError(
            f"--experiment: {records.folder / 'runs'} has no {options.scale} run of "
            f"{options.experiment} on {options.trained_on}"
        )
    waiting = {weights: out for weights, out in files.items() if not out.exists()}
    ready = {weights: out for weights, out in waiting.items() if weights.exists()}
    if ready:
        faces = load_dataset(options.dataset, "test", options.data_root)  # once for all runs
    parser = argparse.ArgumentParser()
    one.add(parser)
    for weights, out in ready.items():
        out.parent.mkdir(parents=True, exist_ok=True)
        call = ["--weights", str(weights), "--dataset", options.dataset, "--out", str(out)]
        call += ["--device", options.device, "--batch-size", str(options.batch_size)]
        one.evaluate(parser.parse_args(call), faces)
    effects = subsets_elsewhere(records.folder, experiment, arms, options.dataset)
    if effects:
        print(errors_by_part(effects).to_string())
    if without := len(waiting) - len(ready):
        print(f"{without} of {len(files)} runs have no weights in {records.folder / 'weights'}")
    return 1 if without else 0
