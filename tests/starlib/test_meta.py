"""Every kind of config trains, is evaluated and kept on torch's `meta` device: it has no values, so
whatever mixes devices or waits for a value fails, as it would not on a CPU."""

import importlib
import itertools
from typing import ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from starlib.comparisons.table import LOSSES, loss_for
from starlib.data.augment import AUGMENTATIONS
from starlib.data.crops import CropStore, store_size
from starlib.distances import DISTANCES
from starlib.losses import CONVENTIONS, RESTRICTIONS
from starlib.models.backbones import _torchvision
from starlib.schemes import SCHEMES
from starlib.training import distributed
from starlib.training.checkpoints import read_checkpoint
from starlib.training.config import BACKBONES, COVARIANCES, OUTPUTS, PRECISIONS, RunConfig
from starlib.training.loop import predict, train
from starlib.training.state import State

SIZES = {"image_size": 32, "stacks": 1, "width": 8, "depth": 1, "epochs": 2, "batch_size": 4}
FACES, SCHEME = 4, SCHEMES["300w"]
NETWORKS = [
    {"backbone": backbone, "output": output, "covariance": covariance}
    for backbone, output, covariance in itertools.product(
        ("hourglass", "resnet18"), OUTPUTS, COVARIANCES
    )
]
CHOICES = {
    "distance": DISTANCES,
    "restriction": RESTRICTIONS,
    "convention": CONVENTIONS,
    "precision": PRECISIONS,
    "dr": (True,),
    "aam": (True,),
    "weight": (2.0,),
    "adl_ratio": (5.0,),
}
# What no loss takes part in: with one loss.
ALONE = {
    "augmentation": AUGMENTATIONS,
    "backbone": BACKBONES,
    "stacks": (2,),
    "loss_weight": (2.0,),
}


def kinds():
    """Configs by what sets them apart: each loss with each network and with each choice alone."""

    def each(choices):
        return [{name: value} for name, values in choices.items() for value in values]

    fields = [{"loss": loss} | change for loss in LOSSES for change in [*NETWORKS, *each(CHOICES)]]
    found = {}
    for own in [*fields, *each(ALONE)]:
        try:
            config = RunConfig("300w", **SIZES | own)
        except ValueError:
            continue  # no such config, see `RunConfig`
        differs = [f"{n}={v}" for n, v in config.identity().items() if n in own and n != "loss"]
        found.setdefault(config, " ".join([config.loss, *differs]))
    return found


KINDS = kinds()

pytestmark = pytest.mark.usefixtures("one_thread")


class Autocast(TorchFunctionMode):
    """Products as under torch.autocast, which knows no `meta`."""

    PRODUCTS = (F.conv2d, F.linear, torch.einsum, torch.matmul, Tensor.matmul)
    enabled: ClassVar[list[bool]] = [False]

    def __init__(self, device, dtype=torch.bfloat16, enabled=True):
        super().__init__()
        self.own = enabled

    def __enter__(self):
        self.enabled.append(self.own)
        return super().__enter__()

    def __exit__(self, *error):
        self.enabled.pop()
        return super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if self.enabled[-1] and func in self.PRODUCTS:
            args = tree_map_only(
                Tensor, lambda t: t.bfloat16() if t.is_floating_point() else t, args
            )
        return func(*args, **(kwargs or {}))


class OneDevice(TorchDispatchMode):
    """Within, no operation has tensors of two devices, but for copies that wait for nothing and
    numbers that a kernel is launched with."""

    COPIES = (torch.ops.aten.to, torch.ops.aten._to_copy, torch.ops.aten.copy_)

    def __init__(self):
        super().__init__()
        self.strict = False  # not before constants are made

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self.strict:
            copies = func.overloadpacket in self.COPIES
            if copies:
                names = [argument.name for argument in func._schema.arguments]
                if (dict(zip(names, args, strict=False)) | kwargs).get("non_blocking"):
                    return result
            tensors = [v for v in tree_leaves((args, kwargs, result)) if isinstance(v, Tensor)]
            devices = {str(v.device) for v in tensors if copies or v.dim()}
            assert len(devices) <= 1, (func, devices)
        return result


@pytest.fixture
def waits(monkeypatch):
    """The calls that waited for the device, in order: only these may, and they give zeros."""
    found = []

    def mean(values):
        assert values.is_meta
        found.append("mean")
        return torch.zeros(values.shape)

    def cpu(values):
        found.append("cpu")
        return torch.zeros(values.shape, dtype=values.dtype)

    monkeypatch.setattr(distributed, "mean", mean)
    monkeypatch.setattr(Tensor, "cpu", cpu)
    monkeypatch.setattr(torch, "autocast", Autocast)
    # The fused kernel has a `meta` form, which the optimiser does not list.
    optimizer = importlib.import_module("torch.optim.optimizer")
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: ["meta"])
    return found


def crops():
    side = store_size(SIZES["image_size"])
    images = np.zeros((FACES, 3, side, side), np.uint8)
    landmarks = np.zeros((FACES, SCHEME.points, 2), np.float32)
    return CropStore(images, landmarks, None, "none")


@pytest.mark.parametrize("config", KINDS, ids=KINDS.values())
def test_a_training_waits_once_an_epoch_and_copies_nothing_in_between(config, waits, tmp_path):
    """And once more for the width of heatmaps, and for each batch that is predicted."""
    if config.backbone != "hourglass":
        _torchvision()
        pytest.importorskip("timm")
    path, store = tmp_path / "run.pt", crops()
    with OneDevice() as watched:

        def report(epoch, curves):
            watched.strict = True  # all that is made once is made in the first epoch

        model = train(config, store, SCHEME, "meta", path, report).model
        head = loss_for(config.loss, config.covariance, config.output).head
        width = [] if head == "coordinates" else ["cpu"]
        assert waits == ["mean", "cpu", *width] * config.epochs
        waits.clear()
        predicted, spread = predict(model, store.images, config, batch_size=3)
        assert waits == ["cpu", *width]
    assert predicted.shape == (FACES, SCHEME.points, 2)
    assert (spread is None) is (not width)
    saved = read_checkpoint(path)
    assert set(State.PARTS) < set(saved)
    values = [v for v in tree_leaves(saved["model"]) if v.dim()]
    assert values and all(v.is_meta for v in values)


def test_the_kinds_are_of_every_loss_and_of_every_choice():
    """A loss or a choice that the tables gain is among them, or this says so."""
    configs = [config.to_dict() for config in KINDS]
    assert {config["loss"] for config in configs} == set(LOSSES)
    for loss, forms in LOSSES.items():
        own = [c for c in KINDS if c.loss == loss]
        heads = {loss_for(loss, c.covariance, c.output).head for c in own}
        assert heads == {form.head for form in forms}, loss
    untouched = {"dataset", "seed", "learning_rate", "ema_half_life", "train_faces", "protocol"}
    untouched |= {"crop", "milestones", "start", *SIZES} - {"stacks"}
    for field in set(configs[0]) - untouched:
        assert len({config[field] for config in configs}) > 1, field


@pytest.mark.parametrize("mistake", ["blocking copy", "two devices", "a value", "a decision"])
def test_a_mistake_is_found(mistake):
    here, there = torch.ones(3), torch.ones(3, device="meta")
    with OneDevice() as watched, pytest.raises((AssertionError, RuntimeError)):
        watched.strict = True
        if mistake == "blocking copy":
            here.to("meta")
        elif mistake == "two devices":
            there[here.long()]
        elif mistake == "a value":
            there.sum().item()
        elif there.any():
            pass
    with watched:
        here.to("meta", non_blocking=True)
