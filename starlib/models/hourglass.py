"""The stacked hourglass network (Newell et al., ECCV 2016), with the point and edge heads of the
Anisotropic Attention Module (AAM; Huang et al., ADNet, ICCV 2021) when asked for."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from starlib.checks import integer, multiple_of
from starlib.models.heads import CholeskyHead, StackOutput, activated, peak_positions
from starlib.moments import grid_positions, soft_argmax
from starlib.schemes import Scheme, get_scheme

EDGE_PRESENT = 0.05  # a map above this marks where the boundary coordinate channels are filled in


def with_coordinates(features: Tensor, boundary: Tensor | None = None) -> Tensor:
    """Features with the channels y, x and the radius √(x² + y²) over its largest value appended.

    With `boundary` maps [B, 1, H, W], y and x are appended once more, zero off the boundary
    (CoordConv with boundary; Wang et al., AWing, ICCV 2019). y comes first because the released
    weights have it so.
    """
    height, width = features.shape[-2:]
    x = grid_positions(width, "corners", like=features).expand(height, width)
    y = grid_positions(height, "corners", like=features)[:, None].expand(height, width)
    radius = torch.hypot(x, y)
    channels = torch.stack((y, x, radius / radius.max())).expand(len(features), -1, -1, -1)
    parts = [features, channels]
    if boundary is not None:
        parts.append(channels[:, :2] * (boundary > EDGE_PRESENT).to(features.dtype))
    return torch.cat(parts, dim=1)


class Residual(nn.Module):
    """Pre-activation bottleneck block, [B, C, H, W] -> [B, D, H, W]."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        middle = out_channels // 2
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, middle, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(middle), nn.Conv2d(middle, middle, 3, padding=1)
        self.bn3, self.conv3 = nn.BatchNorm2d(middle), nn.Conv2d(middle, out_channels, 1)
        same = channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        return self.conv3(F.relu(self.bn3(y))) + self.skip(x)


