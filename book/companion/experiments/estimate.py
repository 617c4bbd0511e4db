"""Time of a training step from counted operations, for devices that no record comes from.

A step is run on torch's `meta` device, which computes nothing, and each operation is counted with
its floating-point operations and the bytes that it reads and writes. An operation takes a GPU at
least as long as the longest of three: its arithmetic at the peak rate, its bytes at the memory's
bandwidth, and its launch (the roofline model; Williams et al., 2009). The sum over operations is a
lower bound for an uncompiled step.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from starlib.schemes import SCHEME_OF, get_scheme
from starlib.training.config import RunConfig
from starlib.training.objective import Objective
from starlib.training.state import build_model

NETWORK = ("dataset", "image_size", "aam", "backbone", "output", "stacks", "width", "depth")
# Of an H200: floating-point operations (float32 products as TF32) and bytes a second, and seconds
# of an operation that does nothing. https://www.nvidia.com/en-us/data-center/h200/
H200, FLOPS, BANDWIDTH, LAUNCH = "NVIDIA H200", 495e12, 4.8e12, 5e-6
Operations = tuple[tuple[int, int], ...]  # floating-point operations and bytes of each


def seconds(counted: Operations) -> float:
    """Lower bound of the time of operations on an H200."""
    return sum(max(flops / FLOPS, size / BANDWIDTH, LAUNCH) for flops, size in counted)


def step(config: RunConfig) -> Operations:
    """Forward and backward pass of the config's network on one of its batches, in float32, with
    plain regression: what other losses add is small beside it."""
    return _counted(_plain(config, config.batch_size), backward=True)


def operations(config: RunConfig, faces: int) -> int:
    """Floating-point operations of a training on so many faces; a backward pass takes twice those
    of the forward pass."""
    two = _counted(_plain(config, 2), backward=False)  # batch norm wants more than one face
    return 3 * (sum(flops for flops, _ in two) // 2) * faces * config.epochs


def _plain(config: RunConfig, batch_size: int) -> RunConfig:
    """The config's network with plain regression."""
    fields = {name: getattr(config, name) for name in NETWORK}
    return RunConfig(loss="regression", batch_size=batch_size, **fields)


@cache
def _counted(config: RunConfig, backward: bool) -> Operations:
    scheme = get_scheme(SCHEME_OF[config.dataset])
    with torch.device("meta"):
        model, objective = build_model(config, scheme), Objective(config, scheme)
        images = torch.empty(config.batch_size, 3, config.image_size, config.image_size)
        landmarks = torch.empty(config.batch_size, scheme.points, 2)
        with _Count() as counted:
            loss = objective(model(images), landmarks)
            if backward:
                loss.backward()
    return tuple(counted.operations)


class _Count(TorchDispatchMode):
    """Counts what is computed within; views and reservations of memory compute nothing."""

    NOTHING = ("aten::detach", "aten::empty", "aten::_unsafe_view")

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[int, int]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not func.is_view and not func.name().startswith(self.NOTHING):
            tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, Tensor)]
            formula = flop_registry.get(func.overloadpacket)
            flops = formula(*args, **kwargs, out_val=result) if formula else 0
            self.operations.append((flops, sum(t.numel() * t.element_size() for t in tensors)))
        return result


def gpu_minutes(config: RunConfig, faces: int) -> float:
    """Lower bound of a run's minutes on an H200, for so many training faces."""
    steps = config.epochs * (faces // min(config.batch_size, faces))
    return steps * seconds(step(config)) / 60


def own_gpu(benchmarks: Sequence[dict[str, Any]]) -> tuple[str, float]:
    """The first GPU of the records of `companion bench`, and how many times as long its training
    step takes as the lower bound for an H200; without one the H200 and 1."""
    for record in benchmarks:
        if record["machine"]["device"] == "cuda":
            config = RunConfig.from_dict(record["step"]["config"])
            taken = record["step"]["seconds"]["step with star"]["median"]
            return record["machine"]["device_name"], taken / seconds(step(config))
    return H200, 1.0
