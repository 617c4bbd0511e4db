"""What a run minimises: the loss of its config on every stack, with its regularisers."""

import torch
from torch import Tensor, nn

from starlib.comparisons.aam import edge_targets, point_targets
from starlib.comparisons.awing import awing
from starlib.comparisons.dr import distribution_regularisation
from starlib.comparisons.table import loss_for
from starlib.models.heads import StackOutput
from starlib.schemes import Scheme
from starlib.training.config import RunConfig

MAP_WEIGHT = 10.0  # of AAM's point and edge losses; the landmark loss has 1


class Objective(nn.Module):
    """The loss of a config; its parameters, if it has any (RLE's flow), are trained too.

    Call with the stacks' outputs and landmarks [B, N, 2]; returns the mean over faces and
    landmarks, summed over stacks with the weights 1/8, 1/4, 1/2, 1 from first to last of four.
    """

    def __init__(self, config: RunConfig, scheme: Scheme):
        super().__init__()
        self.config, self.scheme = config, scheme
        entry = loss_for(config.loss, config.covariance, config.output)
        self.takes = entry.takes
        self.loss = entry.build(
            check_values=False,
            distance=config.distance,
            restriction=config.restriction,
            weight=config.weight,
            convention=config.convention,
            ratio=config.adl_ratio,
            image_size=config.image_size,
            scheme=scheme,
        )

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
            loss = loss + distribution_regularisation(output.heatmaps, landmarks, False).mean()
        if targets is not None:
            assert output.point_maps is not None and output.edge_maps is not None
            points = awing(output.point_maps, targets[0], check_values=False).mean()
            edges = awing(output.edge_maps, targets[1], check_values=False).mean()
            loss = loss + MAP_WEIGHT * (points + edges)
        return loss

    def landmark_loss(self, output: StackOutput, landmarks: Tensor) -> Tensor:
        """The loss of each landmark [B, N] on one stack, without regularisers."""
        return self.loss(*(getattr(output, name) for name in self.takes), landmarks)
