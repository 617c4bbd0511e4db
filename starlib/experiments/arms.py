"""The runs of each experiment of the paper, as lists of configs."""

from collections.abc import Callable, Sequence
from typing import Any

from starlib.training.config import RunConfig

SEEDS = (0, 1, 2, 3, 4)  # of the ablation over distances, and of verdicts


def ablation_distance(
    dataset: str = "300w",
    scale: str = "reduced",
    seeds: Sequence[int] = SEEDS,
    distances: Sequence[str] = ("l1", "smooth_l1", "l2", "wing"),
) -> list[RunConfig]:
    """Table 3, block "basic": each distance without and with STAR (value restriction, w = 1)."""
    for name, values, kind in (("seeds", seeds, int), ("distances", distances, str)):
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise ValueError(f"{name}: expected a list of {kind.__name__}, got {values!r}")
        if len(set(values)) < len(values):
            raise ValueError(f"{name}: expected each once, got {values!r}")
    return [
        RunConfig.at(scale, dataset, loss=loss, distance=distance, seed=seed)
        for seed in seeds
        for distance in distances
        for loss in ("regression", "star")
    ]


# The losses that STAR is compared with, on the same network; "smooth-l1" and "star" are the runs of
# `ablation_distance`.
NEIGHBOURS: dict[str, dict[str, Any]] = {
    "smooth-l1": {"loss": "regression"},
    "STAR": {},
    "STAR, scale inside d": {"loss": "star_inside"},
    "STAR, isotropic control": {"loss": "star_isotropic"},
    "STAR, random directions": {"loss": "star_random"},
    "ADL, heatmap variance": {"loss": "adl"},
    "ADL, constant 5": {"loss": "adl", "adl_ratio": 5.0},
    "Mahalanobis": {"loss": "mahalanobis"},
    "Gaussian NLL, heatmap": {"loss": "gaussian_nll"},
    "Laplace NLL, heatmap": {"loss": "laplace_nll"},
    "Gaussian NLL, Cholesky head": {"loss": "gaussian_nll", "covariance": "cholesky"},
    "Laplace NLL, Cholesky head": {"loss": "laplace_nll", "covariance": "cholesky"},
    "RLE": {"loss": "rle"},
    "AWing heatmap regression": {"loss": "awing"},
}
# Other networks; one stack each.
BACKBONE_ARMS: dict[str, dict[str, Any]] = {
    "HRNet-W18, smooth-l1": {"backbone": "hrnet_w18", "loss": "regression"},
    "HRNet-W18, STAR": {"backbone": "hrnet_w18"},
    "ResNet-50 coordinates, Wing": {
        "backbone": "resnet50", "output": "coordinates", "loss": "regression", "distance": "wing",
    },
    "ResNet-50 coordinates, RLE": {
        "backbone": "resnet50", "output": "coordinates", "loss": "rle",
    },
}  # fmt: skip


def _each(
    arms: dict[str, dict[str, Any]], dataset: str, scale: str, seeds: Sequence[int]
) -> list[RunConfig]:
    return [
        RunConfig.at(scale, dataset, seed=seed, **fields)
        for seed in seeds
        for fields in arms.values()
    ]


def neighbours(
    dataset: str = "300w", scale: str = "reduced", seeds: Sequence[int] = (0, 1, 2)
) -> list[RunConfig]:
    """STAR, its controls and the losses it is compared with (Sections 5.3 and 5.4)."""
    return _each(NEIGHBOURS, dataset, scale, seeds)


def backbones(
    dataset: str = "300w", scale: str = "reduced", seeds: Sequence[int] = (0, 1, 2)
) -> list[RunConfig]:
    """Whether STAR is "plug-and-play": other networks without and with it."""
    one_stack = {name: {"stacks": 1, **fields} for name, fields in BACKBONE_ARMS.items()}
    return _each(one_stack, dataset, scale, seeds)


def normalisation(
    dataset: str = "300w", scale: str = "reduced", seeds: Sequence[int] = (0, 1, 2)
) -> list[RunConfig]:
    """Table 3, blocks "+DR" and "+AAM": each distance without and with STAR."""
    return [
        RunConfig.at(scale, dataset, loss=loss, distance=distance, seed=seed, **{trick: True})
        for seed in seeds
        for trick in ("dr", "aam")
        for distance in ("l1", "smooth_l1", "l2", "wing")
        for loss in ("regression", "star")
    ]


EXPERIMENTS: dict[str, Callable[..., list[RunConfig]]] = {
    "ablation_distance": ablation_distance,
    "normalisation": normalisation,
    "neighbours": neighbours,
    "backbones": backbones,
}
