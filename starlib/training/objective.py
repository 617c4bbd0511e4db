"""What a run minimises: the loss of its config on every stack, with its regularisers."""

import torch
from torch import Tensor, nn

from starlib.comparisons.aam import edge_targets, point_targets
from starlib.comparisons.adl import adl
from starlib.comparisons.awing import awing
from starlib.comparisons.dr import HEATMAP_SIGMA, distribution_regularisation, gaussian_maps
from starlib.comparisons.likelihoods import cholesky_nll, heatmap_nll
from starlib.comparisons.rle import ResidualLikelihood
from starlib.comparisons.star_variants import (
    restricted_regression,
    star_inside,
    star_isotropic,
    star_random,
)
from starlib.distances import get_distance, wing
from starlib.losses import RegressionLoss, STARLoss
from starlib.models.heads import StackOutput
from starlib.schemes import Scheme
from starlib.training.config import RunConfig

MAP_WEIGHT = 10.0  # of AAM's point and edge losses; the landmark loss has 1
VARIANTS = {
    "star_inside": star_inside,
    "star_isotropic": star_isotropic,
    "star_random": star_random,
    "restricted_regression": restricted_regression,
}


class Objective(nn.Module):
    """The loss of a config; its parameters, if it has any (RLE's flow), are trained too.

    Call with the stacks' outputs and landmarks [B, N, 2]; returns the mean over faces and
    landmarks, summed over stacks with the weights 1/8, 1/4, 1/2, 1 from first to last of four.
    """

    def __init__(self, config: RunConfig, scheme: Scheme):
        super().__init__()
        self.config, self.scheme = config, scheme
        self.regression = RegressionLoss(config.distance, config.convention, check_values=False)
        self.star = STARLoss(
            config.distance, config.restriction, config.weight, config.convention, False
        )
        self.family = config.loss.removesuffix("_nll")  # of a likelihood
        self.flow = ResidualLikelihood() if config.loss == "rle" else None

    def forward(self, outputs: list[StackOutput], landmarks: Tensor) -> Tensor:
        targets = self._map_targets(outputs[-1], landmarks)
        losses = [self._stack(output, landmarks, targets) for output in outputs]
        shares = [0.5 ** (len(losses) - 1 - stack) for stack in range(len(losses))]
        return torch.stack([s * loss for s, loss in zip(shares, losses, strict=True)]).sum()

    def _map_targets(self, output: StackOutput, landmarks: Tensor) -> tuple[Tensor, Tensor] | None:
        if output.point_maps is None:
            return None
        size = output.point_maps.shape[-1]
        return point_targets(landmarks, size), edge_targets(landmarks, self.scheme, size)

    def _stack(
        self, output: StackOutput, landmarks: Tensor, targets: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        loss = self.config.loss_weight * self.landmark_loss(output, landmarks).mean()
        if self.config.dr:
            assert output.heatmaps is not None
            loss = loss + distribution_regularisation(output.heatmaps, landmarks).mean()
        if targets is not None:
            assert output.point_maps is not None and output.edge_maps is not None
            points, edges = targets
            maps = awing(output.point_maps, points).mean() + awing(output.edge_maps, edges).mean()
            loss = loss + MAP_WEIGHT * maps
        return loss

    def landmark_loss(self, output: StackOutput, landmarks: Tensor) -> Tensor:
        """The loss of each landmark [B, N] on one stack, without regularisers."""
        config, heatmaps = self.config, output.heatmaps
        if self.flow is not None:
            assert output.scale_tril is not None
            deviations = output.scale_tril.diagonal(dim1=-2, dim2=-1)
            return self.flow(output.landmarks, deviations, landmarks)
        if config.covariance == "cholesky":
            assert output.scale_tril is not None
            return cholesky_nll(output.landmarks, output.scale_tril, landmarks, self.family)
        if heatmaps is None:
            return coordinate_loss(output.landmarks, landmarks, config.distance, config.image_size)
        if config.loss == "regression":
            return self.regression(heatmaps, landmarks)
        if config.loss == "star":
            return self.star(heatmaps, landmarks)
        if config.loss == "mahalanobis":  # squared
            return star_inside(heatmaps, landmarks, "l2", config.restriction, config.weight)
        if config.loss in VARIANTS:
            options = (config.distance, config.restriction, config.weight)
            return VARIANTS[config.loss](heatmaps, landmarks, *options)
        if config.loss == "adl":
            return adl(heatmaps, landmarks, self.scheme, config.distance, config.adl_ratio)
        if config.loss == "awing":
            return awing(heatmaps, gaussian_maps(landmarks, heatmaps.shape[-1], HEATMAP_SIGMA))
        return heatmap_nll(heatmaps, landmarks, self.family)


def coordinate_loss(predicted: Tensor, landmarks: Tensor, distance: str, image_size: int) -> Tensor:
    """d(y_t - μ) [B, N] of predicted coordinates; Wing as its paper has it, ω = 10 and ε = 2 pixels
    of the input."""
    error = landmarks - predicted
    if distance == "wing":
        return wing(error, width=20 / image_size, curvature=4 / image_size).sum(-1)
    return get_distance(distance)(error).sum(-1)
