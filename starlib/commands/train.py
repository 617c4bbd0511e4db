"""python -m starlib train: one run, the arms of an experiment, or the queue of all experiments.

Under torchrun all processes train each run together.
"""

import argparse
import contextlib
import dataclasses
import importlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from starlib.data import load_dataset
from starlib.devices import AUTO
from starlib.experiments.arms import EXPERIMENTS
from starlib.experiments.baseline import MEAN_SHAPE, beside
from starlib.experiments.naming import describe
from starlib.experiments.paths import results_folder
from starlib.experiments.progress import Progress
from starlib.experiments.queue import entries, trainable
from starlib.experiments.records import Run
from starlib.experiments.run import run
from starlib.experiments.runs import run_all
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.config import RunConfig
from starlib.training.epochs import enough_epochs


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiment",
        help="train all arms of this experiment on one data set, at one scale, with these seeds; "
        "with --queue, what its tables lack",
    )
    parser.add_argument(
        "--queue",
        action="store_true",
        help="train what the experiments lack (see `runs`), the most telling first; with "
        "--experiment, --dataset, --scale, --seeds only those. It may be started several times",
    )
    parser.add_argument(
        "--dataset", help="a data set's name, or your own .yml file; default synthface"
    )
    parser.add_argument(
        "--scale",
        help="smoke, reduced, long or full; default smoke, of the queue long; one run of your own "
        "data is at reduced by default, for as many epochs as its number of faces needs",
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="default 0, of the queue all")
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="FIELD=VALUE",
        help="fields of RunConfig, as in --set loss=adl adl_ratio=5 aam=true",
    )
    parser.add_argument(
        "--anew", action="store_true", help="train though there is a record, and replace it"
    )
    parser.add_argument(
        "--device", default=AUTO, help="cpu, cuda, …; default a GPU where there is one"
    )
    parser.add_argument("--workers", type=int, default=1, help="runs side by side")
    parser.add_argument("--dask", metavar="ADDRESS", help="run on the workers of this scheduler")
    parser.add_argument("--compile", action="store_true", help="`bench` tells when that pays")
    parser.add_argument("--minutes", type=float, help="begin nothing after, stop at epoch ends")
    parser.add_argument("--results", help="folder of the run records, default results/")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=_train)


def _train(options: argparse.Namespace) -> int:
    if options.dask and options.workers > 1:
        raise ValueError("--workers: with --dask its own workers are used")
    with distributed.joined(options.device) as device, _dask(options.dask) as executor:
        return _trained(options, device, executor)


@contextlib.contextmanager
def _dask(address: str | None) -> Iterator[Executor | None]:
    if not address:
        yield None
        return
    try:
        client = importlib.import_module("distributed").Client
    except ModuleNotFoundError as error:
        raise ValueError("--dask: needs Dask: pip install 'starlib[dask]'") from error
    with client(address) as connected:
        yield connected.get_executor(pure=False)  # what failed is tried again


def _trained(options: argparse.Namespace, device: str, executor: Executor | None) -> int:
    how = {"results": options.results, "data_root": options.data_root, "anew": options.anew}
    how["compiled"] = options.compile
    started = time.time()
    configs = _configs(options)
    if len(configs) == 1 and options.minutes is None and options.workers == 1 and not executor:
        with _reporting(configs[0]) as report:
            runs = [run(configs[0], device, report=report, **how)]
    else:
        limits = {"workers": options.workers, "minutes": options.minutes, "executor": executor}
        how |= {"wait": not options.queue, "progress": not executor}
        runs = run_all(configs, device, **limits, **how)
    left = len(configs) - len(runs)
    if distributed.rank() == 0:
        for found in runs:
            _print(found, results_folder(options.results), started)
        if left:
            print(f"{left} of {len(configs)} runs are not finished; the same command goes on")
    return 1 if left else 0


