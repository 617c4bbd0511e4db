"""Losses of landmarks that a network has decoded, or predicts as coordinates."""

from functools import partial

from torch import Tensor

from starlib.checks import check_decoded
from starlib.distances import wing
from starlib.losses import RegressionLoss

WING_WIDTH, WING_CURVATURE = 10.0, 2.0  # ω and ε of the Wing paper, in pixels of the input


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
