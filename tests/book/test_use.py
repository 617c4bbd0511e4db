"""The code on the page "Use the loss" runs, its old losses are what they are said to be, and each
recipe trains."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import starlib
from companion.evidence.effects import comparison_effects
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text.fragments import advice
from tests.fakes import write_arms

PAGE = (Path(__file__).resolve().parents[2] / "book/use.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RECIPES = {block.split("\n")[0].strip("# "): block for block in BLOCKS if block.startswith("# ")}
SIDE = 16


def problem(grid, faces=8, points=2):
    """A small network, pictures [B, N, S, S] with a spot at each landmark, and the landmarks."""
    torch.manual_seed(0)
    landmarks = torch.rand(faces, points, 2) - 0.5
    cells = (landmarks + 1) * SIDE / 2 - 0.5 if grid == "centers" else (landmarks + 1) * 7.5
    at = torch.arange(SIDE, dtype=torch.float32)
    x, y = (torch.exp(-0.3 * (at - cells[..., k, None]) ** 2) for k in (0, 1))
    images = 40 * y[..., :, None] * x[..., None, :]
    layers = nn.Conv2d(points, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, points, 3, padding=1)
    network = nn.Sequential(*layers)
    return {"network": network, "images": images, "landmarks": landmarks}


def test_every_block_of_the_page_runs():
    logits = torch.randn(8, 98, 64, 64)
    names = {"logits": logits, "instance_norm": nn.InstanceNorm2d(98), "torch": torch}
    first, *rest = [b for b in BLOCKS if b not in RECIPES.values() and "optimiser" not in b]
    exec(first, names)
    assert names["heatmaps"].grad.abs().sum() > 0
    names["stacks"] = [names["heatmaps"].detach()] * 2
    for block in rest:
        exec(block, names)
    assert names["total"] > 0 and len(rest) == 2


@pytest.mark.parametrize(
    ("recipe", "grid"),
    [("nn.SmoothL1Loss", "centers"), ("dsntnn", "centers"), ("kornia", "corners")],
)
def test_each_recipe_trains_at_the_learning_rate_of_the_page(recipe, grid):
    names = problem(grid) | {"torch": torch, "starlib": starlib}
    [optimiser] = [block for block in BLOCKS if block.startswith("optimiser")]
    exec(optimiser, names)
    assert names["optimiser"].param_groups[0]["lr"] == 1e-3
    step = compile(RECIPES[recipe], recipe, "exec")

    def error():
        exec(step, names)
        return (names["points"] - names["landmarks"]).norm(dim=-1).mean().item()

    before = error()
    for _ in range(60):
        exec(step, names)
        names["optimiser"].zero_grad()
        names["loss"].backward()
        names["optimiser"].step()
    assert error() < 0.3 * before


def executed(recipe, grid):
    names = problem(grid) | {"torch": torch, "starlib": starlib}
    exec(RECIPES[recipe], names)
    return names


def test_the_equals_of_torch_s_losses_are_equal():
    for recipe, grid in (("nn.SmoothL1Loss", "centers"), ("kornia", "corners")):
        names = executed(recipe, grid)
        torch.testing.assert_close(names["same"], names["old"])


def test_pixels_with_beta_1_are_the_loss_at_2_over_the_width():
    names = executed("nn.SmoothL1Loss", "centers")
    in_pixels = [(names[name] + 1) * SIDE / 2 - 0.5 for name in ("points", "landmarks")]
    old = nn.SmoothL1Loss()(*in_pixels)
    ours = starlib.RegressionLoss(beta=2 / SIDE, reduction="mean")
    same = ours(names["heatmaps"], names["landmarks"]) / 2
    torch.testing.assert_close(SIDE / 2 * same, old)


@pytest.mark.parametrize(
    ("recipe", "first", "last"),
    [("dsntnn", -(SIDE - 1) / SIDE, (SIDE - 1) / SIDE), ("kornia", -1.0, 1.0)],
)
def test_points_are_expectations_on_the_other_package_s_grid(recipe, first, last):
    names = executed(recipe, "corners" if recipe == "kornia" else "centers")
    at = torch.linspace(first, last, SIDE)
    x, y = (names["heatmaps"].sum(axis) @ at for axis in (2, 3))
    torch.testing.assert_close(names["points"], torch.stack([x, y], -1))


def test_advice_is_ranked_and_what_is_not_run_stays_out(tmp_path):
    ablation = EXPERIMENTS["ablation_distance"]
    nmes = {"l2": 0.06, "STAR l2": 0.055, "smooth_l1": 0.05, "STAR smooth_l1": 0.0495}
    write_arms(ablation, "300w", tmp_path, nmes)
    records = Records.load(tmp_path)
    rows = advice(records).splitlines()[2:]
    shown = [float(row.split("|")[3].split()[0]) for row in rows]
    assert shown == sorted(shown, reverse=True) and len(rows) == 3
    effect = comparison_effects(records, ablation, "300w", ["l2"])["l2"]
    assert f"{100 * effect.mean:+.2f} [{100 * effect.low:+.2f}" in rows[1]
    assert all(not row.split("|")[5].strip() for row in rows)  # nothing at the settled scale


def test_advice_gives_the_settled_scale_once_all_its_runs_are_finished(tmp_path):
    ablation = EXPERIMENTS["ablation_distance"]
    nmes = {"l2": 0.06, "STAR l2": 0.055}
    write_arms(ablation, "300w", tmp_path, nmes)
    planned = len(ablation.seeds_of("l2", "300w", "long"))
    for seeds, shown in ((planned - 1, False), (planned, True)):
        write_arms(ablation, "300w", tmp_path, nmes, seeds, scale="long")
        [row] = advice(Records.load(tmp_path)).splitlines()[2:]
        assert ("+0.50 [" in row.split("|")[5]) == shown
