"""An experiment's networks on another data set: Table 2's command, its files and its table."""

import json

import numpy as np
import pytest

from companion.__main__ import main
from companion.evidence.effects import evaluation_file, subsets_elsewhere
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text.paper_tables import table2
from starlib.data import load_dataset
from starlib.files import write_text
from starlib.runs.run import run
from starlib.training.loop import Trained
from starlib.training.state import build_model
from tests.fakes import write_arms
from tests.starlib.test_300vw import tiny_300vw

__all__ = ["tiny_300vw"]  # a fixture
EXPERIMENT = EXPERIMENTS["cross_dataset"]


@pytest.fixture
def trained(tiny_300w, results, monkeypatch):
    """Runs of l2 without and with STAR loss, two seeds each, of networks that learnt nothing."""

    def untrained(config, crops, scheme, *_):
        curves = {"loss": [1.0] * config.epochs, "seconds": [1.0] * config.epochs}
        return Trained(build_model(config, scheme), curves)

    monkeypatch.setattr("starlib.runs.run.train", untrained)
    pair = EXPERIMENT.comparisons["l2"]
    return [
        run(EXPERIMENT.config(arm, "300w", seed, "smoke"), results=results, data_root=tiny_300w)
        for arm in (pair.without, pair.with_)
        for seed in (0, 1)
    ]


def asked(results, root):
    where = ["--results", str(results), "--data-root", str(root)]
    return ["evaluate", "--scale", "smoke", "--device", "cpu", *where]


def test_one_command_tests_all_runs_on_the_videos_and_table_2_has_them(
    trained, results, tiny_300vw, capsys, monkeypatch
):
    lists = []
    read = load_dataset
    monkeypatch.setattr(
        "companion.commands.evaluate.load_dataset", lambda *w: lists.append(w) or read(*w)
    )
    assert main(asked(results, tiny_300vw)) == 0
    assert len(lists) == 1  # for all runs
    shown = capsys.readouterr().out
    assert "category A, l2" in shown and "category C, l2" in shown
    records = Records.load(results)
    arms = records.arm_runs(EXPERIMENT, "300w", "smoke")
    effects = subsets_elsewhere(results, EXPERIMENT, arms, "300vw")
    assert effects["category A"]["l2"].seeds == (2, 2) and set(effects["category A"]) == {"l2"}
    assert np.isfinite(effects["category C"]["l2"].mean)
    table = table2(records)
    assert "Ours, scale `smoke`" in table and "not available" not in table
    file = evaluation_file(results, "300vw", trained[0])
    before = file.stat().st_mtime_ns
    assert main(asked(results, tiny_300vw)) == 0  # reads what is there
    assert file.stat().st_mtime_ns == before


def test_an_effect_elsewhere_is_the_error_without_star_minus_that_with_it(tmp_path):
    nmes = {"l2": 0.05, "STAR l2": 0.04}
    write_arms(EXPERIMENT, "300w", tmp_path, nmes, seeds=2)
    arms = Records.load(tmp_path).arm_runs(EXPERIMENT, "300w")
    for arm, nme in nmes.items():
        for one in arms[arm].values():
            record = json.dumps({"metrics": {"category A": {"nme": 2 * nme}}})
            write_text(evaluation_file(tmp_path, "300vw", one), record)
    effects = subsets_elsewhere(tmp_path, EXPERIMENT, arms, "300vw")
    assert effects["category A"]["l2"].mean == pytest.approx(0.02)


def test_what_cannot_be_tested_is_said(trained, results, tiny_300vw, tmp_path, capsys):
    assert main(asked(results, tmp_path / "none")) == 2
    assert "300vw: expected the folder" in capsys.readouterr().err
    (results / "weights" / f"{trained[0].name}.pt").unlink()
    assert main(asked(results, tiny_300vw)) == 1
    assert "1 of 4 runs have no weights in" in capsys.readouterr().out
    assert main([*asked(results, tiny_300vw), "--trained-on", "cofw"]) == 2
    assert "has no smoke run of cross_dataset on cofw" in capsys.readouterr().err


def test_without_evaluations_table_2_is_the_paper_s_and_says_so(tmp_path):
    table = table2(Records.load(tmp_path))
    assert "not run" in table and "Ours" not in table
