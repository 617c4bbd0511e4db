"""Weights of a network of ours under the released names, as the authors' files hold them."""

import collections
import re

import torch

import starlib

BACK = (  # our names -> the released ones, written down apart from starlib.models.released.RENAMES
    (r"^stem_bn", "pre.0.bn"),
    (r"^stem_conv", "pre.0.conv"),
    (r"^stem\.(\d)", lambda m: f"pre.{int(m[1]) + 1}"),
    (r"^stacks\.(\d)\.coordinate_conv", r"hgs.\1.coordconv.conv"),
    (r"^stacks\.(\d)\.hourglass", r"hgs.\1"),
    (r"^stacks\.(\d)\.residual", r"features.\1.0"),
    (r"^stacks\.(\d)\.bn", r"features.\1.1.bn"),
    (r"^stacks\.(\d)\.conv", r"features.\1.1.conv"),
    (r"^stacks\.(\d)\.heads\.(\w+)", r"out_\2maps.\1.conv"),
    (r"^stacks\.(\d)\.merge\.features", r"merge_features.\1.conv"),
    (r"^stacks\.(\d)\.merge\.(\w+)", r"merge_\2maps.\1.conv"),
    (r"\.(conv\d)\.", r".\1.conv."),
    (r"\.up\.", ".up1."),
    (r"\.down\.", ".low1."),
    (r"\.inner\b", ".low2"),
    (r"\.out\.", ".low3."),
    (r"\.skip\.", ".skip_layer.conv."),
)


def small(scheme="300w", aam=True, seed=0, stacks=2):
    """A small network in the released convention, its batch statistics not the initial ones."""
    torch.manual_seed(seed)
    model = starlib.StackedHourglass(
        scheme, stacks=stacks, width=8, depth=2, image_size=64, aam=aam, grid="corners"
    )
    for name, values in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            values.uniform_(0.5, 1.5)
    return model.eval()


def released_names(model):
    """The tensors of a model by released name, with those the released network never uses."""
    tensors = {}
    for ours, value in model.state_dict().items():
        name = ours
        for pattern, replacement in BACK:
            name = re.sub(pattern, replacement, name)
        tensors[name] = value.clone()
    for name, value in list(tensors.items()):
        if name.endswith(".bn1.weight") and f"{name[:-10]}skip_layer.conv.weight" not in tensors:
            tensors[f"{name[:-10]}skip_layer.conv.weight"] = torch.rand(
                len(value), len(value), 1, 1
            )
            tensors[f"{name[:-10]}skip_layer.conv.bias"] = torch.rand(len(value))
    if any(name.startswith("out_edgemaps") for name in tensors):
        tensors["e2h_transform.weight"] = model.membership[..., None, None].clone()
        tensors["e2h_transform.bias"] = (model.membership.sum(1) == 0).float()
    return tensors


def released_parts(model, ema=None):
    """The contents of an authors' file: net, optimizer, scheduler, epoch, net_ema."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [200, 350, 450])
    assert isinstance(scheduler.state_dict()["milestones"], collections.Counter)
    parts = {
        "net": released_names(model),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "epoch": 3,
    }
    return parts if ema is None else parts | {"net_ema": released_names(ema)}
