import dataclasses
import json
import os
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from starlib import metrics
from starlib.__main__ import main
from starlib.data import DataError, crops, synthface
from starlib.experiments import records
from starlib.experiments.finished import load_all, load_run, missing, read
from starlib.experiments.paths import ROOT, results_folder
from starlib.experiments.records import verify
from starlib.experiments.run import _lock, known_fingerprints, run
from starlib.experiments.runs import read_or_train, run_all
from starlib.report.effects import face_errors
from starlib.training.config import RunConfig
from starlib.training.loop import StoppedError

SMALL = {"image_size": 32, "width": 8, "depth": 2, "epochs": 2, "batch_size": 2}
CONFIG = RunConfig.at("smoke", "300w", **SMALL)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def test_a_run_is_trained_once_and_read_again(tiny_300w, results, monkeypatch):
    first = run(CONFIG, results=results, data_root=tiny_300w)
    monkeypatch.setattr("starlib.experiments.run.train", None)  # training again would fail
    again = run(CONFIG, results=results, data_root="/nowhere")
    assert again.metrics == first.metrics and again.path == first.path
    assert [found.config for found in load_all(results)] == [CONFIG]
    assert missing([CONFIG, dataclasses.replace(CONFIG, seed=1)], results) == [
        dataclasses.replace(CONFIG, seed=1)
    ]


def test_runs_side_by_side_cut_the_crops_once(tiny_300w, results, monkeypatch):
    built, arrived, both = [], [], threading.Event()

    def slowly(faces, *arguments):
        built.append(faces.split)
        assert both.wait(60)
        build(faces, *arguments)

    def counted(path, waiting):
        arrived.append(path)
        if len(arrived) == 2:
            both.set()
        return _lock(path, waiting)

    build = crops._build
    monkeypatch.setattr(crops, "_build", slowly)
    monkeypatch.setattr("starlib.experiments.run._lock", counted)
    configs = [CONFIG, dataclasses.replace(CONFIG, seed=1)]
    with ThreadPoolExecutor(2) as executor:
        runs = run_all(configs, results=results, data_root=tiny_300w, say=str, executor=executor)
    assert len(runs) == 2 and sorted(built) == ["test", "train"]


def test_a_record_holds_what_its_numbers_recompute_from(tiny_300w, results):
    found = run(CONFIG, results=results, data_root=tiny_300w)
    arrays = found.landmarks()
    nmes = metrics.nme(arrays["predicted"], arrays["target"], "300w")
    assert found.metrics["common"]["nme"] == pytest.approx(nmes.mean(), rel=1e-6)
    assert found.metrics["common"]["faces"] == 2
    np.testing.assert_allclose(face_errors(found, subset="common"), nmes)
    for name in ("commit", "dirty", "torch", "device_name", "seconds", "threads"):
        assert name in found.provenance
    data = found.provenance["data"]
    assert data["train"]["partial"] and data["train"]["official"] == 3148
    assert len(data["test"]["fingerprint"]) == 16
    assert len(found.curves["loss"]) == CONFIG.epochs


def test_a_record_on_rendered_faces_names_the_version_of_the_renderer(results, monkeypatch):
    monkeypatch.setattr(synthface, "SPLITS", {"train": (0, 2), "test": (1, 2)})
    found = run(dataclasses.replace(CONFIG, dataset="synthface"), results=results)
    data = found.provenance["data"]
    assert data["train"]["renderer"] == data["test"]["renderer"] == synthface.VERSION
    assert len(data["test"]["fingerprint"]) == 16