def _configs(options: argparse.Namespace) -> list[RunConfig]:
    """The runs that are asked for."""
    if options.experiment and options.experiment not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"--experiment: expected one of {known}, got {options.experiment!r}")
    if (options.experiment or options.queue) and options.set:
        raise ValueError("--experiment, --queue: have their own fields, leave --set")
    if options.queue:
        return distributed.once(lambda: _queue(options))
    dataset, scale = options.dataset or "synthface", options.scale or "smoke"
    seeds = options.seeds or [0]
    if options.experiment:
        if is_path(dataset) and options.scale is None:
            raise ValueError(
                "--experiment: on your own data name the scale too, as in --scale reduced"
            )
        return EXPERIMENTS[options.experiment].configs(dataset, scale, seeds)
    fields = dict(_field(text) for text in options.set)
    return [_config(dataset, options.scale, fields | {"seed": seed}) for seed in seeds]


def _config(dataset: str, scale: str | None, fields: dict[str, Any]) -> RunConfig:
    """The config that is asked for; on your own data, a scale and epochs that suit it if none are
    given."""
    if not is_path(dataset) or scale is not None:
        return RunConfig.at(scale or "smoke", dataset, **fields)
    config = RunConfig.at("reduced", dataset, **fields)
    faces = min(len(load_dataset(dataset, "train")), config.train_faces or sys.maxsize)
    return RunConfig.at(
        "reduced", dataset, **({"epochs": enough_epochs(faces, config.batch_size)} | fields)
    )


def _queue(options: argparse.Namespace) -> list[RunConfig]:
    if options.anew:
        raise ValueError("--anew: the queue trains what is missing")
    listed = entries(
        options.results,
        options.scale or "long",
        [options.experiment] if options.experiment else None,
        [options.dataset] if options.dataset else None,
        options.seeds,
    )
    missing = [entry for entry in listed if entry.run is None]
    configs = trainable(missing, options.data_root)
    print(f"{len(missing)} of {len(listed)} runs are missing", end="")
    without = sorted({e.config.dataset for e in missing} - {c.dataset for c in configs})
    print(f"; no files here of {', '.join(without)}" if without else "", flush=True)
    return configs


@contextlib.contextmanager
def _reporting(config: RunConfig) -> Iterator[Any]:
    """What a training calls after every epoch: a bar on a terminal, else lines now and then."""
    if distributed.rank():
        yield None
    elif not sys.stderr.isatty():
        yield Progress(config)
    else:
        from tqdm import tqdm

        with tqdm(total=config.epochs, unit="epoch", desc=describe(config)) as bar:

            def report(epochs: int, curves: dict[str, list[float]]) -> None:
                bar.set_postfix(loss=f"{curves['loss'][-1]:.4f}")
                bar.update(epochs - bar.n)

            yield report


def _print(found: Run, results: Path, started: float) -> None:
    """A run's errors, and whether it was trained now, and where its weights are."""
    values = ", ".join(
        f"{name} NME {100 * v['nme']:.3f} %"
        for name, v in found.metrics.items()
        if name != MEAN_SHAPE
    )
    print(f"{describe(found.config)}: {values}{beside(found.metrics)} ({found.path})")
    weights = results / "weights" / f"{found.name}.pt"
    if found.path.stat().st_mtime < started - 0.1:
        when = found.provenance.get("finished", "earlier")
        print(f"  read from its record, finished {when}: nothing was trained", end="; ")
    else:
        print("  trained", end="; ")
    if weights.exists():
        print(f"weights: {weights}")
    else:
        print("no weights come with a record: the same command with --anew trains them")


def _field(text: str) -> tuple[str, Any]:
    """Name and value of FIELD=VALUE; the value as JSON where it is, else a word."""
    name, equals, value = text.partition("=")
    if not equals or name in ("dataset", "scale", "seed"):
        raise ValueError(
            f"--set: expected FIELD=VALUE, and --dataset, --scale, --seeds for those; got {text!r}"
        )
    if name not in {field.name for field in dataclasses.fields(RunConfig)}:
        RunConfig.from_dict({"dataset": "synthface", name: value})  # names the known ones
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
