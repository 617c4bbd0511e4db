"""Command line: python -m starlib train | data."""

import argparse
import sys

from starlib.config import RunConfig


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m starlib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_train(commands.add_parser("train", help="train one run, or what an experiment lacks"))
    _add_data(commands.add_parser("data", help="look at a data set's files"))
    options = parser.parse_args(arguments)
    try:
        return int(options.do(options))
    except (ValueError, OSError) as error:  # what the user gave; the message says what it was
        print(f"error: {error}", file=sys.stderr)
        return 2


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", help="train every run that this experiment lacks")
    parser.add_argument("--dataset", default="synthface", help="synthface or 300w")
    parser.add_argument("--scale", default="smoke", help="smoke, reduced or full")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--loss", help="star (default) or regression")
    parser.add_argument("--distance", help="l1, l2, smooth_l1 (default) or wing")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, …")
    parser.add_argument("--workers", type=int, default=1, help="runs side by side")
    parser.add_argument("--minutes", type=float, help="begin nothing after, stop at epoch ends")
    parser.add_argument("--results", help="folder of the run records, default results/")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=_train)


def _train(options: argparse.Namespace) -> int:
    from starlib.experiments import EXPERIMENTS
    from starlib.records import describe as name
    from starlib.records import missing
    from starlib.runs import run, run_all

    where = {"results": options.results, "data_root": options.data_root}
    if options.experiment:
        if options.experiment not in EXPERIMENTS:
            known = ", ".join(EXPERIMENTS)
            raise ValueError(f"--experiment: expected one of {known}, got {options.experiment!r}")
        if options.loss or options.distance:
            raise ValueError("--experiment: has its own losses, leave --loss and --distance")
        configs = EXPERIMENTS[options.experiment](options.dataset, options.scale, options.seeds)
    else:
        changes = {"loss": options.loss or "star", "distance": options.distance or "smooth_l1"}
        configs = [
            RunConfig.at(options.scale, options.dataset, seed=seed, **changes)
            for seed in options.seeds
        ]
    if len(configs) == 1 and options.minutes is None:
        from tqdm import tqdm

        config = configs[0]
        with tqdm(total=config.epochs, unit="epoch", disable=None, desc=config.hash) as bar:

            def report(epochs: int, curves: dict[str, list[float]]) -> None:
                bar.set_postfix(loss=f"{curves['loss'][-1]:.4f}")
                bar.update(epochs - bar.n)

            found = run(config, options.device, report=report, **where)
        runs = [found]
    else:
        runs = run_all(configs, options.device, options.workers, minutes=options.minutes, **where)
    for found in runs:
        values = ", ".join(
            f"{subset} NME {100 * v['nme']:.3f} %" for subset, v in found.metrics.items()
        )
        print(f"{name(found.config)}: {values} ({found.path})")
    left = missing(configs, options.results)
    if left:
        print(f"{len(left)} of {len(configs)} runs are not finished; the same command goes on")
    return 1 if left else 0


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"])
    parser.add_argument("name", help="300w")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=_check)


def _check(options: argparse.Namespace) -> int:
    """Count what is there, name everything missing or unreadable, say where to get the data set."""
    from starlib.data import check_dataset

    counts, problems, source = check_dataset(options.name, options.data_root)
    for folder, (found, official) in counts.items():
        state = "complete" if found >= official else "partial" if found else "missing"
        print(f"{folder:16} {found:6} of {official:6} faces  {state}")
    for problem in problems:
        print(problem)
    if problems or any(found < official for found, official in counts.values()):
        print(f"{options.name} is distributed at {source}")
    complete = sum(found >= official for found, official in counts.values())
    print(f"problems: {len(problems)}; complete folders: {complete} of {len(counts)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
