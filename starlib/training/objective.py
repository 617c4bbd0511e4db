"""The objective of a run: the loss of its config on every stack, with its regularisers."""

from typing import Any

import torch
from torch import Tensor, nn

from starlib.checks import FARTHEST
from starlib.comparisons.aam import edge_targets, edges_missing, point_targets
from starlib.comparisons.awing import awing
from starlib.comparisons.dr import distribution_regularisation
from starlib.comparisons.table import loss_for
from starlib.models.heads import StackOutput
from starlib.schemes import Scheme
from starlib.training.config import RunConfig
from starlib.unlabelled import filled, labelled_mean

MAP_WEIGHT = 10.0  # of AAM's point and edge losses; the landmark loss has 1


class Objective(nn.Module):
    """The loss of a config; its parameters, if it has any (RLE's flow), are trained too.

    Call with the stacks' outputs and landmarks [B, N, 2], NaN where unlabelled; returns the mean
    over the labelled landmarks of all faces, summed over stacks with the weights 1/8, 1/4, 1/2, 1
    from first to last of four. Of several processes each takes the mean over its own.
    """

    def __init__(self, config: RunConfig, scheme: Scheme):
        super().__init__()
        self.config, self.scheme = config, scheme
        entry = loss_for(config.loss, config.covariance, config.output)
        self.takes = entry.takes
        options: dict[str, Any] = config.to_dict() | {"ratio": config.adl_ratio, "scheme": scheme}
        # Crops are in units of [-1, 1], those of profiles beyond 2.
        self.loss = entry.build(check_values=False, landmark_limit=FARTHEST, **options)

    def forward(self, outputs: list[StackOutput], landmarks: Tensor) -> Tensor:
        placed, missing = filled(landmarks)
        targets = None
        if (maps := outputs[-1].point_maps) is not None:
            size = maps.shape[-1]
            targets = point_targets(placed, size), edge_targets(placed, self.scheme, size)
        losses = [self._stack(output, landmarks, missing, targets) for output in outputs]
        shares = [0.5 ** (len(losses) - 1 - stack) for stack in range(len(losses))]
        return torch.stack([s * loss for s, loss in zip(shares, losses, strict=True)]).sum()

    def _stack(
        self,
        output: StackOutput,
        landmarks: Tensor,
        missing: Tensor,
        targets: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        loss = labelled_mean(self.landmark_loss(output, landmarks), missing)
        loss = self.config.loss_weight * loss
        if self.config.dr:
            assert output.heatmaps is not None
            divergence = distribution_regularisation(output.heatmaps, landmarks, False)
            loss = loss + labelled_mean(divergence, missing)
        if targets is not None:
            assert output.point_maps is not None and output.edge_maps is not None
            points = awing(output.point_maps, targets[0], check_values=False)
            edges = awing(output.edge_maps, targets[1], check_values=False)
            maps = labelled_mean(points, missing)
            maps = maps + labelled_mean(edges, edges_missing(missing, self.scheme))
            loss = loss + MAP_WEIGHT * maps
        return loss

    def landmark_loss(self, output: StackOutput, landmarks: Tensor) -> Tensor:
        """The loss of each landmark [B, N] on one stack, without regularisers."""
        return self.loss(*(getattr(output, name) for name in self.takes), landmarks)
