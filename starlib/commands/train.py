"""python -m starlib train: one run, or what an experiment lacks.

Under torchrun all processes train each run together.
"""

import argparse
import contextlib
import dataclasses
import importlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

from starlib.data import load_dataset
from starlib.experiments.arms import EXPERIMENTS
from starlib.experiments.baseline import MEAN_SHAPE, beside
from starlib.experiments.records import Run, describe, missing
from starlib.experiments.runs import run, run_all
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.config import RunConfig
from starlib.training.epochs import enough_epochs


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--experiment", help="train every run that this experiment lacks")
    parser.add_argument(
        "--dataset", default="synthface", help="a data set's name, or your own .yml file"
    )
    parser.add_argument(
        "--scale",
        help="smoke (default), reduced or full; your own data is trained at reduced by default, "
        "for as many epochs as its number of faces needs",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="FIELD=VALUE",
        help="fields of RunConfig, as in --set loss=adl adl_ratio=5 aam=true",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, …")
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
    how = {"results": options.results, "data_root": options.data_root}
    how["compiled"] = options.compile
    if options.experiment:
        if options.experiment not in EXPERIMENTS:
            known = ", ".join(EXPERIMENTS)
            raise ValueError(f"--experiment: expected one of {known}, got {options.experiment!r}")
        if options.set:
            raise ValueError("--experiment: has its own fields, leave --set")
        experiment = EXPERIMENTS[options.experiment]
        configs = experiment.configs(options.dataset, options.scale or "smoke", options.seeds)
    else:
        fields = dict(_field(text) for text in options.set)
        configs = [
            _config(options.dataset, options.scale, fields | {"seed": seed})
            for seed in options.seeds
        ]
    if len(configs) == 1 and options.minutes is None and options.workers == 1 and not executor:
        from tqdm import tqdm

        config = configs[0]
        silent = True if distributed.rank() else None  # None: where there is no terminal
        with tqdm(total=config.epochs, unit="epoch", disable=silent, desc=config.hash) as bar:

            def report(epochs: int, curves: dict[str, list[float]]) -> None:
                bar.set_postfix(loss=f"{curves['loss'][-1]:.4f}")
                bar.update(epochs - bar.n)

            found = run(config, device, report=report, **how)
        runs = [found]
    else:
        limits = {"workers": options.workers, "minutes": options.minutes, "executor": executor}
        runs = run_all(configs, device, **limits, **how)
    left = distributed.once(lambda: missing(configs, options.results))
    if distributed.rank() == 0:
        _tell(runs, len(configs), len(left))
    return 1 if left else 0


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


def _tell(runs: list[Run], wanted: int, left: int) -> None:
    for found in runs:
        values = ", ".join(
            f"{subset} NME {100 * v['nme']:.3f} %"
            for subset, v in found.metrics.items()
            if subset != MEAN_SHAPE
        )
        print(f"{describe(found.config)}: {values}{beside(found.metrics)} ({found.path})")
    if left:
        print(f"{left} of {wanted} runs are not finished; the same command goes on")


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
