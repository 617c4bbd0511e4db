"""Your own data: a .yml file with a scheme, and lists of faces in four forms."""

import numpy as np
import pytest

from companion.evidence.effects import face_errors
from starlib.data.own.schemes import scheme_of
from starlib.metrics import nme
from starlib.runs.run import run
from starlib.training.config import RunConfig
from tests.own import SMALL, describe


def test_a_model_is_trained_on_your_own_data(cats, tmp_path, capsys):
    path = describe(cats[0])
    config = RunConfig.at("smoke", path, **SMALL)
    found = run(config, results=tmp_path / "results")
    target = found.landmarks()["target"]  # training faces have the same landmarks
    mean = np.broadcast_to(target.mean(0), target.shape)
    expected = nme(mean, target, scheme_of(path)).mean()
    assert found.metrics["mean_shape"]["nme"] == pytest.approx(expected, rel=1e-3)
    assert found.metrics["test"]["faces"] == 4
    assert face_errors(found).mean() == pytest.approx(found.metrics["test"]["nme"], rel=1e-6)
