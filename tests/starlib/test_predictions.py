"""The arrays of a record, NaN where a target is unlabelled, and the numbers computed from them."""

import numpy as np
import pytest
import torch

from starlib.data import CropStore, FaceSet
from starlib.moments import principal_components
from starlib.runs import predictions
from starlib.runs.evaluation import calibration, evaluation_metrics, mean_shape
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from starlib.training.loop import predict
from starlib.training.state import build_model


def evaluated(missing, clean=False):
    """`evaluation_arrays` of six faces whose predictions reach far out."""
    rng = np.random.default_rng(0)
    target = rng.uniform(-0.7, 0.7, (6, 68, 2)).astype(np.float32)
    predicted = rng.uniform(-2.2, 2.2, target.shape)
    predicted[0, 0], predicted[1, 1] = -9, 9
    truth = target + np.float32(0.01)
    target[missing] = np.nan
    crops = CropStore(None, target, truth if clean else None, "")
    faces = FaceSet("300w", "test", SCHEMES["300w"], tuple("abcdef"), target, None)
    return target, predicted, predictions.evaluation_arrays(predicted, crops, faces)


@pytest.mark.parametrize("share", [0, 0.2, 1])
def test_landmarks_are_read_as_they_were_evaluated(tmp_path, share):
    missing = np.random.default_rng(1).random((6, 68)) < share
    target, predicted, values = evaluated(missing)
    written = predictions.stored(values)
    assert all(v.dtype == np.int16 for v in written.values())
    predictions.write(tmp_path / "run.npz", written)
    read = predictions.read(tmp_path / "run.npz")
    assert predictions.digest(read) == predictions.digest(written)
    found = predictions.restored(read)
    for name in values:
        np.testing.assert_array_equal(found[name], values[name])
    np.testing.assert_allclose(found["target"], target, atol=predictions.UNIT / 2)
    assert np.isnan(found["target"]).any(-1).sum() == missing.sum()
    np.testing.assert_allclose(found["predicted"], predicted.clip(-2, 2), atol=predictions.UNIT)


def test_the_least_number_of_a_prediction_is_no_missing_value():
    values = np.full((1, 2, 2), -(2**15), np.int16)  # as older records may hold it
    restored = predictions.restored({"predicted": values, "target": values})
    assert (restored["predicted"] == -2).all() and np.isnan(restored["target"]).all()


def test_the_noise_of_annotation_is_that_of_labelled_landmarks():
    missing = np.zeros((6, 68), bool)
    missing[:, 3], missing[2:, 5] = True, True
    _, _, values = evaluated(missing, clean=True)
    found = evaluation_metrics(values, SCHEMES["300w"])
    assert set(found) == {"test", "clean", "annotation_noise"}
    distance = np.linalg.norm(values["clean"][:, 36] - values["clean"][:, 45], axis=-1)
    expected = (np.sqrt(2) * 0.01 / distance).mean()
    assert found["annotation_noise"]["nme"] == pytest.approx(expected, rel=1e-2)


def test_the_mean_shape_is_that_of_labelled_landmarks():
    missing = np.zeros((6, 68), bool)
    missing[:, 3], missing[2:, 5] = True, True
    train, _, _ = evaluated(missing)
    expected = np.concatenate((train[:, :3].mean(0), [[0, 0]], train[:, 4:].mean(0)))
    expected[5] = train[:2, 5].mean(0)
    [found] = mean_shape(train, {"target": expected[None]}, SCHEMES["300w"]).values()
    assert found["nme"] == pytest.approx(0, abs=1e-6)


def test_covariances_times_the_factor_have_the_mean_squared_distance_two():
    config = RunConfig.at("smoke", "300w", image_size=32, width=8, depth=2)
    model = build_model(config, SCHEMES["300w"])
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 40), dtype=np.uint8)
    predicted, spread = predict(model, images, config)
    values, vectors = principal_components(torch.from_numpy(spread))
    # Every label lies √6 standard deviations away, along the first principal component.
    offset = (6 * values[..., :1]).sqrt() * vectors[..., 0]
    landmarks = predicted + offset.numpy()
    crops = CropStore(images, landmarks, None, "none")
    found = calibration(model, crops, config)
    assert found["factor"] == pytest.approx(6 / 2, rel=0.02) and found["faces"] == 3
