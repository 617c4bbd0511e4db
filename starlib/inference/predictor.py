"""A trained network as one function of RGB images: landmarks, covariances, heatmaps."""

from torch import Tensor, nn

from starlib.models.heads import StackOutput
from starlib.moments import heatmap_moments


class Predictor(nn.Module):
    """RGB images [B, 3, S, S] in [-1, 1] -> landmarks [B, N, 2] in [-1, 1], their covariance
    [B, N, 2, 2] and the heatmaps [B, N, h, w] of the last stack.

    The covariance is the predicted one where the network has a head for it, else the heatmap's. A
    network that has neither gives its landmarks alone, and one without heatmaps no heatmaps.

    bgr: what the network wants. grid: of its decoder.
    """

    def __init__(self, model: nn.Module, bgr: bool, grid: str):
        super().__init__()
        self.model, self.bgr, self.grid = model, bgr, grid

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.flip(1) if self.bgr else images)[-1]
        landmarks, covariance = output.landmarks.float(), self._covariance(output)
        if covariance is None:
            return (landmarks,)
        if output.heatmaps is None:
            return landmarks, covariance
        return landmarks, covariance, output.heatmaps

    def _covariance(self, output: StackOutput) -> Tensor | None:
        if output.scale_tril is not None:
            return (output.scale_tril @ output.scale_tril.mT).float()
        if output.heatmaps is None:
            return None
        return heatmap_moments(output.heatmaps, self.grid)[1]
