"""A trained network as one function of RGB images: landmarks, covariances, heatmaps."""

from torch import Tensor, nn

from starlib.models.heads import output_moments


class Predictor(nn.Module):
    """RGB images [B, 3, S, S] in [-1, 1] -> landmarks [B, N, 2] in [-1, 1], their covariance
    [B, N, 2, 2] and the heatmaps [B, N, h, w] of the last stack.

    The covariance is that of `starlib.models.heads.output_moments`, the same that calibration is
    fitted to. A network without it gives its landmarks alone, one without heatmaps those two.

    bgr: the network's order of colours. grid: of its decoder. peaks: whether its heatmaps are
    sigmoid maps. with_heatmaps: set it to False to leave them out.
    """

    def __init__(self, model: nn.Module, bgr: bool, grid: str, peaks: bool = False):
        super().__init__()
        self.model, self.bgr, self.grid, self.peaks = model, bgr, grid, peaks
        self.with_heatmaps = True

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.model(images.flip(1) if self.bgr else images)[-1]
        landmarks, covariance = output_moments(output, self.grid, self.peaks)
        if covariance is None:
            return (landmarks,)
        if output.heatmaps is None or not self.with_heatmaps:
            return landmarks, covariance
        return landmarks, covariance, output.heatmaps
