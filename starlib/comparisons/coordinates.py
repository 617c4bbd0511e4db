"""Losses of landmarks that a network has decoded, or predicts as coordinates."""

from torch import Tensor

from starlib.checks import check_decoded
from starlib.distances import get_distance, wing
from starlib.losses import RegressionLoss
from starlib.unlabelled import filled, masked

WING_WIDTH, WING_CURVATURE = 10.0, 2.0  # ω and ε of the Wing paper, in pixels of the input


class DecodedRegression(RegressionLoss):
    """`starlib.RegressionLoss` of landmarks [B, N, 2] that the network has decoded with the same
    grid, so that no heatmap is decoded twice. Call with these and the annotated ones."""

    def forward(self, predicted: Tensor, landmarks: Tensor) -> Tensor:
        check_decoded(predicted, landmarks, self.check.values, self.check.limit)
        return self.of_means(predicted, landmarks)


def coordinate_loss(
    predicted: Tensor,
    landmarks: Tensor,
    distance: str = "smooth_l1",
    image_size: int = 256,
    check_values: bool = True,
) -> Tensor:
    """d(y_t - μ) [B, N] of predicted coordinates (Eq. 2 without a heatmap).

    Args:
        predicted, landmarks: [B, N, 2] in [-1, 1]; where a landmark is NaN, the loss is 0.
        distance: as in `starlib.RegressionLoss`, but Wing as its paper has it (Feng et al., CVPR
            2018): ω = 10 and ε = 2 pixels of the input.
        image_size: side of the input in pixels.
        check_values: as in `starlib.RegressionLoss`.
    """
    check_decoded(predicted, landmarks, check_values)
    landmarks, missing = filled(landmarks)
    error = landmarks - predicted
    if distance == "wing":
        pixel = 2 / image_size
        loss = wing(error, WING_WIDTH * pixel, WING_CURVATURE * pixel)
    else:
        loss = get_distance(distance)(error)
    return masked(loss.sum(-1), missing)
