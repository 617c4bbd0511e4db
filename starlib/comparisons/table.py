"""The table of all losses that a run can have: a new one is its own file, a line here and a test.

Every function takes some of a network's outputs and the annotated landmarks [B, N, 2] in [-1, 1],
and returns one value per landmark, [B, N], which is 0 where the landmark is NaN. Heatmaps are
[B, N, H, W] >= 0, normalised or not. A wrong argument is a ValueError that names it. All have the
option `check_values`; training switches it off, since looking at values forces a GPU
synchronisation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from starlib.checks import check_decoded
from starlib.comparisons.adl import adl
from starlib.comparisons.awing import heatmap_regression
from starlib.comparisons.likelihoods import cholesky_nll, heatmap_nll
from starlib.comparisons.rle import ResidualLikelihood
from starlib.comparisons.star_variants import (
    restricted_regression,
    star_inside,
    star_isotropic,
    star_random,
)
from starlib.distances import wing
from starlib.losses import RegressionLoss, STARLoss

WING_WIDTH, WING_CURVATURE = 10.0, 2.0  # ω and ε of the Wing paper, in pixels of the input
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
    """

    function: Callable[..., Any]
    head: str = "heatmaps"
    takes: tuple[str, ...] = ("heatmaps",)
    options: tuple[str, ...] = ()

    def build(self, check_values: bool = True, **options: Any) -> Callable[..., Tensor]:
        """The loss with its options among those given; a module if it has state."""
        chosen = {name: options[name] for name in self.options} | {"check_values": check_values}
        if isinstance(self.function, type):
            return self.function(**chosen)
        return partial(self.function, **chosen)


class DecodedRegression(RegressionLoss):
    """`starlib.RegressionLoss` of landmarks [B, N, 2] that the network has decoded with the same
    grid, so that no heatmap is decoded twice. Call with these and the annotated ones."""

    def forward(self, predicted: Tensor, landmarks: Tensor) -> Tensor:
        check_decoded(predicted, landmarks, self.check.values, self.check.limit)
        return self.of_means(predicted, landmarks)


class CoordinateRegression(DecodedRegression):
    """The same of landmarks that a network predicts without heatmaps (Eq. 2), but Wing as its paper
    has it (Feng et al., CVPR 2018): ω = 10 and ε = 2 pixels of the input of side `image_size`."""

    def __init__(
        self, distance: str = "smooth_l1", image_size: int = 256, check_values: bool = True
    ):
        super().__init__(distance, check_values=check_values)
        if distance == "wing":
            width, curvature = (2 / image_size * pixels for pixels in (WING_WIDTH, WING_CURVATURE))
            self.distance = partial(wing, width=width, curvature=curvature)


def _likelihood(family: str) -> tuple[Loss, ...]:
    of_head = partial(cholesky_nll, family=family)
    return (
        Loss(partial(heatmap_nll, family=family)),
        Loss(of_head, "scale_tril", ("landmarks", "scale_tril")),
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
    "mahalanobis": (Loss(partial(star_inside, distance="l2"), options=RESTRICTED[1:]),),  # squared
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
