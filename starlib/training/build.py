"""The network of a config."""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch import nn

from starlib.comparisons.table import loss_for
from starlib.models.backbones import TimmCoordinates, TimmHeatmaps
from starlib.models.hourglass import StackedHourglass
from starlib.schemes import Scheme
from starlib.training.config import RunConfig

_DRAWING = threading.Lock()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw weights from a seed; one thread at a time, and torch's own random state stays."""
    with _DRAWING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
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
        return StackedHourglass(
            scheme,
            config.stacks,
            config.width,
            config.depth,
            config.image_size,
            config.aam,
            "corners" if config.convention == "released" else "centers",
            cholesky=scaled,
            sigmoid=sigmoid,
        )
