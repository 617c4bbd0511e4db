"""python -m companion train: the arms of an experiment, or the queue of all experiments.

Under torchrun all processes train each run together.
"""

import argparse
import contextlib
import importlib
import time
from collections.abc import Iterator
from concurrent.futures import Executor

from companion.experiments.paper import EXPERIMENTS
from companion.experiments.queue import entries, trainable
from companion.experiments.records import Records
from companion.experiments.train_all import run_all
from starlib.commands.train import add_how, print_run
from starlib.files import results_folder
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.config import RunConfig


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--experiment",
        choices=EXPERIMENTS,
        metavar="NAME",
        help="train all arms of this experiment on one data set, at one scale, with these seeds; "
        "with --queue, what its tables lack",
    )
    parser.add_argument(
        "--queue",
        action="store_true",
        help="train what the experiments lack (see `runs`), the most telling first; with "
        "--experiment, --dataset, --scale, --seeds only those. It may be started several times",
    )
    parser.add_argument("--dataset", help="a data set's name, or your own .yml file")
    parser.add_argument(
        "--scale", help="smoke, reduced, long or full; default smoke, of the queue long"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="default 0, of the queue all")
    parser.add_argument("--workers", type=int, default=1, help="runs side by side")
    parser.add_argument("--dask", metavar="ADDRESS", help="run on the workers of this scheduler")
    add_how(parser)
    parser.set_defaults(do=_train)


def _train(options: argparse.Namespace) -> int:
    if not (options.experiment or options.queue):
        raise ValueError(
            "expected --experiment or --queue; `python -m starlib train` trains one run"
        )
    if options.dask and options.workers > 1:
        raise ValueError("--workers: with --dask its own workers are used")
    with distributed.joined(options.device) as device, _dask(options.dask) as executor:
        started = time.time()
        configs = distributed.once(lambda: _queue(options)) if options.queue else _configs(options)
        runs = run_all(
            configs, device, options.workers, options.results, options.data_root,
            minutes=options.minutes, executor=executor, anew=options.anew, progress=not executor,
            compiled=options.compile, wait=not options.queue, test_curve=options.test_curve,
        )  # fmt: skip
        left = len(configs) - len(runs)
        if distributed.rank() == 0:
            for found in runs:
                print_run(found, results_folder(options.results), started)
            if left:
                print(f"{left} of {len(configs)} runs are not finished; the same command goes on")
        return 1 if left else 0


@contextlib.contextmanager
def _dask(address: str | None) -> Iterator[Executor | None]:
    if not address:
        yield None
        return
    try:
        client = importlib.import_module("distributed").Client
    except ModuleNotFoundError as error:
        raise ValueError("--dask: needs Dask: pip install 'starloss[dask]'") from error
    with client(address) as connected:
        yield connected.get_executor(pure=False)  # what failed is tried again


def _configs(options: argparse.Namespace) -> list[RunConfig]:
    """The runs of an experiment."""
    dataset = options.dataset or "synthface"
    if is_path(dataset) and options.scale is None:
        raise ValueError("--experiment: on your own data name the scale too, as in --scale reduced")
    experiment = EXPERIMENTS[options.experiment]
    return experiment.configs(dataset, options.scale or "smoke", options.seeds or [0])


def _queue(options: argparse.Namespace) -> list[RunConfig]:
    if options.anew:
        raise ValueError("--anew: the queue trains what is missing")
    listed = entries(
        Records.load(options.results),
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
