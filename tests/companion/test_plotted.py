"""The data that figures keep: what was drawn, and what the records say."""

import io

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from companion.evidence.effects import comparison_effects
from companion.exhibits import figures, paper_figures, plotted
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from tests.fakes import write_arms

ABLATION = EXPERIMENTS["ablation_distance"]
NMES = {"l2": 0.052, "STAR l2": 0.050, "l1": 0.05, "STAR l1": 0.051}


@pytest.fixture
def results(tmp_path):
    write_arms(ABLATION, "300w", tmp_path, NMES, spread=0.001)
    return tmp_path


def read(figure):
    """The CSV of a figure, read again."""
    return pd.read_csv(io.StringIO(plotted.as_csv(plotted.data_of(figure))))


def test_a_forest_keeps_the_effects_that_it_shows(results):
    effects = comparison_effects(Records.load(results), ABLATION, "300w", ["l2", "l1", "wing"])
    figure = figures.forest(effects)
    data = read(figure).set_index("comparison")
    for column, value in (
        ("effect (points of NME)", effects["l2"].mean),
        ("lower limit, 95 % (points of NME)", effects["l2"].low),
        ("upper limit, 95 % (points of NME)", effects["l2"].high),
        ("the paper's effect (points of NME)", effects["l2"].published),
    ):
        assert data.loc["l2", column] == pytest.approx(100 * value, rel=1e-5)
    assert np.isnan(data.loc["Wing", "effect (points of NME)"])
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert drawn == pytest.approx(list(data["effect (points of NME)"].dropna()), rel=1e-5)


def test_curves_keep_each_epoch_of_each_seed(results):
    runs = Records.load(results).arm_runs(ABLATION, "300w")
    data = read(figures.curves(runs))
    assert list(data) == ["arm", "epoch", "seed", "training error ([-1, 1] of the view)"]
    kept = data[(data["arm"] == "STAR l2") & (data["seed"] == 1)]
    assert list(kept["epoch"]) == list(range(1, len(kept) + 1))
    assert list(kept.iloc[:, 3]) == pytest.approx(runs["STAR l2"][1].curves["error"], rel=1e-5)
    assert len(data) == sum(len(r.curves["error"]) for arm in runs.values() for r in arm.values())


def test_a_distribution_keeps_its_bars_which_hold_all_that_is_shown(results):
    runs = Records.load(results).arm_runs(ABLATION, "300w")
    data = read(
        paper_figures.spread_distribution(runs, {"l2": ABLATION.comparisons["l2"]}, highest=1.0)
    )
    width = data["spread (%)"].diff().median()
    for _, bars in data.groupby("arm"):
        assert bars["histogram (1/%)"].sum() * width == pytest.approx(1, rel=1e-4)


def test_a_figure_of_no_runs_keeps_nothing():
    assert plotted.data_of(figures.curves({})) is None


def test_a_notebook_with_the_extension_shows_the_data_beside_the_picture(results):
    shell = InteractiveShell()
    plotted.load_ipython_extension(shell)
    figure = figures.curves(Records.load(results).arm_runs(ABLATION, "300w"))
    shown, _ = shell.display_formatter.format(figure)
    assert shown["text/csv"] == plotted.as_csv(plotted.data_of(figure))
    shown, _ = shell.display_formatter.format(figures.nothing())
    assert "text/csv" not in shown
