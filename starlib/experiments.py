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


EXPERIMENTS = {"ablation_distance": ablation_distance}
