"""The training loop: Adam, step schedule, stack weights, EMA, mixed precision, checkpoints."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from starlib import distributed
from starlib.augment import VIEW_OF_STORE, augment, view
from starlib.backbones import build_model, seeded
from starlib.batches import Faces
from starlib.config import RunConfig
from starlib.data.crops import CropStore
from starlib.objective import Objective
from starlib.schemes import Scheme

MILESTONES = (0.4, 0.7, 0.9)  # of the epochs: 200, 350 and 450 of the paper's 500
DECAY = 0.1


@dataclass(frozen=True)
class Trained:
    """model: the network with its EMA weights.

    curves: by epoch the mean loss, mean point error on the training batches in [-1, 1] units,
        learning rate, and wall time in seconds.
    """

    model: nn.Module
    curves: dict[str, list[float]]


def learning_rate(config: RunConfig, epoch: int) -> float:
    """Learning rate of an epoch (from 0): a tenth at 40, 70 and 90 % of the epochs each."""
    passed = sum(epoch >= round(share * config.epochs) for share in MILESTONES)
    return config.learning_rate * DECAY**passed


class _Task(nn.Module):
    """The loss of a batch and the mean error of its points, from images and targets."""

    def __init__(self, model: nn.Module, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs = _forward(self.model, batch, self.objective.config.precision)
        error = (outputs[-1].landmarks.detach() - targets).norm(dim=-1).mean()
        return self.objective(outputs, targets), error


class _State:
    """What a checkpoint holds: weights, their EMA, the optimiser, the curves, epochs done."""

    PARTS = ("model", "average", "objective", "optimiser")

    def __init__(self, config: RunConfig, scheme: Scheme, data: str, device: torch.device):
        self.run = {"config": config.to_dict(), "data": data}
        self.config = config
        model = build_model(config, scheme).to(device)
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        decay = 0.5 ** (config.batch_size / config.ema_half_life)
        self.average = AveragedModel(self.model, multi_avg_fn=_average(decay), use_buffers=True)
        with seeded(config.seed):
            self.objective = Objective(config, scheme).to(device)
        # Names and weights of the parts stay as they are, whatever the number of processes.
        self.task = distributed.parallel(_Task(self.model, self.objective), device)
        trained = [*self.model.parameters(), *self.objective.parameters()]
        self.optimiser = torch.optim.Adam(trained, config.learning_rate, fused=True)
        names = ("loss", "error", "learning_rate", "seconds")
        self.curves: dict[str, list[float]] = {name: [] for name in names}

    @property
    def epoch(self) -> int:
        return len(self.curves["loss"])

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {n: getattr(self, n).state_dict() for n in self.PARTS}
        torch.save({"run": self.run, "curves": self.curves, **parts}, partial)
        os.replace(partial, path)

    def load(self, path: Path, device: torch.device) -> None:
        try:
            saved = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:  # whatever the reader of a broken file raises
            raise ValueError(f"{path}: expected a checkpoint, remove it to train anew") from error
        if saved.get("run") != self.run:
            raise ValueError(
                f"{path}: expected a checkpoint of run {self.config.hash} on the same data; "
                "remove it to train anew"
            )
        for name in self.PARTS:
            getattr(self, name).load_state_dict(saved[name])
        self.curves = saved["curves"]


def _average(decay: float) -> Callable[[Any, Any, Any], None]:
    """The EMA's update of all weights at once; the counters of batch norm are copied."""
    ema = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(averages: Any, values: Any, count: Any) -> None:
        if averages[0].is_floating_point():
            ema(averages, values, count)
        else:
            torch._foreach_copy_(averages, values)

    return update


def train(
    config: RunConfig,
    crops: CropStore,
    scheme: Scheme,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    report: Callable[[int, dict[str, list[float]]], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train a config's network on stored crops.

    Under `starlib.distributed.joined` all processes call it alike and train one network, each on
    its share of every batch; the first writes the checkpoint and calls `report` and `stop`.

    Args:
        config: the run; its seed draws weights, order and augmentation.
        crops: training faces; `landmarks` are the targets.
        scheme: their landmark scheme.
        device: "cpu", "cuda", …
        checkpoint: file written after every epoch; if it is there, training goes on from it and
            ends in the weights of an uninterrupted training (bit by bit on a CPU with the same
            number of threads and processes).
        report: called after every epoch with the number of epochs done and the curves.
        stop: asked after every epoch; when true, StoppedError is raised, the checkpoint written.
    """
    device = torch.device(device)
    state = _State(config, scheme, crops.fingerprint, device)
    if checkpoint is not None and distributed.once(checkpoint.exists):
        state.load(checkpoint, device)
    count = min(config.train_faces or len(crops.images), len(crops.images))
    faces = Faces(crops, count, device)
    while state.epoch < config.epochs:
        _train_epoch(state, faces, scheme)
        if checkpoint is not None and distributed.rank() == 0:
            state.save(checkpoint)
        if report is not None and distributed.rank() == 0:
            report(state.epoch, state.curves)
        if distributed.once(stop) and state.epoch < config.epochs:
            raise StoppedError(f"run {config.hash} stopped after epoch {state.epoch}")
    return Trained(state.average.module, state.curves)


class StoppedError(Exception):
    """Training was asked to stop between two epochs; its checkpoint is written."""


def _train_epoch(state: _State, faces: Faces, scheme: Scheme) -> None:
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
    total = torch.zeros(2, device=faces.device)
    state.model.train()
    for images, landmarks in faces.batches(order):
        batch, targets = augment(images, landmarks, scheme, config.image_size, generator, share)
        total += _step(state, batch, targets)
    loss, error = distributed.mean(total / len(order)).tolist()
    if not math.isfinite(loss):
        raise ValueError(
            f"run {config.hash} diverged in epoch {state.epoch + 1}: its loss is {loss}; "
            f"expected a finite one, a smaller learning_rate than {config.learning_rate} may help"
        )
    seconds = time.monotonic() - started
    for name, value in zip(state.curves, (loss, error, rate, seconds), strict=True):
        state.curves[name].append(value)


def _step(state: _State, batch: Tensor, targets: Tensor) -> Tensor:
    """One step of the optimiser; loss and mean point error of the batch [2], on the device."""
    loss, error = state.task(batch, targets)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    state.optimiser.step()
    state.average.update_parameters(state.model)
    return torch.stack((loss.detach(), error))


def stepper(
    config: RunConfig, scheme: Scheme, device: torch.device
) -> Callable[[Tensor, Tensor], Tensor]:
    """One training step of a config as a function of images and targets, for benchmarks."""
    state = _State(config, scheme, "benchmark", device)
    state.model.train()
    return lambda batch, targets: _step(state, batch, targets)


def _forward(model: nn.Module, images: Tensor, precision: str) -> Any:
    images = images.to(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        return model(images)


@torch.inference_mode()
def predict(
    model: nn.Module, images: NDArray[np.uint8], config: RunConfig, batch_size: int = 32
) -> NDArray[np.float32]:
    """Landmarks [F, N, 2] of the last stack, in [-1, 1] of the stored crops [F, 3, S, S]."""
    device = next(model.parameters()).device
    model.eval()
    found = []
    for start in range(0, len(images), batch_size):
        stored = torch.from_numpy(np.array(images[start : start + batch_size])).to(device)
        batch, _ = view(stored, torch.zeros(len(stored), 1, 2, device=device), config.image_size)
        found.append(_forward(model, batch, config.precision)[-1].landmarks.float().cpu())
    return (torch.cat(found) * VIEW_OF_STORE).numpy()
