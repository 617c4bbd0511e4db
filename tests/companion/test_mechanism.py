"""What follows from the equations of STAR loss alone, beside runs whose answer is known."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from companion.evidence import mechanism
from starlib.runs.records import Run
from starlib.training.config import RunConfig


def runs(loss, factors, path, **fields):
    """Runs whose test NME is a factor times their training error."""
    config, pairs = RunConfig.at("reduced", "300w", loss=loss, **fields), []
    for seed, (error, factor) in enumerate(zip((0.02, 0.03, 0.04), factors, strict=True)):
        metrics, curves = {"common": {"nme": factor * error}}, {"error": [error]}
        pairs.append(Run(dataclasses.replace(config, seed=seed), metrics, curves, {}, path))
    return pairs


def test_the_released_weight_counts_twice_in_the_optimal_width(tmp_path):
    ones = (1, 1, 1)
    ours = runs("star", ones, tmp_path, weight=2.0)
    theirs = runs("star", ones, tmp_path, weight=1.0, convention="released")
    widths = [[mechanism.optimal_width(run) for run in group] for group in (ours, theirs)]
    assert widths[0] == pytest.approx(widths[1])


def test_the_interval_at_equal_training_error_is_student_s(tmp_path):
    star, plain = (0.99, 1.0, 1.02), runs("regression", (1, 1, 1), tmp_path)
    table = mechanism.at_equal_training_error([*plain, *runs("star", star, tmp_path)])
    values = 100 * np.log(star)
    expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert tuple(table.loc["STAR", ["low (%)", "high (%)"]]) == pytest.approx(expected)
