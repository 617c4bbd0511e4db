import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from companion.__main__ import main as companion_main
from companion.evidence.effects import face_errors
from companion.experiments.train_all import run_all
from starlib import metrics
from starlib.data import crops
from starlib.data.own.schemes import scheme_of
from starlib.runs.finished import load_all, load_run
from starlib.runs.run import _lock, known_fingerprints, run
from starlib.training.config import RunConfig
from tests.own import SMALL, describe
from tests.starlib.test_runs import CONFIG, Here, age, with_fake_training


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
    monkeypatch.setattr("starlib.runs.run._lock", counted)
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


def test_side_by_side_runs_are_all_kept_and_a_failure_is_named(tiny_300w, results):
    configs = [dataclasses.replace(CONFIG, seed=seed) for seed in (0, 1)]
    broken = dataclasses.replace(CONFIG, seed=7)
    (results / "weights").mkdir(parents=True)
    name = broken.name(*known_fingerprints(broken, results, tiny_300w))
    (results / "weights" / f"{name}.pt").mkdir()
    message = []
    with pytest.raises(OSError, match=f"{name}.pt: cannot be written"):
        run_all([broken, *configs], "cpu", 2, results, tiny_300w, say=message.append)
    assert {run.config for run in load_all(results)} == set(configs)
    assert sum("NME common" in line for line in message) == 2


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


def test_the_companions_command_line_names_mistakes(tiny_300w, results, capsys):
    where = ["--data-root", str(tiny_300w), "--results", str(results)]
    for options, message in (
        ([], "expected --experiment or --queue"),
        (
            ["--experiment", "accuracy", "--dataset", "faces.yml"],
            "--experiment: on your own data name the scale",
        ),
        (["--experiment", "accuracy", "--workers", "0"], "workers: expected an integer >= 1"),
        (
            ["--experiment", "accuracy", "--workers", "2", "--dask", "tcp://x:1"],
            "--workers: with --dask its own workers are used",
        ),
    ):
        assert companion_main(["train", *options, *where]) == 2
        assert message in capsys.readouterr().err


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
        "companion.commands.train.run_all",
        lambda configs, *_, **how: asked.append((configs, how)) or [],
    )
    queue = ["train", "--queue", "--results", str(results), "--data-root", str(tiny_300w)]
    asks = ["--experiment", "ablation_distance", "--minutes", "5"]
    assert companion_main([*queue, *asks]) == 1
    [(configs, how)] = asked
    assert {config.dataset for config in configs} == {"300w", "synthface"}
    assert {config.scale for config in configs} == {"long"}
    assert how["wait"] is False and how["minutes"] == 5
    capsys.readouterr()
    companion_main([*queue, "--experiment", "annotators"])
    assert "no files here of cephalo, cephalo-one" in capsys.readouterr().out
    assert companion_main([*queue, "--anew"]) == 2


@pytest.mark.parametrize("options", [["--minutes", "1"], ["--workers", "2"]])
def test_without_data_sets_the_companion_says_so_in_one_sentence(
    options, results, monkeypatch, capsys
):
    monkeypatch.setenv("STARLIB_DATA", "")
    command = ["train", "--experiment", "accuracy", "--dataset", "wflw", *options]
    assert companion_main([*command, "--results", str(results)]) == 2
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence.startswith("error: ") and "$STARLIB_DATA or --data-root" in sentence


def test_a_model_is_trained_on_your_own_data(cats, results):
    path = describe(cats[0])
    found = run(RunConfig.at("smoke", path, **SMALL), results=results)
    target = found.landmarks()["target"]  # training faces have the same landmarks
    mean = np.broadcast_to(target.mean(0), target.shape)
    expected = metrics.nme(mean, target, scheme_of(path)).mean()
    assert found.metrics["mean_shape"]["nme"] == pytest.approx(expected, rel=1e-3)
    assert found.metrics["test"]["faces"] == 4
    assert face_errors(found).mean() == pytest.approx(found.metrics["test"]["nme"], rel=1e-6)


@pytest.mark.filterwarnings("default")  # Dask leaves sockets and loops to the garbage collector
def test_dask_workers_train_each_run_once(tiny_300w, results):
    dask = pytest.importorskip("distributed")
    configs = [dataclasses.replace(CONFIG, seed=seed, epochs=1) for seed in range(3)]
    message = []
    cluster = dask.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
    with cluster, dask.Client(cluster) as client:
        executor = client.get_executor(pure=False)

        def train_all():
            where = {"results": results, "data_root": tiny_300w}
            return run_all(configs, **where, say=message.append, executor=executor)

        first = train_all()
        written = [found.path.stat().st_mtime_ns for found in first]
        again = train_all()
    assert len(message) == 3 and {run.config for run in first} == set(configs)
    assert [found.path.stat().st_mtime_ns for found in again] == written
    assert len(list(results.glob("runs/*.json"))) == 3
