"""python -m starlib train: one config, once for each seed.

Under torchrun all processes train each run together.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, get_args

from starlib.commands import add_device
from starlib.data import load_dataset
from starlib.data.face_boxes import reach_doubt
from starlib.files import results_folder
from starlib.inference.shipped import weights_path
from starlib.runs.evaluation import MEAN_SHAPE, beside
from starlib.runs.progress import Progress
from starlib.runs.records import Run
from starlib.runs.run import run
from starlib.schemes import is_path
from starlib.training import distributed
from starlib.training.config import AS_RELEASED, RunConfig, config_fields, describe, enough_epochs
from starlib.training.loop import StoppedError
from starlib.training.start import read_start


def add(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is trained", "a scale, and fields of its config")
    what.add_argument(
        "--scale",
        help="smoke, reduced, long or full; default smoke; one run of your own "
        "data is at reduced by default, for as many epochs as its number of faces needs",
    )
    what.add_argument(
        "--as-released",
        action="store_true",
        help="as the authors' released code trains: scale full with "
        + ", ".join(f"{option(n)} {v}".removesuffix(" True") for n, v in AS_RELEASED.items())
        + ", and the last weights, where that code keeps those that are best on the test faces",
    )
    what.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="go on from weights of the same network, a run's file or a name as in `predict`; "
        "layers for another number of landmarks are drawn anew",
    )
    what.add_argument("--seeds", type=int, nargs="+", default=[0], help="a run of each; default 0")
    for name, (kind, meaning, rule) in config_fields().items():
        if name in ("seed", "protocol", "start"):
            continue
        kinds = (kind, *get_args(kind))
        how: dict[str, Any] = {"type": next((k for k in (int, float) if k in kinds), str)}
        if kind is bool:
            how = {"action": argparse.BooleanOptionalAction}
        elif tuple[float, ...] == kind:
            how["nargs"] = "+"
        names = [option(name), *(["--lr"] if name == "learning_rate" else [])]
        what.add_argument(*names, dest=name, help=f"{meaning}; {rule.expected}", **how)
    add_how(parser)
    parser.usage = "%(prog)s [--dataset DATASET] [--scale SCALE] [--seeds SEED ...] [options]"
    parser.set_defaults(do=_train)


def option(field: str) -> str:
    """The option of a config's field."""
    return "--" + field.replace("_", "-")


def add_how(parser: argparse.ArgumentParser) -> None:
    """The options that every training takes: how and where, not what."""
    parser.add_argument(
        "--anew", action="store_true", help="train though there is a record, and replace it"
    )
    parser.add_argument(
        "--test-curve", action="store_true", help="test after every epoch too, for the curves"
    )
    add_device(parser)
    parser.add_argument(
        "--compile", action="store_true", help="`companion bench` tells when that pays"
    )
    parser.add_argument("--minutes", type=float, help="begin nothing after, stop at epoch ends")
    parser.add_argument("--results", help="folder of the run records, default results/")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")


def _train(options: argparse.Namespace) -> int:
    with distributed.joined(options.device) as device:
        return _trained(options, device)


def _trained(options: argparse.Namespace, device: str) -> int:
    if options.minutes is not None and not options.minutes >= 0:
        raise ValueError(f"--minutes: expected a number >= 0, got {options.minutes}")
    how: dict[str, Any] = {"results": options.results, "data_root": options.data_root}
    how |= {"anew": options.anew, "compiled": options.compile}
    how |= {"test_curve": options.test_curve}
    if distributed.size() == 1:
        how["announce"] = _announce
    started = time.time()

    def late() -> bool:
        return options.minutes is not None and time.time() >= started + 60 * options.minutes

    fields = {name: getattr(options, name, None) for name in config_fields()}
    fields = {name: value for name, value in fields.items() if value is not None}
    dataset, scale = str(fields.pop("dataset", "synthface")), options.scale
    if options.as_released:
        fields, scale = AS_RELEASED | fields, scale or "full"
    if options.start is not None:
        how["start"] = read_start(weights_path(options.start, "--start"))
        fields["start"] = how["start"].digest
    configs = [_config(dataset, scale, fields | {"seed": seed}) for seed in options.seeds]
    left = 0
    for config in dict.fromkeys(configs):
        try:
            if distributed.once(late):
                raise StoppedError("not begun")
            report = Progress(config) if distributed.rank() == 0 else None
            finished = run(config, device, report=report, stop=late, **how)
        except StoppedError as stopped:
            seed = f" with --seeds {config.seed}" if options.anew else ""  # not those before it
            print(f"{describe(config)}: {stopped}; the same command{seed} goes on")
            left += 1
            continue
        if distributed.rank() == 0:
            print_run(finished, results_folder(options.results), started)
    return 1 if left else 0


def _announce(faces: int, seconds: float) -> None:
    takes = f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
    print(f"training on {faces:,} faces takes about {takes}", flush=True)


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


def print_run(finished: Run, results: Path, started: float) -> None:
    """A run's errors, and whether it was trained now, and where its weights are."""
    values = ", ".join(
        f"{name} NME {100 * v['nme']:.3f} %"
        for name, v in finished.metrics.items()
        if name != MEAN_SHAPE
    )
    print(f"{describe(finished.config)}: {values}{beside(finished.metrics)} ({finished.path})")
    reach = finished.provenance.get("detector")
    if reach is not None and (doubt := reach_doubt(reach)):
        print(f"  predict: {doubt}")
    weights = results / "weights" / f"{finished.name}.pt"
    made, kept = "trained", f"weights: {weights}"
    if finished.path.stat().st_mtime < started - 0.1:
        when = finished.provenance.get("finished", "earlier")
        made = f"read from its record, finished {when}: nothing was trained"
    if not weights.exists():
        kept = "no weights come with a record: the same command with --anew trains them"
    print(f"  {made}; {kept}")
