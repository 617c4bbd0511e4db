import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from starlib.runs.finished import load_run
from starlib.runs.run import _lock, run
from starlib.training import distributed
from starlib.training.checkpoints import read_checkpoint
from starlib.training.config import RunConfig

# A small learning rate: Adam turns the sign of a gradient that is rounding into a whole step.
SIZES = {"image_size": 32, "stacks": 1, "width": 8, "depth": 2, "epochs": 4, "batch_size": 4}
SIZES |= {"learning_rate": 1e-4, "ema_half_life": 20, "precision": "float32"}
CONFIG = RunConfig(dataset="300w", **SIZES)

# The command line at a scale of its own; `STOP` ends it after an epoch, as a time limit would.
COMMAND = """
import os, sys
import starlib.training.config, starlib.commands.train as command
from starlib.__main__ import main
starlib.training.config.SCALES["smoke"] = {sizes!r}
if "STOP" in os.environ:
    whole = command.run
    command.run = lambda *a, **k: whole(*a, **k | dict(stop=lambda: True))
code = main(sys.argv[1:])
sys.exit(0 if "STOP" in os.environ else code)
"""


def launched(folder, launch, *arguments, **environment):
    """torchrun with the command line `train` in each of its processes."""
    script = folder / "command.py"
    script.write_text(COMMAND.format(sizes=SIZES))
    command = [sys.executable, "-m", "torch.distributed.run", *launch, str(script)]
    return subprocess.Popen(
        [*command, "train", "--dataset", "300w", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1", **environment},
    )


def ended(process):
    """Its exit status and what its processes printed."""
    try:
        out, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def checkpoints(results):
    return [path for path in results.glob("checkpoints/*") if path.suffix != ".lock"]


def test_what_two_processes_began_one_goes_on_with(tiny_300w, tmp_path):
    results = tmp_path / "results"
    where = ["--results", str(results), "--data-root", str(tiny_300w)]
    together = ["--standalone", "--nproc-per-node", "2"]
    stopped = ended(launched(tmp_path, together, *where, STOP="1"))
    assert stopped.stdout.count("stopped after epoch 1") == 2, stopped.stderr
    [file] = results.glob("checkpoints/*.pt")
    checkpoint = read_checkpoint(file)
    assert len(checkpoint["curves"]["loss"]) == 1
    resumed = run(CONFIG, results=results, data_root=tiny_300w)
    whole = run(CONFIG, results=tmp_path / "whole", data_root=tiny_300w)
    assert resumed.provenance["resumed"]
    assert abs(resumed.metrics["common"]["nme"] - whole.metrics["common"]["nme"]) < 2e-4


def test_a_process_without_a_gpu_of_its_own_is_named(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "99")
    message = "^device: expected a GPU for each process, process 99 has none"
    with pytest.raises(ValueError, match=message), distributed.joined("cuda"):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def test_two_machines_that_share_no_folder_train_one_network(tiny_300w, tmp_path):
    """Two launchers with results of their own meet at torchrun's rendezvous, stop and go on."""
    places = [tmp_path / "first", tmp_path / "second"]

    def train(**environment):
        launch = ["--nnodes=2", "--master-addr=localhost", f"--master-port={free_port()}"]
        processes = [
            launched(
                tmp_path,
                [*launch, f"--node-rank={rank}"],
                *("--results", str(place), "--data-root", str(tiny_300w)),
                **environment,
            )
            for rank, place in enumerate(places)
        ]
        return [ended(process) for process in processes]

    stopped = train(STOP="1")
    assert all("stopped after epoch 1" in done.stdout for done in stopped), stopped[0].stderr
    done = train()
    assert [one.returncode for one in done] == [0, 0], done[0].stderr + done[1].stderr
    assert sum(one.stdout.count("NME") for one in done) == 1  # printed by one of them
    found = load_run(CONFIG, places[0])
    assert found.provenance["resumed"] and found.provenance["processes"] == 2
    assert not any(map(checkpoints, places)) and not (places[1] / "runs").exists()
    one = run(CONFIG, results=tmp_path / "one", data_root=tiny_300w)
    assert one.provenance["processes"] == 1
    assert abs(one.metrics["common"]["nme"] - found.metrics["common"]["nme"]) < 2e-4
    for name in ("loss", "error"):
        np.testing.assert_allclose(one.curves[name], found.curves[name], rtol=1e-3)


def test_a_run_that_another_one_trains_is_waited_for_and_trained_once(
    tiny_300w, tmp_path, monkeypatch
):
    import starlib.runs.run

    calls, train = [], starlib.runs.run.train
    monkeypatch.setattr("starlib.runs.run.train", lambda *a: calls.append(a) or train(*a))
    found = []

    def one():
        found.append(run(CONFIG, results=tmp_path / "results", data_root=tiny_300w))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and len(found) == 2
    assert found[0].provenance == found[1].provenance


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "run.lock"
    code = f"""
import os
from pathlib import Path
from starlib.runs.run import _lock
with _lock(Path({str(path)!r}), lambda: None):
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code], cwd=os.getcwd(), timeout=60)
    assert path.exists()

    def waiting():
        raise AssertionError("the lock is still held")

    held = pytest.raises(AssertionError, match="still held")
    with _lock(path, waiting), held, _lock(path, waiting):
        pass