class Hourglass(nn.Module):
    """`depth` halvings and doublings around a bottleneck, [B, C, H, W] -> the same shape."""

    def __init__(self, depth: int, width: int):
        super().__init__()
        self.up = Residual(width, width)
        self.down = Residual(width, width)
        self.inner = Hourglass(depth - 1, width) if depth > 1 else Residual(width, width)
        self.out = Residual(width, width)

    def forward(self, x: Tensor) -> Tensor:
        low = self.out(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.up(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


class Stack(nn.Module):
    """One hourglass with its heads; unless it is the last, `merge` feeds the next."""

    def __init__(
        self,
        scheme: Scheme,
        width: int,
        depth: int,
        aam: bool,
        first: bool,
        last: bool,
        cholesky: bool = False,
        sigmoid: bool = False,
    ):
        super().__init__()
        self.coordinate_conv = nn.Conv2d(width + (3 if first else 5), width, 1)
        self.hourglass = Hourglass(depth, width)
        self.residual = Residual(width, width)
        self.conv, self.bn = nn.Conv2d(width, width, 1), nn.BatchNorm2d(width)
        heads = {"heat": scheme.points}
        if aam:
            heads |= {"edge": len(scheme.edges), "point": scheme.points}
        self.heads = nn.ModuleDict({n: nn.Conv2d(width, c, 1) for n, c in heads.items()})
        merged = {} if last else {"features": width, **heads}
        self.merge = nn.ModuleDict({n: nn.Conv2d(c, width, 1) for n, c in merged.items()})
        self.scale = CholeskyHead(width, scheme.points) if cholesky else None
        self.sigmoid = sigmoid

    def forward(self, x: Tensor, heat: Tensor | None) -> tuple[dict[str, Tensor], Tensor]:
        """The heads' outputs, and the features of the next stack; `heat`: the last stack's."""
        boundary = None if heat is None else heat[:, -1:]
        y = self.hourglass(self.coordinate_conv(with_coordinates(x, boundary)))
        features = F.relu(self.bn(self.conv(self.residual(y))))
        maps = {
            name: activated(head(features), self.sigmoid or name != "heat")
            for name, head in self.heads.items()
        }
        inputs = {"features": features, **maps}
        for name, conv in self.merge.items():
            x = x + conv(inputs[name])
        if self.scale is not None:
            maps["scale"] = self.scale(features)
        return maps, x


class StackedHourglass(nn.Module):
    """Stacked hourglass landmark detector (Section 5.1 of the paper).

    Heatmaps are ReLU(InstanceNorm(logits)), a quarter of the input's size; landmarks are their
    soft-argmax. With `aam`, heatmaps are multiplied by mask = (edge maps summed over the edges a
    point lies on, 1 for a point on none) · point map.

    Args:
        scheme: landmark scheme or its name.
        stacks: number of hourglasses.
        width: channels inside; a multiple of 4.
        depth: halvings inside an hourglass.
        image_size: side of the square input in pixels; a multiple of 4 · 2^depth.
        aam: add the point and edge heads.
        grid: coordinates of the decoder, "centers", or "corners" as the released code has it.
        cholesky: add a head that predicts a covariance per landmark.
        sigmoid: for heatmap regression: heatmaps are sigmoid(logits), landmarks their peaks.

    Call with images [B, 3, S, S], any S that is such a multiple, values in [-1, 1]; returns one
    `StackOutput` per stack. Raises ValueError naming the argument.
    """

    def __init__(
        self,
        scheme: Scheme | str,
        stacks: int = 4,
        width: int = 256,
        depth: int = 4,
        image_size: int = 256,
        aam: bool = True,
        grid: str = "centers",
        cholesky: bool = False,
        sigmoid: bool = False,
    ):
        super().__init__()
        self.scheme = get_scheme(scheme)
        integer(1).check("stacks", stacks)
        integer(1).check("depth", depth)
        multiple_of(4).check("width", width)
        self.multiple = 4 * 2**depth
        multiple_of(self.multiple, f" for depth {depth}").check("image_size", image_size)
        if aam and not self.scheme.edges:
            raise ValueError(f"aam: expected edges, scheme {self.scheme.name} has none")
        self.grid, self.sigmoid = grid, sigmoid
        self.stem_conv = nn.Conv2d(6, width // 4, 7, stride=2, padding=3)
        self.stem_bn = nn.BatchNorm2d(width // 4)
        self.stem = nn.Sequential(
            Residual(width // 4, width // 2),
            nn.MaxPool2d(2),
            Residual(width // 2, width // 2),
            Residual(width // 2, width),
        )
        self.stacks = nn.ModuleList(
            Stack(self.scheme, width, depth, aam, i == 0, i == stacks - 1, cholesky, sigmoid)
            for i in range(stacks)
        )
        membership = torch.tensor(self.scheme.membership.T, dtype=torch.float32)  # [N, E]
        self.register_buffer("membership", membership, persistent=False)
        self.membership: Tensor

    def forward(self, images: Tensor) -> list[StackOutput]:
        if (
            images.dim() != 4
            or images.shape[1] != 3
            or any(side % self.multiple or side == 0 for side in images.shape[2:])
        ):
            raise ValueError(
                f"images: expected shape [B, 3, S, S] with S a multiple of {self.multiple}, "
                f"got {list(images.shape)}"
            )
        x = self.stem(F.relu(self.stem_bn(self.stem_conv(with_coordinates(images)))))
        outputs, heat = [], None
        for stack in self.stacks:
            maps, x = stack(x, heat)
            heat = maps["heat"]
            outputs.append(self._output(maps))
        return outputs

    def _output(self, maps: dict[str, Tensor]) -> StackOutput:
        heat, edge, point = maps["heat"], maps.get("edge"), maps.get("point")
        if edge is not None and point is not None:
            membership = self.membership.to(edge.dtype)
            on_none = (membership.sum(1) == 0).to(edge.dtype)
            mask = torch.einsum("ne,behw->bnhw", membership, edge) + on_none[:, None, None]
            heat = heat * mask * point
        landmarks = peak_positions(heat) if self.sigmoid else soft_argmax(heat, self.grid)
        return StackOutput(landmarks, heat, point, edge, maps.get("scale"))
