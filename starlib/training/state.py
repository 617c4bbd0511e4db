"""A training at some step: network, EMA, loss and optimiser; one step of it; its checkpoint."""

import contextlib
import copy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from starlib.comparisons.table import loss_for
from starlib.models.backbones import TimmCoordinates, TimmHeatmaps
from starlib.models.hourglass import StackedHourglass
from starlib.schemes import Scheme
from starlib.training import distributed
from starlib.training.checkpoints import last_checkpoint, named
from starlib.training.config import RunConfig
from starlib.training.objective import Objective
from starlib.training.precision import forward_pass
from starlib.unlabelled import filled, labelled_mean

_DRAWING = threading.Lock()  # of weights


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw weights from a seed; one thread at a time, and torch's own random state stays."""
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` sets those of GPUs too
        yield


def build_model(config: RunConfig, scheme: Scheme) -> nn.Module:
    """The network of a config, its weights drawn from the config's seed.

    Call with images [B, 3, S, S] in [-1, 1]; returns one `StackOutput` per stack.
    """
    head = loss_for(config.loss, config.covariance, config.output).head
    scaled, sigmoid = head == "scale_tril", head == "sigmoid"
    with seeded(config.seed):
        if config.output == "coordinates":
            return TimmCoordinates(config.backbone, scheme, scaled)
        if config.backbone != "hourglass":
            return TimmHeatmaps(config.backbone, scheme, scaled, sigmoid)
        sizes = config.stacks, config.width, config.depth, config.image_size
        grid = "corners" if config.convention == "released" else "centers"
        return StackedHourglass(scheme, *sizes, config.aam, grid, scaled, sigmoid)


class _Task(nn.Module):
    """The loss of a batch and the mean error of its labelled points, from images and targets."""

    def __init__(self, model: nn.Module, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective

    def forward(self, batch: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        outputs = forward_pass(self.model, batch, self.objective.config.precision)
        placed, missing = filled(targets)
        error = (outputs[-1].landmarks.detach() - placed).norm(dim=-1)
        return self.objective(outputs, targets), labelled_mean(error, missing)


class State:
    """A config's training at some step; what a checkpoint holds.

    curves: values by epoch, see `starlib.training.loop.Trained`. compiled: compile network and loss
    at the first step. layout: of the weights in memory.
    """

    PARTS = ("model", "average", "objective", "optimiser")

    def __init__(
        self,
        config: RunConfig,
        scheme: Scheme,
        data: str,
        device: torch.device,
        compiled: bool = False,
        layout: torch.memory_format = torch.channels_last,
    ):
        self.run = {"config": config.identity(), "data": data}
        self.config = config
        model = build_model(config, scheme).to(device)
        self.model = model.to(memory_format=layout)  # type: ignore[call-overload]
        decay = 0.5 ** (config.batch_size / config.ema_half_life)
        self.average = _Average(self.model, decay)
        with seeded(config.seed):
            self.objective = Objective(config, scheme).to(device)
        # Names and weights of the parts stay as they are, whatever the number of processes.
        self.task = distributed.parallel(_Task(self.model, self.objective), device)
        if compiled:
            # On one GPU as CUDA graphs too, so that small networks do not wait for launches.
            graphs = device.type == "cuda" and distributed.size() == 1
            self.task.compile(dynamic=False, mode="reduce-overhead" if graphs else None)
        trained = [*self.model.parameters(), *self.objective.parameters()]
        self.optimiser = torch.optim.Adam(trained, config.learning_rate, fused=True)
        names = ("loss", "error", "gradient", "learning_rate", "seconds", "width")
        self.curves: dict[str, list[float]] = {name: [] for name in names}

    @property
    def epoch(self) -> int:
        return len(self.curves["loss"])

    def step(self, batch: Tensor, targets: Tensor) -> Tensor:
        """One step of the optimiser; loss, mean point error and norm of the network's gradient [3],
        on the device."""
        self.optimiser.zero_grad(set_to_none=True)
        loss, error = self.task(batch, targets)
        loss.backward()
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return torch.stack((loss.detach(), error, norm))

    def snapshot(self) -> dict[str, Any]:
        """The content of a checkpoint, copied, so that training may go on while it is written."""
        parts = {name: getattr(self, name).state_dict() for name in self.PARTS}
        return copy.deepcopy({"run": self.run, "curves": self.curves, **parts})

    def load(self, path: Path) -> None:
        """Go on from the last good checkpoint of that name, if there is one.

        ValueError names a checkpoint of another run.
        """
        # Read by one process: the others may be on machines that see no file of it.
        saved = distributed.once(lambda: last_checkpoint(path))
        if saved is None:
            return
        if saved.get("run") != self.run:
            raise ValueError(
                f"{named(path)}: expected checkpoints of this config and data; remove them to "
                "train anew"
            )
        for name in self.PARTS:
            getattr(self, name).load_state_dict(saved[name])
        self.curves = saved["curves"]


class _Average(AveragedModel):
    """EMA of all weights and buffers at once; the counters of batch norm are copied.

    torch's own update sends the number of steps to a GPU at every one, and waits for it.
    """

    def __init__(self, model: nn.Module, decay: float):
        super().__init__(model, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        (averages, old), (values, new) = _by_kind(self.module), _by_kind(model)
        torch._foreach_lerp_(averages, values, 1 - self.decay if self.n_averaged > 0 else 1.0)
        if old:
            torch._foreach_copy_(old, new)
        self.n_averaged += 1


def _by_kind(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Floating weights and buffers, and the others."""
    values = [*model.parameters(), *model.buffers()]
    floating = [value for value in values if value.is_floating_point()]
    return floating, [value for value in values if not value.is_floating_point()]
