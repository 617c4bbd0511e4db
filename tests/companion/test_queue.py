"""The queue: what the experiments need, in which order, and what it would cost."""

import dataclasses
import json
import pickle
from types import SimpleNamespace

import pytest

from companion.__main__ import main
from companion.experiments import queue
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.queue import entries, expected_minutes, trainable
from companion.experiments.records import Records
from starlib.data import DataError
from starlib.runs import progress
from starlib.runs.finished import load_all
from starlib.runs.progress import EVERY, Progress
from starlib.training.config import RunConfig, describe
from tests.fakes import write_run


def test_every_run_of_every_experiment_is_listed_once(tmp_path):
    listed = entries(Records.load(tmp_path))
    configs = [entry.config for entry in listed]
    assert len(set(configs)) == len(configs)
    assert len({describe(config) for config in configs}) == len(configs)  # in logs and tables
    for experiment in EXPERIMENTS.values():
        for dataset in experiment.datasets:
            assert set(experiment.configs(dataset, "long")) <= set(configs)
    assert all(entry.run is None and entry.minutes is None for entry in listed)


def test_finished_runs_are_done_and_say_what_the_others_cost(tmp_path):
    config = RunConfig.at("long", "300w")
    for seed in (0, 1):
        run = write_run(dataclasses.replace(config, seed=seed), tmp_path, 0.05)
    assert run.provenance["seconds"] == 60
    runs = load_all(tmp_path)
    assert expected_minutes(dataclasses.replace(config, weight=3.0), runs) == 1
    assert expected_minutes(dataclasses.replace(config, epochs=180), runs) == pytest.approx(3)
    assert 3.9 < expected_minutes(dataclasses.replace(config, image_size=192), runs) < 4.1
    own = dataclasses.replace(runs[0], config=dataclasses.replace(config, dataset="faces.yml"))
    assert expected_minutes(dataclasses.replace(config, epochs=180), [*runs, own]) == pytest.approx(
        3
    )
    assert queue.faces_of(dataclasses.replace(config, dataset="cephalo-one"), runs) == 300
    listed = entries(Records.load(tmp_path), experiments=["restriction"])
    assert [entry.config.seed for entry in listed if entry.run] == [0, 1]
    assert all(entry.minutes for entry in listed)


def test_the_queue_follows_its_order_and_seeds_rise_within(tmp_path):
    listed = entries(Records.load(tmp_path))
    places = [queue._order(entry)[:2] for entry in listed]
    assert places == sorted(places)
    assert max(place for place, _ in places) < len(queue.ORDER)  # every run has its place
    first = [entry for entry in listed if "schedule" in entry.experiments]
    assert listed[: len(first)] == first  # with all of its seeds
    assert [entry.config.seed for entry in first] == sorted(e.config.seed for e in first)
    for name, fields in queue.ORDER:  # every line means a run
        assert name in EXPERIMENTS
        assert any(queue.meant(entry, name, fields) for entry in listed)


def test_a_closed_scale_lists_what_was_run_and_plans_nothing(tmp_path):
    assert not entries(Records.load(tmp_path), "reduced", ["restriction"])
    write_run(RunConfig.at("reduced", "300w", protocol=1), tmp_path, 0.05)
    assert [
        e.run is not None for e in entries(Records.load(tmp_path), "reduced", ["restriction"])
    ] == [True]


def test_runs_can_be_narrowed_and_unknown_names_are_errors(tmp_path, capsys):
    listed = entries(
        Records.load(tmp_path), experiments=["noise"], datasets=["synthface-0"], seeds=[0]
    )
    assert {(e.config.dataset, e.config.seed) for e in listed} == {("synthface-0", 0)}
    for option, value in (("--experiment", "nothing"), ("--dataset", "300W")):
        for command in (["runs"], ["train", "--queue"]):
            try:
                code = main([*command, option, value, "--results", str(tmp_path)])
            except SystemExit as ended:  # argparse knows the choices
                code = ended.code
            assert code == 2 and value in capsys.readouterr().err


def test_data_sets_without_files_are_left_out(tmp_path, monkeypatch):
    monkeypatch.delenv("STARLIB_DATA", raising=False)
    names = {config.dataset for config in trainable(entries(Records.load(tmp_path)), tmp_path)}
    assert names and all(name.startswith("synthface") for name in names)


def test_another_data_set_gets_the_paper_s_pairs_first_and_no_schedule_of_ours(tmp_path):
    listed = entries(Records.load(tmp_path), "full", datasets=["wflw"])
    assert [e.arm for e in listed[:2]] == ["smooth_l1", "STAR smooth_l1"]
    assert {e.config.epochs for e in listed} == {RunConfig.at("full", "wflw").epochs}
    by_experiment = {name for e in listed for name in e.experiments}
    assert {"compare_adl", "restriction"} <= by_experiment and "schedule" not in by_experiment


def test_the_list_shows_state_minutes_and_what_is_decided(tmp_path, capsys):
    write_run(RunConfig.at("long", "300w"), tmp_path, 0.05)
    assert main(["runs", "--results", str(tmp_path), "--experiment", "restriction"]) == 0
    head, *lines, total = capsys.readouterr().out.splitlines()
    assert head.split()[0] == "state"
    [done] = [line for line in lines if line.startswith("done")]
    assert "1.0  300w" in done and "Tables 4 and 5" in done
    assert total.startswith(f"1 of {len(lines)} runs done")
    assert total.endswith(f"(records: {tmp_path / 'runs'})")
    asked = ["--missing", "--dataset", "cofw", "--experiment", "restriction"]
    assert main(["runs", "--results", str(tmp_path), *asked]) == 0
    assert "missing" in capsys.readouterr().out.splitlines()[1]


def test_records_whose_numbers_do_not_follow_fail_the_check(tmp_path, capsys):
    run = write_run(RunConfig.at("smoke", "300w", epochs=2), tmp_path, 0.05)
    where = ["runs", "--check", "--results", str(tmp_path)]
    assert main(where) == 1  # written with an AUC that is made up
    assert "follow from its arrays, not so: common auc_10" in capsys.readouterr().out
    record = json.loads(run.path.read_text())
    record["metrics"]["common"] |= {"auc_10": 0.5, "nme": 0.05, "failure_rate_10": 0.0}
    run.path.write_text(json.dumps(record))
    run.path.with_name("partial-ab12.json").write_text("{")  # of a process that was killed
    run.path.with_suffix(".npz").unlink()
    with pytest.warns(UserWarning, match="left out"):
        assert main(where) == 1
    assert "1 records: the numbers of 0 follow" in capsys.readouterr().out


def test_progress_is_a_line_per_half_minute_and_the_last_epoch(monkeypatch, capsys):
    times = iter([0, EVERY / 2, EVERY, EVERY + 1, EVERY + 2])
    report = Progress(RunConfig.at("smoke", "300w", epochs=5))
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(times)))
    for epoch in range(1, 6):
        report(epoch, {"loss": [0.5] * epoch, "seconds": [60.0] * epoch})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("epoch ")[1].split(",")[0] for line in lines] == [
        "1 of 5", "3 of 5", "5 of 5",
    ]  # fmt: skip
    assert lines[0].endswith("loss 0.5000, about 4.0 minutes left")


def test_what_is_wrong_with_data_comes_whole_from_another_process():
    error = DataError(["a.pts: expected 68 points", "b.pts: expected 68 points"])
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, str(again)) == (error.problems, str(error))
