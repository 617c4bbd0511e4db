import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from starlib.__main__ import main
from starlib.commands.train import add
from starlib.data import DataError, synthface
from starlib.files import ROOT, results_folder
from starlib.runs import records
from starlib.runs.finished import load_all, load_run
from starlib.runs.records import verify
from starlib.runs.run import run
from starlib.training.config import RunConfig
from starlib.training.loop import StoppedError
from tests.conftest import SMALL_RUN, files_of

CONFIG = dataclasses.replace(SMALL_RUN, epochs=2)


def test_a_run_leaves_weights_and_record_alone_and_is_read_again(tiny_300w, results, monkeypatch):
    first = run(CONFIG, results=results, data_root=tiny_300w)
    kept = {f for f in files_of(results) if not f.startswith("crops/") and not f.endswith(".lock")}
    [faces] = (results / "runs").glob("faces-*.npz")
    written = {"runs": ("json", "npz"), "weights": ("md", "pt")}
    of_run = {f"{folder}/{first.name}.{end}" for folder, ends in written.items() for end in ends}
    assert kept == {*of_run, f"runs/{faces.name}"}
    monkeypatch.setattr("starlib.runs.run.train", None)  # training again would fail
    again = run(CONFIG, results=results, data_root="/nowhere")
    assert again.metrics == first.metrics and again.path == first.path
    assert [found.config for found in load_all(results)] == [CONFIG]
    assert load_run(dataclasses.replace(CONFIG, seed=1), results) is None


def test_a_test_curve_ends_in_the_run_s_error_and_changes_no_training(tiny_300w, results):
    first = run(CONFIG, results=results, data_root=tiny_300w)
    with pytest.warns(UserWarning, match="has no test curve; train it anew"):
        run(CONFIG, results=results, data_root=tiny_300w, test_curve=True)
    tested = run(CONFIG, results=results, data_root=tiny_300w, anew=True, test_curve=True)
    assert tested.arrays == first.arrays and tested.metrics == first.metrics
    curve, raw = (tested.curves[name] for name in ("test_nme", "test_nme_raw"))
    assert len(curve) == len(raw) == CONFIG.epochs and curve != raw
    assert curve[-1] == pytest.approx(tested.metrics["common"]["nme"], abs=1e-6)


def test_the_time_to_expect_is_said_before_a_training_and_changes_nothing(tiny_300w, results):
    said = []
    how = {"announce": lambda *expected: said.append(expected), "report": lambda *_: said.append(0)}
    told = run(CONFIG, results=results, data_root=tiny_300w, **how)
    (faces, seconds), *reports = said
    assert faces == 4 and 0 < seconds < 600 and reports == [0] * CONFIG.epochs
    run(CONFIG, results=results, data_root=tiny_300w, **how)
    assert len(said) == 1 + CONFIG.epochs  # nothing is trained
    silent = run(CONFIG, results=results / "other", data_root=tiny_300w)
    assert told.curves["loss"] == silent.curves["loss"] and told.metrics == silent.metrics


def test_a_record_on_rendered_faces_names_the_version_of_the_renderer(results, monkeypatch):
    monkeypatch.setattr(synthface, "SPLITS", {"train": (0, 2), "test": (1, 2)})
    found = run(dataclasses.replace(CONFIG, dataset="synthface"), results=results)
    data = found.provenance["data"]
    assert data["train"]["renderer"] == data["test"]["renderer"] == synthface.VERSION
    assert len(data["test"]["fingerprint"]) == 16


def test_a_model_card_says_how_good_and_its_commands_run(tiny_300w, results, monkeypatch, capsys):
    found = run(CONFIG, results=results, data_root=tiny_300w)
    [card] = (results / "weights").glob("*.md")
    text = card.read_text()
    assert f"{100 * found.metrics['common']['nme']:.2f}" in text and "300w (" in text
    assert found.commit in text and "conditions of the training data" in text
    monkeypatch.chdir(results / "weights")
    monkeypatch.setenv("STARLIB_DATA", str(tiny_300w))
    [evaluate] = [line for line in text.splitlines() if line.startswith("python -m starlib eval")]
    assert main(evaluate.split()[3:]) == 0
    assert "common" in capsys.readouterr().out