def test_a_finished_run_leaves_weights_and_record_alone(tiny_300w, results):
    name = run(CONFIG, results=results, data_root=tiny_300w).name
    files = {p.relative_to(results).as_posix() for p in results.rglob("*") if p.is_file()}
    kept = {f for f in files if not f.startswith("crops/") and not f.endswith(".lock")}
    [faces] = (results / "runs").glob("faces-*.npz")
    of_run = {f"runs/{name}.json", f"runs/{name}.npz", f"weights/{name}.pt"}
    assert kept == {*of_run, f"runs/{faces.name}"}


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


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGE = {
    "half a record": lambda path: truncate(path),
    "another run's config": lambda path: path.write_text(
        path.read_text().replace('"seed": 0', '"seed": 5')
    ),
    "no arrays": lambda path: path.with_suffix(".npz").unlink(),
    "half the arrays": lambda path: truncate(path.with_suffix(".npz")),
    "another run's faces": lambda path: np.savez(
        path.with_suffix(".npz"), **{**np.load(path.with_suffix(".npz")), "faces": "../../../x"}
    ),
    "other arrays": lambda path: np.savez(path.with_suffix(".npz"), predicted=np.zeros(3)),
    "a flipped bit": lambda path: flip(path.with_suffix(".npz")),
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
        assert read([CONFIG, good], results) == load_all(results)
    with pytest.warns(UserWarning, match="left out"):
        assert missing([CONFIG, good], results) == [CONFIG]
    with pytest.warns(UserWarning, match="left out"):  # and is trained again
        run(CONFIG, results=results, data_root=tiny_300w)
    assert len(load_all(results)) == 2


def with_fake_training(monkeypatch, points=68):
    """Runs take no time; predictions lie in the middle and move with the seed."""
    curves = {"loss": [1.0] * CONFIG.epochs, "seconds": [1.0] * CONFIG.epochs}
    model = SimpleNamespace(state_dict=dict)

    def predicted(_model, images, config):
        return np.full((len(images), points, 2), 0.01 * config.seed)

    where = "starlib.experiments.run"
    monkeypatch.setattr(f"{where}.train", lambda *_: SimpleNamespace(model=model, curves=curves))
    monkeypatch.setattr(f"{where}.predict", predicted)
    monkeypatch.setattr(f"{where}.covariances", lambda *_: None)
    monkeypatch.setattr(f"{where}.calibration", lambda *_: {})


def test_weights_that_do_not_fit_on_the_disk_are_named(tiny_300w, results, monkeypatch):
    resource = pytest.importorskip("resource")
    with_fake_training(monkeypatch)
    known_fingerprints(CONFIG, results, tiny_300w)  # cuts the crops
    large = SimpleNamespace(state_dict=lambda: {"weight": torch.zeros(10**6)})
    trained = SimpleNamespace(model=large, curves={"loss": [1.0] * 2, "seconds": [1.0] * 2})
    monkeypatch.setattr("starlib.experiments.run.train", lambda *_: trained)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, limits[1]))
    try:
        with pytest.raises(OSError, match=r"weights/\w+\.pt: cannot be written: File too large"):
            run(CONFIG, results=results, data_root=tiny_300w)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(results.glob("weights/*"))


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


def test_a_partial_and_a_whole_copy_are_different_runs(tiny_300w, results, monkeypatch):
    with_fake_training(monkeypatch)
    seeds = [dataclasses.replace(CONFIG, seed=seed) for seed in (0, 1)]
    part = [run(config, results=results, data_root=tiny_300w) for config in seeds]
    for suffix in (".pts", ".png", ".jpg"):
        (tiny_300w / "300w/afw/1").with_suffix(suffix).unlink(missing_ok=True)
    other = run(CONFIG, results=results, data_root=tiny_300w)
    assert other.name != part[0].name and other.faces[1] == part[0].faces[1]
    assert len(load_all(results)) == 3
    assert load_run(CONFIG, results).name == part[0].name  # two runs share those faces
    assert load_run(CONFIG, results, other.faces).name == other.name
    assert load_run(seeds[1], results, other.faces) is None
    # Without the data the record answers; with them, what they lack is trained.
    assert run(CONFIG, results=results, data_root="/nowhere").faces == part[0].faces
    again = run_all(seeds, results=results, data_root=tiny_300w, say=str, executor=Here())
    assert [found.faces for found in again] == [other.faces] * 2


class Here(Executor):
    """Does at once what it is given."""

    def submit(self, call, *arguments):
        future = Future()
        future.set_result(call(*arguments))
        return future


def test_side_by_side_runs_are_all_kept_and_a_failure_is_named(tiny_300w, results):
    configs = [dataclasses.replace(CONFIG, seed=seed) for seed in (0, 1)]
    broken = dataclasses.replace(CONFIG, seed=7)
    (results / "weights").mkdir(parents=True)
    name = broken.name(*known_fingerprints(broken, results, tiny_300w))
    (results / "weights" / f"{name}.pt").mkdir()
    message = []
    with pytest.raises(OSError, match=f"{name}.pt: cannot be written"):
        run_all([broken, *configs], "cpu", 2, results, tiny_300w, say=message.append)
    assert missing(configs, results) == []
    assert sum("NME common" in line for line in message) == 2
    assert len(read([broken, *configs], results)) == 2


