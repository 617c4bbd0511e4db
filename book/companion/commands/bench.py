"""python -m companion bench: what the loss, a training step and inference cost here; with --peers,
the networks that come with the project beside other tools."""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from companion.bench import peers, training
from companion.bench import summary as costs
from companion.bench import timing as bench
from companion.exhibits.cost import record_text
from starlib.commands import add_device
from starlib.data import load_dataset
from starlib.devices import available_device, set_backends
from starlib.files import results_folder, write_text


def five_digits(number: str) -> float:
    """A number of JSON with five digits."""
    return float(f"{float(number):.5g}")


def add(parser: argparse.ArgumentParser) -> None:
    add_device(parser)
    parser.add_argument("--parts", nargs="+", choices=costs.PARTS, help="default all")
    parser.add_argument("--rounds", type=int, default=21, help="at most, for each size")
    parser.add_argument(
        "--quick", action="store_true", help="half a minute: fewer rounds, not all parts"
    )
    parser.add_argument("--batch", type=int, help="faces of the training step, default 2 or 64")
    parser.add_argument(
        "--peers",
        action="store_true",
        help="instead compare our networks with dlib and MediaPipe on WFLW's faces (68 points)",
    )
    parser.add_argument("--data-root", help="folder of WFLW for --peers, default $STARLIB_DATA")
    parser.add_argument("--results", help="folder of the records, default results/")
    parser.set_defaults(do=_bench)


def _peers(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    faces = load_dataset(peers.DATASET, "test", options.data_root)
    given, missing = peers.tools()
    print("\n".join(missing) or "all tools are installed", flush=True)
    torch.set_num_threads(1)
    with tqdm(total=len(faces), unit="face", disable=None) as bar:
        record = peers.compare(given, faces, bar.update)
    machine = bench.machine(torch.device("cpu"))
    path = results_folder(options.results) / peers.FILE
    write_text(path, json.dumps({"machine": machine, **record}, allow_nan=False) + "\n")
    print(f"{peers.markdown(record)}\nwritten to {path}")
    return 1 if missing else 0


def _bench(options: argparse.Namespace) -> int:
    if options.peers:
        return _peers(options)
    if options.rounds < 1:
        raise ValueError(f"--rounds: expected an integer >= 1, got {options.rounds}")
    device = torch.device(available_device(options.device))
    set_backends(device)
    record: dict[str, Any] = {
        "machine": bench.machine(device),
        "finished": "",
        "quick": options.quick,
    }
    on_cpu = device.type == "cpu"
    rounds, quick = options.rounds, options.quick
    long = {"variants", "memory", *(["step"] if on_cpu else [])} if quick else set()
    if asked := sorted(long.intersection(options.parts or ())):
        raise ValueError(f"--quick: leaves out {', '.join(asked)}, which --parts asks for")
    parts = [part for part in options.parts or costs.PARTS if part not in long]
    batch = options.batch or (2 if on_cpu else 64)
    batches, seconds = (1,) if quick and on_cpu else (1, 32), 5 if quick else 15
    scales = ("reduced",) if on_cpu else ("reduced", "full")
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "loss": lambda: {"loss": bench.loss_times(device, rounds, 9 if quick else 72)},
        "step": lambda: {"step": training.step_times(device, rounds, 40, batch),
                         "host": training.host_times(rounds, 10)},
        "inference": lambda: {
            "inference": training.inference_times(device, rounds, seconds, batches)
        },
        "variants": lambda: {
            "variants": [training.step_variants(device, rounds, 40, s) for s in scales]
        },
        "memory": lambda: {"memory": training.memory_of_trainings()},
    }  # fmt: skip
    for part, step in steps.items():
        if part in parts:
            print(f"{part} …", flush=True)
            record |= step()
    record["finished"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(record_text(record))
    whole = not quick and all(part in record for part in costs.PARTS)
    name = costs.name_of(record["machine"]) + ("" if whole else "-partial")
    path = results_folder(options.results) / "bench" / f"{name}.json"
    kept = json.loads(json.dumps(record, allow_nan=False), parse_float=five_digits)
    write_text(path, json.dumps(kept, indent=1) + "\n")
    print(f"written to {path}")
    return 0
