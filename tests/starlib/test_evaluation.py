"""The numbers of a record that come from its network."""

import numpy as np
import pytest
import torch

from starlib.data.crops import CropStore
from starlib.moments import principal_components
from starlib.runs.evaluation import calibration
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from starlib.training.loop import predict
from starlib.training.state import build_model

CONFIG = RunConfig.at("smoke", "300w", image_size=32, width=8, depth=2)


def test_covariances_times_the_factor_have_the_mean_squared_distance_two():
    model = build_model(CONFIG, SCHEMES["300w"])
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 40, 40), dtype=np.uint8)
    predicted, spread = predict(model, images, CONFIG)
    values, vectors = principal_components(torch.from_numpy(spread))
    # Every label lies √6 standard deviations away, along the first principal component.
    offset = (6 * values[..., :1]).sqrt() * vectors[..., 0]
    landmarks = predicted + offset.numpy()
    crops = CropStore(images, landmarks, None, "none")
    found = calibration(model, crops, CONFIG)
    assert found["factor"] == pytest.approx(6 / 2, rel=0.02) and found["faces"] == 3
