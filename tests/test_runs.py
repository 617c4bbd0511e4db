import dataclasses
import json
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from starlib import metrics
from starlib.__main__ import main
from starlib.data import DataError, crops
from starlib.experiments.records import load_all, load_run, missing, read
from starlib.experiments.runs import read_or_train, run, run_all
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
    monkeypatch.setattr("starlib.experiments.runs.train", None)  # training again would fail
    again = run(CONFIG, results=results, data_root="/nowhere")
    assert again.metrics == first.metrics and again.path == first.path
    assert [found.config for found in load_all(results)] == [CONFIG]
    assert missing([CONFIG, dataclasses.replace(CONFIG, seed=1)], results) == [
        dataclasses.replace(CONFIG, seed=1)
    ]


def test_runs_side_by_side_cut_the_crops_once(tiny_300w, results, monkeypatch):
    built = []

    def slowly(faces, size, folder):
        built.append(faces.split)
        time.sleep(0.3)
        build(faces, size, folder)

    build = crops._build
    monkeypatch.setattr(crops, "_build", slowly)
    configs = [CONFIG, dataclasses.replace(CONFIG, seed=1)]
    with ThreadPoolExecutor(2) as executor:
        runs = run_all(configs, results=results, data_root=tiny_300w, say=str, executor=executor)
    assert len(runs) == 2 and sorted(built) == ["test", "train"]
    assert not list(results.glob("**/*.lock"))


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


def test_a_finished_run_leaves_weights_and_record_alone(tiny_300w, results):
    run(CONFIG, results=results, data_root=tiny_300w)
    files = {p.relative_to(results).as_posix() for p in results.rglob("*") if p.is_file()}
    name = CONFIG.hash
    kept = {f for f in files if not f.startswith("crops/")}
    assert kept == {f"runs/{name}.json", f"runs/{name}.npz", f"weights/{name}.pt"}


def test_a_run_on_unreadable_faces_leaves_nothing(tiny_300w, results):
    (tiny_300w / "300w/afw/1.pts").write_text("{\n1 1\n}")
    with pytest.raises(DataError, match="expected 68 points, found 1"):
        run(CONFIG, results=results, data_root=tiny_300w)
    assert not list(results.rglob("*"))


def test_a_stopped_run_has_a_checkpoint_and_no_record_and_goes_on(tiny_300w, results):
    with pytest.raises(StoppedError):
        run(CONFIG, results=results, data_root=tiny_300w, stop=lambda: True)
    assert load_run(CONFIG, results) is None
    assert (results / "checkpoints" / f"{CONFIG.hash}.pt").exists()
    found = run(CONFIG, results=results, data_root=tiny_300w)
    assert found.provenance["resumed"]
    assert not (results / "checkpoints" / f"{CONFIG.hash}.pt").exists()


def test_a_broken_or_foreign_record_is_named(results):
    path = results / "runs" / f"{CONFIG.hash}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"config": ')
    with pytest.raises(ValueError, match=f"{CONFIG.hash}.json: expected the record of a run"):
        load_run(CONFIG, results)
    other = dataclasses.replace(CONFIG, seed=5).to_dict()
    path.write_text(json.dumps({"config": other, "metrics": {}, "curves": {}, "provenance": {}}))
    with pytest.raises(ValueError, match="its config is that of run"):
        load_run(CONFIG, results)


def test_side_by_side_runs_are_all_kept_and_a_failure_is_told(tiny_300w, results):
    configs = [dataclasses.replace(CONFIG, seed=seed) for seed in (0, 1)]
    broken = dataclasses.replace(CONFIG, seed=7)
    checkpoint = results / "checkpoints" / f"{broken.hash}.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"nonsense")
    told = []
    with pytest.raises(ValueError, match="expected a checkpoint"):
        run_all([broken, *configs], "cpu", 2, results, tiny_300w, say=told.append)
    assert missing(configs, results) == []
    assert sum("NME common" in line for line in told) == 2
    assert len(read([broken, *configs], results)) == 2


def test_no_run_is_begun_after_the_time_is_up(tiny_300w, results):
    told = []
    assert run_all([CONFIG], "cpu", 1, results, tiny_300w, minutes=0, say=told.append) == []
    assert "not begun" in told[0]


def test_command_line_trains_reads_and_names_mistakes(tiny_300w, results, capsys):
    where = ["--data-root", str(tiny_300w), "--results", str(results)]
    wrong = ["train", "--dataset", "300w", "--scale", "tiny", *where]
    assert main(wrong) == 2
    assert "scale: expected one of smoke, reduced, full" in capsys.readouterr().err
    assert main(["train", "--experiment", "nothing", *where]) == 2
    assert "--experiment: expected one of ablation_distance" in capsys.readouterr().err
    assert main(["train", "--experiment", "ablation_distance", "--set", "loss=star", *where]) == 2
    assert "leave --set" in capsys.readouterr().err
    many = ["train", "--dataset", "300w", "--seeds", "0", "1", *where]
    assert main([*many, "--workers", "0"]) == 2
    assert "workers: expected an integer >= 1" in capsys.readouterr().err
    assert main([*many, "--device", "abacus"]) == 2
    assert "device: expected one that is here" in capsys.readouterr().err
    assert main(["train", "--dataset", "300w", "--data-root", str(results)]) == 2
    assert "300w: expected the folder" in capsys.readouterr().err


def test_training_what_is_missing_is_asked_for_by_true_or_false(results):
    with pytest.raises(ValueError, match="^train: expected True or False"):
        read_or_train([CONFIG], "false", results=results)
