"""Runs that are killed at random moments, again and again, end as an uninterrupted one does."""

import contextlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from starlib.runs.finished import load_all, load_run
from tests.fuzz import TALLY, times
from tests.fuzz.victim import CONFIG, Moment, victim

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
DELAYS = (0, 0, 0.001, 0.003, 0.01, 0.03)  # seconds
KILLS = times(6)
IN_A_ROW = 3  # kills of one run before it may finish

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="needs a fork server"
)


@pytest.fixture(scope="module")
def context():
    """Processes that start with torch imported, with what its first optimiser imports too."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.fuzz.victim", "torch._dynamo"])
    return server


def ended(context, root, results, moment, log=None):
    """The exit status of a run that is ended at a moment, or not."""
    process = context.Process(target=victim, args=(root, results, moment, log))
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the run hangs"
    return process.exitcode


def outcome(results):
    """Weights, arrays and numbers of a finished run, without its times."""
    found = load_run(CONFIG, results)
    assert found is not None
    [weights] = (results / "weights").glob("[!p]*.pt")
    record = json.loads(found.path.read_text(encoding="utf-8"))
    del record["curves"]["seconds"]
    for name in ("finished", "seconds", "resumed", "commit", "dirty"):
        del record["provenance"][name]
    return torch.load(weights, weights_only=True)["weights"], found.landmarks(), record


def stage(results: Path) -> str:
    """The stage that a run had reached when it was killed."""
    if list((results / "checkpoints").glob("*.pt")):
        return "writing the record" if list((results / "weights").glob("*")) else "training"
    whole = len([path for path in (results / "crops").glob("300w-t*-*") if path.is_dir()])
    return "cutting crops" if whole < 2 else "training"


def test_a_run_killed_at_random_moments_ends_as_an_uninterrupted_one(context, tiny_300w, tmp_path):
    log = tmp_path / "operations"
    assert ended(context, tiny_300w, tmp_path / "whole", None, log) == 0
    weights, arrays, record = outcome(tmp_path / "whole")
    operations = int(log.read_text())
    assert operations > 30
    draw, killed, number = random.Random(7), 0, 0
    while killed < KILLS:
        results = tmp_path / f"{number}"
        number += 1
        for _ in range(IN_A_ROW):
            sent = SIGNALS[(killed + number) % 3]
            moment = Moment(sent, draw.randint(1, operations), draw.choice(DELAYS))
            if ended(context, tiny_300w, results, moment) == 0:
                break  # finished before the moment
            killed += 1
            TALLY[f"kills: {signal.Signals(sent).name} {stage(results)}"] += 1
            load_all(results)  # nothing half-written passes for a record
        assert ended(context, tiny_300w, results, None, log) == 0, moment
        again, arrays_again, record_again = outcome(results)
        for name, value in weights.items():
            assert torch.equal(again[name], value), (name, moment)
        for name, value in arrays.items():
            np.testing.assert_array_equal(arrays_again[name], value, err_msg=name)
        assert record_again == record
        assert not [path for path in results.glob("checkpoints/*") if path.suffix != ".lock"]
        TALLY["killed runs that ended alike"] += 1


# The arms of an experiment at a scale of its own, which takes for ever.
LONG = """
import sys
from companion.__main__ import main
from starlib.training.config import SCALES
SCALES["smoke"] |= {"epochs": 100000, "image_size": 32}
sys.exit(main(sys.argv[1:]))
"""


@contextlib.contextmanager
def training(data, results, workers):
    """A `train` of two long runs, past its first checkpoint: one after the other, or side by
    side."""
    command = [sys.executable]
    if workers == 0:
        command += ["-m", "starlib", "train", "--seeds", "0", "1"]
        command += ["--epochs", "100000", "--image-size", "32"]
    else:
        command += ["-c", LONG, "train", "--experiment", "accuracy"]
        command += ["--workers", str(workers)]
    command += ["--dataset", "300w", "--scale", "smoke"]
    command += ["--results", str(results), "--data-root", str(data)]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, it may be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while process.poll() is None and not list(results.glob("checkpoints/*.pt")):
            time.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_ctrl_c_ends_a_training_without_a_traceback(tiny_300w, tmp_path, workers):
    with training(tiny_300w, tmp_path, workers) as process:
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_a_killed_training(tiny_300w, tmp_path, sent):
    with training(tiny_300w, tmp_path, workers=2) as process:
        process.send_signal(sent)
        process.communicate(timeout=60)  # until each process that writes there has ended
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
