"""The training loop: epochs, the learning rate's schedule, batches; and prediction."""

import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from starlib.data.augment import VIEW_OF_STORE, augment, view
from starlib.data.crops import CropStore
from starlib.devices import to_device
from starlib.models.heads import output_moments
from starlib.schemes import Scheme
from starlib.training import distributed
from starlib.training.checkpoints import Checkpoints, named
from starlib.training.config import PROTOCOL, RunConfig
from starlib.training.precision import forward_pass
from starlib.training.start import Start, begin
from starlib.training.state import State

DECAY = 0.1  # of the learning rate at each milestone
PROBE = 32  # training faces whose heatmaps are measured after every epoch
GPU_SHARE = 0.25  # of a GPU's free memory that crops may take; several trainings may share it


@dataclass(frozen=True)
class Trained:
    """model: the network with its EMA weights.

    curves: by epoch the mean loss, mean point error on the training batches in [-1, 1] units, mean
        norm of the network's gradient, learning rate, wall time in seconds, and the width of the
        averaged network's heatmaps: their mean standard deviation on PROBE training faces, in
        [-1, 1] of the network's view (no values for networks without heatmaps); and what `observe`
        returns.
    """

    model: nn.Module
    curves: dict[str, list[float]]


def learning_rate(config: RunConfig, epoch: int) -> float:
    """Learning rate of an epoch (from 0): a tenth after each of the config's milestones, of which
    none is passed in the first epoch."""
    passed = sum(epoch >= max(1, round(share * config.epochs)) for share in config.milestones)
    return config.learning_rate * DECAY**passed


def train(
    config: RunConfig,
    crops: CropStore,
    scheme: Scheme,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    compiled: bool = False,
    start: Start | None = None,
    observe: Callable[[State], dict[str, float]] | None = None,
) -> Trained:
    """Train a config's network on stored crops.

    Under `starlib.training.distributed.joined` all processes call it alike and train one network,
    each on its share of every batch; the first writes the checkpoint and calls `report` and `stop`.

    Args:
        crops: training faces; `landmarks` are the targets.
        checkpoint: file written beside the training (see `Checkpoints`); if it is there, training
            goes on from it and ends in the weights of an uninterrupted training (bit by bit on a
            CPU with the same number of threads and processes). A damaged one is put aside with a
            warning, and the one before is used.
        report: called after every epoch with the number of epochs done and the curves.
        stop: asked after every epoch; when true, StoppedError is raised, the checkpoint written.
        compiled: compile network and loss first, which takes about a minute and changes rounding.
        start: the weights that the config's `start` names.
        observe: called after every epoch; further values of the curves. It must leave weights and
            random states as they are. ValueError where a checkpoint lacks those of its epochs.
    """
    if config.protocol != PROTOCOL:
        raise ValueError(
            f"protocol: this code trains protocol {PROTOCOL}, got {config.protocol}; "
            "a record names the commit that trained it"
        )
    device = torch.device(device)
    if config.start != (start and start.digest):
        raise ValueError(f"start: expected the weights {config.start}, got {start and start.path}")
    state = State(config, scheme, crops.fingerprint, device, compiled)
    if start is not None:
        begin(state.model, start)  # the average takes its weights at the first step
    if checkpoint is not None:
        state.load(checkpoint)
    count = min(config.train_faces or len(crops.images), len(crops.images))
    faces = Faces(crops, count, device)
    with Checkpoints(checkpoint if distributed.rank() == 0 else None) as checkpoints:
        while state.epoch < config.epochs:
            _train_epoch(state, faces, scheme)
            if observe is not None:
                _append(state, distributed.once(functools.partial(observe, state)))
                if any(len(values) not in (0, state.epoch) for values in state.curves.values()):
                    raise ValueError(
                        f"{named(checkpoint)}: expected checkpoints that were observed from their "
                        "first epoch; remove them to train anew"
                    )
            stopped = distributed.once(stop) and state.epoch < config.epochs
            checkpoints.offer(state.snapshot, stopped or state.epoch == config.epochs)
            if report is not None and distributed.rank() == 0:
                report(state.epoch, state.curves)
            if stopped:
                raise StoppedError(f"stopped after epoch {state.epoch}")
    return Trained(state.average.module, state.curves)


