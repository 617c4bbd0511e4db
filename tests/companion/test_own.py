"""Your own data: a .yml file with a scheme, and lists of faces in four forms."""

import numpy as np
import pytest
from PIL import Image

from companion.evidence.effects import face_errors
from starlib.data.own.schemes import read_scheme
from starlib.metrics import nme
from starlib.runs.run import run
from starlib.training.config import RunConfig
from tests.starlib.test_own import RNG, SMALL, describe


@pytest.fixture
def cats(tmp_path):
    """A folder with four pictures, their landmarks [4, 9, 2], and CSV lists: those of training, and
    of testing with the same landmarks and other pictures."""
    points = RNG.uniform(20, 80, (4, 9, 2)).round(3)
    points[0, 0] = (0, 0)
    header = "image," + ",".join(f"{axis}{i}" for i in range(9) for axis in "xy")
    rows = []
    for index in range(4):
        pixels = RNG.integers(0, 256, (90, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"cat {index}.png")
        Image.fromarray(255 - pixels).save(tmp_path / f"test {index}.png")
        rows.append(",".join([f"cat {index}.png", *map(str, points[index].ravel())]))
    (tmp_path / "train.csv").write_text("\n".join([header, *rows]) + "\n")
    others = [row.replace("cat", "test") for row in rows]
    (tmp_path / "test.csv").write_text("\n".join(others) + "\n\n")
    return tmp_path, points


def test_a_model_is_trained_on_your_own_data(cats, tmp_path, capsys):
    path = describe(cats[0])
    config = RunConfig.at("smoke", path, **SMALL)
    found = run(config, results=tmp_path / "results")
    target = found.landmarks()["target"]  # training faces have the same landmarks
    mean = np.broadcast_to(target.mean(0), target.shape)
    expected = nme(mean, target, read_scheme(path)).mean()
    assert found.metrics["mean_shape"]["nme"] == pytest.approx(expected, rel=1e-3)
    assert found.metrics["test"]["faces"] == 4
    assert face_errors(found).mean() == pytest.approx(found.metrics["test"]["nme"], rel=1e-6)