def test_a_run_on_unreadable_faces_leaves_nothing(tiny_300w, results):
    (tiny_300w / "300w/afw/1.pts").write_text("{\n1 1\n}")
    with pytest.raises(DataError, match="expected 68 points, found 1"):
        run(CONFIG, results=results, data_root=tiny_300w)
    assert not results.exists()


def test_a_stopped_run_has_a_checkpoint_and_no_record_and_goes_on(tiny_300w, results):
    with pytest.raises(StoppedError):
        run(CONFIG, results=results, data_root=tiny_300w, stop=lambda: True)
    assert load_run(CONFIG, results) is None
    [checkpoint] = results.glob("checkpoints/*.pt")
    found = run(CONFIG, results=results, data_root=tiny_300w)
    assert found.provenance["resumed"] and checkpoint.stem == found.name
    assert not checkpoint.exists()


@pytest.mark.parametrize("damage", ["truncate", "unlink", "replace"])
def test_runs_share_the_targets_of_their_faces(tiny_300w, results, monkeypatch, damage):
    with_fake_training(monkeypatch)
    configs = [CONFIG, dataclasses.replace(CONFIG, seed=1)]
    found = [run(c, results=results, data_root=tiny_300w) for c in configs]
    before = [each.landmarks() for each in found]
    [faces] = (results / "runs").glob("faces-*.npz")
    {
        "truncate": truncate,
        "unlink": Path.unlink,
        "replace": lambda path: np.savez(path, target=before[0]["target"]),
    }[damage](faces)
    for each in found:
        with pytest.raises(ValueError, match=f"{each.name}.npz: .*{faces.name}"):
            each.landmarks()
    with pytest.warns(UserWarning, match="left out"):  # training one of them mends both
        records._read.cache_clear()
        run(CONFIG, results=results, data_root=tiny_300w)
    for each, arrays in zip(found, before, strict=True):
        for name, values in each.landmarks().items():
            np.testing.assert_array_equal(values, arrays[name])


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