class StoppedError(Exception):
    """Training was asked to stop between two epochs; its checkpoint is written."""


def _train_epoch(state: State, faces: "Faces", scheme: Scheme) -> None:
    started = time.monotonic()
    config = state.config
    rate = learning_rate(config, state.epoch)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    # Drawn from seed and epoch alone, so that a resumed training sees the same batches.
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + state.epoch)
    size = min(config.batch_size, faces.count)
    order = torch.randperm(faces.count, generator=generator)
    order = order[: faces.count // size * size].view(-1, size)[:, distributed.share(size)]
    share = (distributed.rank(), distributed.size())
    total = torch.zeros(3, device=faces.device)
    state.model.train()
    for images, landmarks in faces.batches(order):
        batch, targets = augment(
            images, landmarks, scheme, config.image_size, generator, share, config.augmentation
        )
        total += state.step(batch, targets)
    loss, error, gradient = distributed.mean(total / len(order)).tolist()
    if not math.isfinite(loss):
        raise ValueError(
            f"training diverged in epoch {state.epoch + 1}: its loss is {loss}; "
            f"expected a finite one, a smaller learning_rate than {config.learning_rate} may help"
        )
    seconds = time.monotonic() - started
    values = {"loss": loss, "error": error, "gradient": gradient}
    values |= {"learning_rate": rate, "seconds": seconds}
    _, spread = predict(state.average.module, faces.stored[:PROBE], config)
    if spread is not None:
        values["width"] = float(np.sqrt(np.trace(spread, axis1=-2, axis2=-1) / 2).mean())
        values["width"] /= VIEW_OF_STORE
    _append(state, values)


def _append(state: State, values: dict[str, float]) -> None:
    for name, value in values.items():
        state.curves.setdefault(name, []).append(value)


class Faces:
    """The first `count` crops of a store for trainings on `device`.

    On a GPU the crops are copied there if they take at most GPU_SHARE of its free memory.
    Otherwise each batch is read from the memory-mapped store, so that memory does not grow with it.
    ValueError for infinite landmarks, which augmentation could turn into NaN, the unlabelled ones.
    """

    def __init__(self, crops: CropStore, count: int, device: torch.device):
        infinite = np.isinf(crops.landmarks[:count]).any((1, 2))
        if infinite.any():
            raise ValueError(
                "crops: expected finite landmarks, or NaN where unlabelled, "
                f"face {int(infinite.argmax())} has infinite ones"
            )
        self.stored, self.device, self.count = crops.images[:count], device, count
        self.landmarks = torch.from_numpy(crops.landmarks[:count]).to(device)
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
        small = self.stored.nbytes <= GPU_SHARE * free
        self.images = torch.from_numpy(np.array(self.stored)).to(device) if small else None

    def batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Images uint8 [B, 3, S, S] and landmarks [B, N, 2] of each row of order [steps, B]."""
        for here, there in zip(order.numpy(), to_device(order, self.device), strict=True):
            if self.images is None:
                images = to_device(torch.from_numpy(self.stored[here]), self.device)
            else:
                images = self.images[there]
            yield images, self.landmarks[there]


@torch.inference_mode()
def predict(
    model: nn.Module, images: NDArray[np.uint8], config: RunConfig, batch_size: int = 32
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Landmarks [F, N, 2] of the last stack, in the [-1, 1] of the stored crops [F, 3, S, S], and
    their covariances [F, N, 2, 2] in its square, see `output_moments`; None for a network without
    heatmaps and without a head for them."""
    device = next(model.parameters()).device
    grid, peaks = getattr(model, "grid", "centers"), getattr(model, "sigmoid", False)
    landmarks, spread = [], []
    model.eval()
    for start in range(0, len(images), batch_size):
        stored = to_device(torch.from_numpy(np.array(images[start : start + batch_size])), device)
        output = forward_pass(model, view(stored, config.image_size), config.precision)[-1]
        points, covariance = output_moments(output, grid, peaks)
        landmarks.append(points.float())
        if covariance is not None:
            spread.append(covariance.float())
    covariances = (torch.cat(spread).cpu() * VIEW_OF_STORE**2).numpy() if spread else None
    return (torch.cat(landmarks).cpu() * VIEW_OF_STORE).numpy(), covariances