def test_no_run_is_begun_after_the_time_is_up(tiny_300w, results):
    message = []
    assert run_all([CONFIG], "cpu", 1, results, tiny_300w, minutes=0, say=message.append) == []
    assert "not begun" in message[0]


def test_a_record_that_was_not_trained_anew_does_not_count(tiny_300w, results, monkeypatch):
    with_fake_training(monkeypatch)
    where = {"results": results, "data_root": tiny_300w, "executor": Here(), "say": str}
    assert len(run_all([CONFIG], **where)) == 1
    age(results)
    assert run_all([CONFIG], **where, anew=True, minutes=0) == []
    assert len(run_all([CONFIG], **where, anew=True)) == 1


def test_command_line_trains_reads_and_names_mistakes(tiny_300w, results, capsys):
    where = ["--data-root", str(tiny_300w), "--results", str(results)]
    wrong = ["train", "--dataset", "300w", "--scale", "tiny", *where]
    assert main(wrong) == 2
    assert "scale: expected one of smoke, reduced, full" in capsys.readouterr().err
    assert main(["train", "--experiment", "nothing", *where]) == 2
    assert "--experiment: expected one of accuracy" in capsys.readouterr().err
    assert main(["train", "--experiment", "ablation_distance", "--set", "loss=star", *where]) == 2
    assert "leave --set" in capsys.readouterr().err
    assert main(["train", "--experiment", "accuracy", "--dataset", "faces.yml", *where]) == 2
    assert "--experiment: on your own data name the scale" in capsys.readouterr().err
    many = ["train", "--dataset", "300w", "--seeds", "0", "1", *where]
    assert main([*many, "--workers", "0"]) == 2
    assert "workers: expected an integer >= 1" in capsys.readouterr().err
    assert main([*many, "--device", "abacus"]) == 2
    assert "device: expected one available on this machine" in capsys.readouterr().err
    assert main(["train", "--dataset", "300w", "--data-root", str(results)]) == 2
    assert "300w: expected the folder" in capsys.readouterr().err


def test_what_a_command_read_and_where_weights_are_is_said(tiny_300w, results, monkeypatch, capsys):
    with_fake_training(monkeypatch)
    command = ["train", "--dataset", "300w", "--data-root", str(tiny_300w)]
    command += ["--results", str(results), "--set", "epochs=2"]
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


def test_the_queue_leaves_a_run_that_another_process_trains(tiny_300w, results, monkeypatch):
    with_fake_training(monkeypatch)
    name = CONFIG.name(*known_fingerprints(CONFIG, results, tiny_300w))
    other = dataclasses.replace(CONFIG, seed=1)
    where = {"results": results, "data_root": tiny_300w}
    message = []
    with _lock(results / "checkpoints" / f"{name}.lock", pytest.fail):
        options = {"say": message.append, "executor": Here(), "wait": False}
        done = run_all([CONFIG, other], **where, **options)
    assert [found.config for found in done] == [other]
    assert any("another process trains it" in line for line in message)
    assert len(run_all([CONFIG, other], **where, **options)) == 2


def test_the_queue_trains_what_is_missing_and_says_what_has_no_files(
    tiny_300w, results, monkeypatch, capsys
):
    asked = []
    monkeypatch.setattr(
        "starlib.commands.train.run_all",
        lambda configs, *_, **how: asked.append((configs, how)) or [],
    )
    queue = ["train", "--queue", "--results", str(results), "--data-root", str(tiny_300w)]
    assert main([*queue, "--experiment", "ablation_distance", "--minutes", "5"]) == 1
    [(configs, how)] = asked
    assert {config.dataset for config in configs} == {"300w", "synthface"}
    assert {config.scale for config in configs} == {"reduced"}
    assert how["wait"] is False and how["minutes"] == 5
    assert "no files here of scut-fbp5500" in capsys.readouterr().out
    assert main([*queue, "--anew"]) == 2
    assert main([*queue, "--set", "epochs=3"]) == 2


@pytest.mark.parametrize("arguments", [
    ["train", "--dataset", "300w"],
    ["train", "--dataset", "300w", "--seeds", "0", "1", "--workers", "2"],
    ["train", "--experiment", "ablation_distance", "--dataset", "wflw", "--minutes", "1"],
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


def test_parameters_of_a_notebook_are_checked(results):
    with pytest.raises(ValueError, match="^train: expected True or False"):
        read_or_train([CONFIG], "false", results=results)