DAMAGE = {
    "another run's config": lambda path: path.write_text(
        path.read_text().replace('"seed": 0', '"seed": 5')
    ),
    "no arrays": lambda path: path.with_suffix(".npz").unlink(),
    "another run's faces": lambda path: np.savez(
        path.with_suffix(".npz"), **{**np.load(path.with_suffix(".npz")), "faces": "../../../x"}
    ),
    "other arrays": lambda path: np.savez(path.with_suffix(".npz"), predicted=np.zeros(3)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_named_and_left_out(tiny_300w, results, monkeypatch, damage):
    good = dataclasses.replace(CONFIG, seed=1)
    with_fake_training(monkeypatch)
    found, _ = (run(c, results=results, data_root=tiny_300w) for c in (CONFIG, good))
    DAMAGE[damage](found.path)
    with pytest.warns(UserWarning, match=f"left out: .*{found.name}"):
        assert [kept.config for kept in load_all(results)] == [good]
    with pytest.warns(UserWarning, match="left out"):
        assert load_run(CONFIG, results) is None
    with pytest.warns(UserWarning, match="left out"):  # and is trained again
        run(CONFIG, results=results, data_root=tiny_300w)
    assert len(load_all(results)) == 2


def with_fake_training(monkeypatch, points=68):
    """Runs take no time; predictions lie in the middle and move with the seed."""
    curves = {"loss": [1.0] * CONFIG.epochs, "seconds": [1.0] * CONFIG.epochs}
    model = SimpleNamespace(state_dict=dict)

    def predicted(_model, images, config):
        return np.full((len(images), points, 2), 0.01 * config.seed), None

    where = "starlib.runs.run"
    monkeypatch.setattr(f"{where}.train", lambda *_: SimpleNamespace(model=model, curves=curves))
    monkeypatch.setattr(f"{where}.predict", predicted)
    monkeypatch.setattr(f"{where}.calibration", lambda *_: {})


def test_numbers_that_do_not_follow_from_the_arrays_are_found(tiny_300w, results, monkeypatch):
    with_fake_training(monkeypatch)
    found = run(CONFIG, results=results, data_root=tiny_300w)
    verify(found)
    text = found.path.read_text()
    nme = found.metrics["common"]["nme"]
    found.path.write_text(text.replace(json.dumps(nme), json.dumps(nme * 1.01)))
    with pytest.raises(ValueError, match=r"follow from its arrays, not so: common nme"):
        verify(load_all(results)[0])


def test_every_committed_record_is_whole_and_its_numbers_follow():
    runs = load_all(ROOT / "results")  # a damaged one is a warning, and warnings are errors here
    arrays = {path for path in (ROOT / "results/runs").iterdir() if path.suffix == ".npz"}
    faces = {path for path in arrays if path.name.startswith("faces-")}
    of_runs = {run.path for run in runs} | {run.path.with_suffix(".npz") for run in runs}
    assert len(runs) >= 64 and set((ROOT / "results/runs").iterdir()) == of_runs | faces
    named = {str(np.load(path)["faces"]) for path in arrays - faces}
    assert {path.stem for path in faces} == {f"faces-{key}" for key in named}
    assert sum(path.stat().st_size for path in (ROOT / "results/runs").iterdir()) < 80e6
    for found in runs:
        verify(found)


class Here(Executor):
    """Does at once what it is given."""

    def submit(self, call, *arguments):
        future = Future()
        future.set_result(call(*arguments))
        return future


MEANT = {
    "trian": "train",
    "train --epoch 3": "--epochs",
    "train --bs 3": "--batch-size",
    "train --loss sta": "star",
    "train --scale smok": "smoke",
    "train --dataset 300": "300w",
}


def test_every_field_of_a_config_is_an_option_with_help():
    parser = argparse.ArgumentParser()
    add(parser)
    options = {action.dest: action for action in parser._actions}
    fields = {field.name for field in dataclasses.fields(RunConfig)} - {"seed", "protocol"}
    assert fields < set(options) and all(options[name].help for name in fields)
    given = "--epochs 3 --lr 0.1 --no-dr --aam --milestones 0.5 0.9 --train-faces 7"
    found = vars(parser.parse_args(given.split()))
    wanted = {"epochs": 3, "learning_rate": 0.1, "dr": False, "aam": True, "train_faces": 7}
    assert {n: found[n] for n in fields if found[n] is not None} == wanted | {
        "milestones": [0.5, 0.9]
    }


def test_a_run_goes_on_from_weights_and_is_named_by_them(tiny_300w, results, capsys):
    where = ["--data-root", str(tiny_300w), "--results", str(results), "--device", "cpu"]
    small = ["train", "--dataset", "300w", "--width", "8", "--epochs", "2", *where]
    assert main(small) == 0
    [first] = (results / "weights").glob("*.pt")
    assert main([*small, "--start", str(first)]) == 0
    assert len(list((results / "weights").glob("*.pt"))) == 2
    digest = hashlib.sha256(first.read_bytes()).hexdigest()[:12]
    assert sorted(str(r.config.start) for r in load_all(results)) == sorted(["None", digest])
    assert main([*small, "--start", "nothing.pt"]) == 2
    assert "expected 300w, synthface or a file of weights" in capsys.readouterr().err


def test_one_option_trains_as_the_released_code_does(tiny_300w, results, monkeypatch):
    def stopped(config, *_, **__):
        asked.append(config)
        raise StoppedError("not begun")

    asked = []
    monkeypatch.setattr("starlib.commands.train.run", stopped)
    as_released = ["train", "--dataset", "300w", "--as-released"]
    assert main(as_released) == 1 and main([*as_released, "--no-aam", "--scale", "smoke"]) == 1
    full, other = asked
    theirs = {"aam": True, "convention": "released", "augmentation": "released"}
    theirs |= {"crop": "released", "precision": "float32"}
    assert full.scale == "full" and theirs.items() <= full.to_dict().items()
    assert other.scale == "smoke" and not other.aam and other.crop == "released"


def test_command_line_trains_reads_and_names_mistakes(tiny_300w, results, capsys):
    where = ["--data-root", str(tiny_300w), "--results", str(results)]
    wrong = ["train", "--dataset", "300w", "--scale", "tiny", *where]
    assert main(wrong) == 2
    assert "scale: expected one of smoke, reduced, long, full" in capsys.readouterr().err
    for given, suggested in MEANT.items():
        with contextlib.suppress(SystemExit):  # argparse's
            assert main([*given.split(), *where]) == 2
        assert f"did you mean {suggested}?" in capsys.readouterr().err, given
    many = ["train", "--dataset", "300w", "--seeds", "0", "1", *where]
    assert main([*many, "--minutes", "-1"]) == 2
    assert "minutes: expected a number >= 0" in capsys.readouterr().err
    assert main([*many, "--minutes", "0"]) == 1 and not list(results.glob("runs/*"))
    assert capsys.readouterr().out.count("not begun") == 2
    assert main([*many, "--device", "abacus"]) == 2
    assert "device: expected one available on this machine" in capsys.readouterr().err
    assert main(["train", "--dataset", "300w", "--data-root", str(results)]) == 2
    assert "300w: expected the folder" in capsys.readouterr().err


def test_what_a_command_read_and_where_weights_are_is_said(tiny_300w, results, monkeypatch, capsys):
    with_fake_training(monkeypatch)
    command = ["train", "--dataset", "300w", "--data-root", str(tiny_300w)]
    command += ["--results", str(results), "--epochs", "2"]
    assert main(command) == 0
    [weights] = results.glob("weights/*.pt")
    assert f"trained; weights: {weights}" in capsys.readouterr().out
    age(results)
    assert main(command) == 0
    again = capsys.readouterr().out
    assert "nothing was trained" in again and f"weights: {weights}" in again
    weights.unlink()
    assert main([*command, "--seeds", "0", "--minutes", "9"]) == 0
    assert "no weights come with a record: the same command with --anew" in capsys.readouterr().out
    assert main([*command, "--anew"]) == 0
    assert f"trained; weights: {weights}" in capsys.readouterr().out and weights.exists()


def age(results):
    """Make records older than the command that reads them."""
    for path in results.glob("runs/*"):
        os.utime(path, (1, 1))


@pytest.mark.parametrize("arguments", [
    ["train", "--dataset", "300w"],
    ["train", "--dataset", "300w", "--seeds", "0", "1", "--minutes", "1"],
    ["evaluate", "--dataset", "300w", "--weights", "{weights}"],
    ["data", "check", "300w"],
    ["data", "fetch", "cofw"],
])  # fmt: skip
def test_without_data_sets_every_command_says_so_in_one_sentence(
    arguments, results, run_file, monkeypatch, capsys
):
    monkeypatch.setenv("STARLIB_DATA", "")
    arguments = [a.format(weights=run_file) for a in arguments]
    where = ["--results", str(results)] if arguments[0] == "train" else []
    assert main([*arguments, *where]) == 2
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence.startswith("error: ") and "$STARLIB_DATA or --data-root" in sentence


def test_results_lie_in_the_working_folder_unless_it_is_in_the_checkout(tmp_path, monkeypatch):
    monkeypatch.delenv("STARLIB_RESULTS", raising=False)
    monkeypatch.chdir(ROOT / "notebooks")
    assert results_folder() == results_folder("") == ROOT / "results"
    monkeypatch.chdir(tmp_path)
    assert results_folder() == tmp_path / "results"
    assert results_folder("there").absolute() == tmp_path / "there"
    monkeypatch.setenv("STARLIB_RESULTS", "elsewhere")
    assert results_folder().absolute() == tmp_path / "elsewhere"
