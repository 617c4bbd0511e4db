"""The runs of each experiment of the paper, as lists of configs."""

from collections.abc import Sequence

from starlib.config import RunConfig


def ablation_distance(
    dataset: str = "300w",
    scale: str = "reduced",
    seeds: Sequence[int] = (0, 1, 2),
    distances: Sequence[str] = ("l1", "smooth_l1", "l2"),
) -> list[RunConfig]:
    """Table 3, block "basic": each distance without and with STAR (value restriction, w = 1)."""
    return [
        RunConfig.at(scale, dataset, loss=loss, distance=distance, seed=seed)
        for seed in seeds
        for distance in distances
        for loss in ("regression", "star")
    ]


EXPERIMENTS = {"ablation_distance": ablation_distance}
