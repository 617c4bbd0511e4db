"""Several processes train one network, each on its share of every batch, as torchrun starts them.

Every process draws the same order and the same augmentation and takes its slice of each batch, so
the number of processes changes rounding and nothing else, but for unlabelled points: each process
takes the mean over its own labels. Process 0 writes the files.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from starlib.devices import AUTO, available_device

Result = TypeVar("Result")
PATIENCE = timedelta(hours=12)  # others wait while process 0 builds crops or evaluates


@contextlib.contextmanager
def joined(device: str) -> Iterator[str]:
    """Within, the processes that torchrun started are one group; without torchrun, nothing is.

    Yields the device of this process: on "cuda", and on "auto" where there are GPUs, the GPU of its
    local rank; ValueError where there is none.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched():
        yield device
        return
    kind = torch.device(available_device() if device == AUTO else device).type
    if kind == "cuda":
        local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= gpus:
            raise ValueError(
                f"device: expected a GPU for each process, process {local} has none of {gpus}"
            )
        device = f"cuda:{local}"
        torch.cuda.set_device(device)
    dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if size() > 1 else 0


def once(call: Callable[[], Result]) -> Result:
    """The result of a call that process 0 alone makes, or its exception, in every process."""
    if size() == 1:
        return call()
    answer: list[Any] = [None, None]
    if rank() == 0:
        try:
            answer[0] = call()
        except Exception as error:
            answer[1] = error
    dist.broadcast_object_list(answer)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]


def first(call: Callable[[], Result]) -> Result:
    """Make the call in process 0, and when it is done in the others, which find what it left."""
    kept: list[Result] = []
    once(lambda: kept.append(call()))
    return kept[0] if kept else call()


def mean(values: Tensor) -> Tensor:
    """Mean over the processes."""
    if size() > 1:
        dist.all_reduce(values)
        values = values / size()
    return values


def share(batch_size: int) -> slice:
    """This process's part of a batch; ValueError if it cannot be shared out evenly."""
    if batch_size % size():
        raise ValueError(
            f"batch_size: expected a multiple of the {size()} processes, got {batch_size}"
        )
    part = batch_size // size()
    return slice(rank() * part, (rank() + 1) * part)


class _BatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of the batches of all processes, equally large ones."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        own = torch.stack((values.mean((0, 2, 3)), values.var((0, 2, 3), correction=0)))
        here = torch.arange(size(), device=own.device) == rank()
        # A sum that gathers; its backward sums gradients over the processes.
        means, variances = all_reduce(torch.where(here[:, None, None], own, 0.0)).unbind(1)
        centre = means.mean(0)
        variance = (variances + (means - centre).square()).mean(0)
        count = size() * values[:, 0].numel()
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(centre.detach(), self.momentum)
        self.running_var.lerp_(variance.detach() * (count / (count - 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - centre * scale
        return (values * scale[:, None, None] + shift[:, None, None]).to(input.dtype)


def parallel(module: nn.Module, device: torch.device) -> nn.Module:
    """A module whose gradients are means over the processes and whose batch norm sees the whole
    batch; the module itself where there is one process. Names of weights inside do not change."""
    if size() == 1:
        return module
    if device.type == "cuda":
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
    else:  # torch's own is for GPUs
        for part in module.modules():
            if type(part) is nn.BatchNorm2d:
                part.__class__ = _BatchNorm
    # A static graph may have unused weights, as networks of others do. Buffers need no broadcast at
    # every step: batch norm's statistics are those of the whole batch in every process.
    return nn.parallel.DistributedDataParallel(module, static_graph=True, broadcast_buffers=False)
