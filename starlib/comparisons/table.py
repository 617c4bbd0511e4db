"""The table of all losses that a run can have: a new one is its own file, a line here and a test.

Every function takes some of a network's outputs and the annotated landmarks [B, N, 2], checks them,
and returns one value per landmark, [B, N]. All have the option `check_values`; training switches it
off, since looking at values forces a GPU synchronisation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor

from starlib.comparisons.adl import adl
from starlib.comparisons.awing import heatmap_regression
from starlib.comparisons.coordinates import CoordinateRegression, DecodedRegression
from starlib.comparisons.likelihoods import cholesky_nll, heatmap_nll
from starlib.comparisons.rle import ResidualLikelihood
from starlib.comparisons.star_variants import (
    restricted_regression,
    star_inside,
    star_isotropic,
    star_random,
)
from starlib.losses import STARLoss

RESTRICTED = ("distance", "restriction", "weight")


@dataclass(frozen=True)
class Loss:
    """A loss as it is computed from one kind of head.

    function: of the outputs it `takes`, the landmarks and its options; or a class, for a module
        that has the options in its constructor.
    head: what the network ends in: "heatmaps", their "sigmoid" form for regression of whole maps,
        "scale_tril" (landmarks and their covariance), or "coordinates" without heatmaps.
    takes: fields of `starlib.StackOutput`, in the order of the function's arguments.
    options: arguments that whoever uses the loss chooses.
    fixed: arguments that make it this loss.
    """

    function: Callable[..., Any]
    head: str = "heatmaps"
    takes: tuple[str, ...] = ("heatmaps",)
    options: tuple[str, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)

    @property
    def needs_heatmaps(self) -> bool:
        return self.head in ("heatmaps", "sigmoid")

    def build(self, check_values: bool = True, **options: Any) -> Callable[..., Tensor]:
        """The loss with its options among those given; a module if it has state."""
        chosen = {name: options[name] for name in self.options}
        chosen |= self.fixed | {"check_values": check_values}
        if isinstance(self.function, type):
            return self.function(**chosen)
        return partial(self.function, **chosen)


def _likelihood(family: str) -> tuple[Loss, ...]:
    fixed = {"family": family}
    return (
        Loss(heatmap_nll, fixed=fixed),
        Loss(cholesky_nll, "scale_tril", ("landmarks", "scale_tril"), fixed=fixed),
    )


# By name; several where it works with several heads.
LOSSES: dict[str, tuple[Loss, ...]] = {
    "regression": (
        Loss(DecodedRegression, takes=("landmarks",), options=("distance", "convention")),
        Loss(CoordinateRegression, "coordinates", ("landmarks",), ("distance", "image_size")),
    ),
    "star": (Loss(STARLoss, options=(*RESTRICTED, "convention", "landmark_limit")),),
    "star_inside": (Loss(star_inside, options=RESTRICTED),),
    "star_isotropic": (Loss(star_isotropic, options=RESTRICTED),),
    "star_random": (Loss(star_random, options=RESTRICTED),),
    "restricted_regression": (Loss(restricted_regression, options=RESTRICTED),),
    "mahalanobis": (  # squared
        Loss(star_inside, options=("restriction", "weight"), fixed={"distance": "l2"}),
    ),
    "adl": (Loss(adl, options=("scheme", "distance", "ratio")),),
    "gaussian_nll": _likelihood("gaussian"),
    "laplace_nll": _likelihood("laplace"),
    "awing": (Loss(heatmap_regression, "sigmoid"),),
    "rle": (Loss(ResidualLikelihood, "scale_tril", ("landmarks", "scale_tril")),),
}


def loss_for(name: str, covariance: str = "heatmap", output: str = "heatmaps") -> Loss:
    """The loss of that name on a network with this covariance and output (fields of a config)."""
    entries = {loss.head: loss for loss in LOSSES[name]}
    wanted = "scale_tril" if covariance == "cholesky" else output
    return entries.get(wanted) or LOSSES[name][0]


def heads(name: str) -> set[str]:
    """The heads that the loss of that name works with."""
    return {loss.head for loss in LOSSES[name]}


def options(name: str) -> set[str]:
    """The options that the loss of that name has, with any head."""
    return {option for loss in LOSSES[name] for option in loss.options}
