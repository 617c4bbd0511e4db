"""Fine-tuning: a training that starts from the weights of another run."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from starlib.models.weights import read_tensors

LEAST = 0.5  # of the network's weights that must be found


@dataclass(frozen=True)
class Start:
    """digest: the first digits of the file's SHA-256, a config's field `start`."""

    path: Path
    digest: str
    weights: dict[str, Tensor]


def read_start(path: Path) -> Start:
    """Weights that a run wrote; ValueError names a file that has none."""
    parts = read_tensors(path)
    if not isinstance(parts, dict) or not isinstance(parts.get("weights"), dict):
        raise ValueError(f"start: {path}: expected the weights of a run (results/weights/)")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Start(path, digest, parts["weights"])


@torch.no_grad()
def begin(model: nn.Module, start: Start) -> int:
    """Copy the weights that the network has too, by name and shape; the others keep their values,
    as those of the last layers for another number of landmarks. Returns how many were not found.

    ValueError if they are less than half of the network's weights.
    """
    own = model.state_dict()
    same = {n: v for n, v in start.weights.items() if n in own and v.shape == own[n].shape}
    total = sum(values.numel() for values in own.values())
    if sum(values.numel() for values in same.values()) < LEAST * total:
        raise ValueError(
            f"start: {start.path}: expected the weights of a network of the same stacks, width and "
            f"depth; {len(same)} of {len(own)} tensors fit"
        )
    model.load_state_dict(same, strict=False)
    return len(own) - len(same)
