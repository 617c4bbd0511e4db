import dataclasses
import json
import zlib

import numpy as np
import pytest
import torch

import starlib
from starlib.models.hourglass import with_coordinates
from starlib.schemes import SCHEMES


def test_network_has_the_size_the_paper_prints():
    sizes = {
        name: sum(p.numel() for p in starlib.StackedHourglass(name).parameters())
        for name in ("300w", "wflw")
    }
    assert sizes == {"300w": 13_368_708, "wflw": 13_476_468}


@pytest.mark.parametrize("aam", [False, True])
def test_every_stack_predicts_maps_a_quarter_of_the_input(aam):
    model = starlib.StackedHourglass("300w", stacks=2, width=16, depth=2, image_size=64, aam=aam)
    outputs = model(torch.rand(2, 3, 64, 64))
    assert len(outputs) == 2
    for output in outputs:
        assert output.landmarks.shape == (2, 68, 2)
        assert output.heatmaps.shape == (2, 68, 16, 16)
        assert (output.heatmaps >= 0).all()
        expected = starlib.soft_argmax(output.heatmaps)
        torch.testing.assert_close(output.landmarks, expected)
        assert (output.point_maps is not None) == (output.edge_maps is not None) == aam
        if aam:
            assert output.edge_maps.shape == (2, 9, 16, 16)


def test_other_input_sizes_work_and_wrong_ones_are_named():
    model = starlib.StackedHourglass("wflw", stacks=1, width=8, depth=2, image_size=64, aam=False)
    assert model(torch.rand(1, 3, 32, 32))[0].heatmaps.shape == (1, 98, 8, 8)
    with pytest.raises(ValueError, match="images: expected shape"):
        model(torch.rand(1, 3, 40, 40))
    for argument, value in (("stacks", 0), ("width", 6), ("depth", 0), ("image_size", 100)):
        with pytest.raises(ValueError, match=f"^{argument}: expected"):
            starlib.StackedHourglass("300w", **{argument: value})
    with pytest.raises(ValueError, match="^scheme: expected"):
        starlib.StackedHourglass("cats")
    bare = dataclasses.replace(SCHEMES["300w"], edges=())
    with pytest.raises(ValueError, match="^aam: expected edges, scheme 300w has none"):
        starlib.StackedHourglass(bare, stacks=1, width=8, depth=2, image_size=64)


def filled(name, shape, golden):
    """A tensor by the rule that comes with the golden numbers."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
    if "num_batches_tracked" in name:
        return torch.tensor(1)
    if "e2h_transform" in name:
        return torch.from_numpy(golden["e2h_" + name.rsplit(".", 1)[1]])
    if "running_var" in name:
        return 0.5 + values.abs()
    if "running_mean" in name:
        return 0.1 * values
    if values.dim() == 4:
        return 0.3 * values / np.sqrt(np.prod(shape[1:]))
    if "bn" in name and name.endswith("weight"):
        return 1 + 0.1 * values
    return 0.02 * values


def test_network_computes_what_the_released_network_computes(golden):
    numbers = np.load(golden / "official_model_WFLW_aam.npz")
    shapes = json.loads((golden / "official_model_WFLW_aam_keys.json").read_text())
    weights = {name: filled(name, shape, numbers) for name, shape in shapes.items()}
    model = starlib.load_released({"net": weights}, "wflw")
    generator = torch.Generator().manual_seed(int(numbers["seed"]))
    with torch.no_grad():
        outputs = model(torch.rand(1, 3, 256, 256, generator=generator) * 2 - 1)
    for index, output in enumerate(outputs):
        expected = torch.from_numpy(numbers["landmarks"][index])
        torch.testing.assert_close(output.landmarks[0], expected, rtol=0, atol=1e-4)
    expected = torch.from_numpy(numbers["heat_last_first8"])
    torch.testing.assert_close(outputs[-1].heatmaps[0, :8], expected, rtol=1e-4, atol=1e-4)


def test_coordinate_maps_are_y_x_and_the_radius_and_boundary_ones_are_empty_off_the_boundary():
    features, boundary = torch.zeros(1, 2, 3, 5), torch.zeros(1, 1, 3, 5)
    boundary[0, 0, 2, 1], boundary[0, 0, 0, 3] = 0.06, 0.04  # above and below EDGE_PRESENT
    found = with_coordinates(features, boundary)[0, 2:]
    assert found.shape == (5, 3, 5)
    x, y = torch.linspace(-1, 1, 5).expand(3, 5), torch.linspace(-1, 1, 3)[:, None].expand(3, 5)
    radius = torch.hypot(x, y)
    torch.testing.assert_close(found[:3], torch.stack((y, x, radius / radius.max())))
    expected = torch.zeros(2, 3, 5)
    expected[0, 2, 1], expected[1, 2, 1] = 1.0, -0.5
    torch.testing.assert_close(found[3:], expected)
