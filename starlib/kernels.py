"""Sums over the cells of heatmaps with their gradient: few reads of the maps, one write.

Of a map h with V1 = Σᵢ hᵢ, ĥ = h / V1 and cells at yᵢ, moments.py needs

    μ = Σᵢ ĥᵢ yᵢ        S = Σᵢ ĥᵢ dᵢ dᵢᵀ        V2 = Σᵢ ĥᵢ²        dᵢ = yᵢ - μ

Autograd would keep a copy of the maps for each product. By hand the gradient needs the maps alone:

    ∂μ/∂hᵢ = dᵢ / V1    ∂S/∂hᵢ = (dᵢ dᵢᵀ - S) / V1    ∂V2/∂hᵢ = 2 (ĥᵢ - V2) / V1

which for a map is a multiple of h plus a matrix of rank three. The map is read for its sums over
columns, with weights [1, y], and over rows. Both variances follow from these margins once the mean
is known, so that nothing cancels; the covariance of x and y loses a digit to the mean where the map
is as narrow as a cell. Each pass is one operation over all maps, so that threads seldom wait for
each other. Under torch.compile all sums are of one shape, so that they become one kernel.
"""

from typing import Any

import torch
from torch import Tensor

# Maps whose largest value is below this hold no mass that float32 can normalise.
EMPTY = 1e-20
# Masses Σh between which neither Σh nor Σh² needs the map to be scaled first.
SAFE = 1e-9, 1e9


def first_moment(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """μ [B, N, 2] of maps [B, N, H, W] with columns at x [W] and rows at y [H].

    In float32 (float64 for float64 maps); the origin for an empty map.
    """
    return _Sums.apply(maps, x, y, False)[0]


def second_moments(maps: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """μ [B, N, 2], S as xx, xy and yy [B, N, 3], and V2 [B, N, 1]; arguments as `first_moment`.

    All are zero for an empty map.
    """
    mean, spread, v2 = _Sums.apply(maps, x, y, True)[0].split((2, 3, 1), -1)
    return mean, spread, v2


class _Sums(torch.autograd.Function):
    """Sums [B, N, 6] (μ, S, V2; or [B, N, 2], μ alone), and scale and mass [B, N, 2] of the maps.

    Where a map's gradient would leave the range of the maps' dtype, as float16's does for maps of
    small values, the whole map's gradient is scaled down: finite, its direction kept.
    """

    @staticmethod
    def forward(maps: Tensor, x: Tensor, y: Tensor, second: bool) -> tuple[Tensor, Tensor]:
        sums = _sums_at_once if torch.compiler.is_compiling() else _sums
        return sums(maps, x, y, second)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        maps, x, y, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(maps, x, y, *output)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        maps, x, y, sums, norm = ctx.saved_tensors
        scale, mass = norm.split(1, -1)
        compiling = torch.compiler.is_compiling()
        again = torch.is_grad_enabled() and not compiling
        if again:  # for a second derivative: the mass as a function of the maps
            total = _mass((maps / scale[..., None]).sum((-2, -1)))[..., None]
            mass = mass + (total - total.detach())
        upstream = upstream / mass
        upstream = upstream * _shrinking(upstream.detach(), scale, maps.dtype) / scale
        if sums.shape[-1] == 2:
            dx, dy = x - sums[..., :1], y - sums[..., 1:]
            across, down = upstream[..., :1] * dx, upstream[..., 1:] * dy
            return (across[..., None, :] + down[..., None]).to(maps.dtype), None, None, None
        # In place there is neither a second derivative nor a rule for torch.func.vmap.
        in_place = not (again or compiling)
        gradient = _gradient(maps, x, y, sums, scale, mass, upstream, in_place)
        return gradient.to(maps.dtype), None, None, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Any, ...], maps: Tensor, x: Tensor, y: Tensor, second: bool
    ) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """The sums of maps with one more dimension, which joins the batch."""
        maps = maps.movedim(in_dims[0], 0)
        sums, norm = _Sums.apply(maps.flatten(0, 1), x, y, second)
        return (sums.unflatten(0, maps.shape[:2]), norm.unflatten(0, maps.shape[:2])), (0, 0)


def _shrinking(upstream: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """Factor [B, N, 1], at most 1, that keeps a map's gradient in the range of its dtype.

    No distance from the mean exceeds 2, so no cell's gradient exceeds four times the sum of the
    `upstream` ones over the scale.
    """
    largest = 4 * upstream.abs().sum(-1, keepdim=True)
    return (0.99 * torch.finfo(dtype).max * scale / largest).clamp_max(1)


def scaled(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Each map over its largest value, in float32 (float64 stays), and that value [B, N].

    Moments do not depend on a map's scale; with this one neither Σh nor Σh² can overflow or
    underflow. Empty maps have scale 1. No gradient goes through the scale.
    """
    largest = maps.detach().amax((-2, -1)).to(torch.promote_types(maps.dtype, torch.float32))
    scale = torch.where(largest > EMPTY, largest, 1.0)
    return maps / scale[..., None, None], scale


def widened(values: Tensor) -> Tensor:
    """The values in float32 (float64 stays); their gradient stays in the range of their dtype."""
    if values.dtype == torch.float16:
        return _Widened.apply(values)
    return values.to(torch.promote_types(values.dtype, torch.float32))


class _Widened(torch.autograd.Function):
    """float16 to float32; back, a gradient beyond the range of float16 is its largest number."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        return values.float()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        limit = torch.finfo(torch.float16).max
        return upstream.clamp(-limit, limit).half()


def _mass(total: Tensor) -> Tensor:
    """The divisor of a scaled map's sums: its Σh, which is at least 1, or 1 if it is empty."""
    return torch.where(total < 0.5, 1.0, total)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b for [B, N, I, K] and [B, N, K, J], in the precision of their dtype.

    There is no matrix product where torch may round factors to TF32 or bfloat16, nor under
    torch.compile, which fuses sums and not products.
    """
    if torch.compiler.is_compiling() or torch.get_float32_matmul_precision() != "highest":
        return (a[..., None] * b[..., None, :, :]).sum(-2)
    kind = a.device.type
    with torch.autocast(kind if torch.amp.is_autocast_available(kind) else "cpu", enabled=False):
        return a @ b


def _sums(maps: Tensor, x: Tensor, y: Tensor, second: bool) -> tuple[Tensor, Tensor]:
    """The result of `_Sums`, with sums over rows before those over columns."""
    powers = torch.stack((torch.ones_like(y), y)).expand(*maps.shape[:2], -1, -1)
    # On a GPU a look at the values would wait for them.
    safe = maps.device.type == "cpu" and maps.dtype == y.dtype and maps.numel() > 0
    if safe:
        h, products = maps, _product(powers, maps)
        scale = products[..., 0, :].sum(-1)
        safe = bool(scale.min() > SAFE[0]) and bool(scale.max() < SAFE[1])
    if safe:
        divisor = scale
    else:
        h, scale = scaled(maps)
        products, divisor = _product(powers, h), torch.ones_like(scale)
    columns, moments = (products / divisor[..., None, None]).unbind(-2)
    mass = _mass(columns.sum(-1))
    norm = torch.stack((scale, mass), -1)
    mean = torch.stack(((columns * x).sum(-1), moments.sum(-1)), -1) / mass[..., None]
    if not second:
        return mean, norm
    dx, dy = x - mean[..., :1], y - mean[..., 1:]
    rows = h.sum(-1) / divisor[..., None]
    xx, yy = (columns * dx.square()).sum(-1), (rows * dy.square()).sum(-1)
    xy = ((moments - mean[..., 1:] * columns) * dx).sum(-1)
    v2 = (torch.linalg.vector_norm(h, dim=(-2, -1)) / divisor).square() / mass
    return torch.cat((mean, torch.stack((xx, xy, yy, v2), -1) / mass[..., None]), -1), norm


def _sums_at_once(maps: Tensor, x: Tensor, y: Tensor, second: bool) -> tuple[Tensor, Tensor]:
    """The result of `_Sums`, each as a sum over all cells."""
    h, scale = scaled(maps)
    h, x, y = h.flatten(2), x.repeat(len(y)), y.repeat_interleave(len(x))
    mass = _mass(h.sum(-1))
    norm = torch.stack((scale, mass), -1)
    mean = torch.stack(((h * x).sum(-1), (h * y).sum(-1)), -1) / mass[..., None]
    if not second:
        return mean, norm
    dx, dy = x - mean[..., :1], y - mean[..., 1:]
    xx, xy, yy = (h * dx.square()).sum(-1), (h * dx * dy).sum(-1), (h * dy.square()).sum(-1)
    rest = torch.stack((xx, xy, yy, h.square().sum(-1) / mass), -1) / mass[..., None]
    return torch.cat((mean, rest), -1), norm


def _gradient(
    maps: Tensor, x: Tensor, y: Tensor, sums: Tensor, scale: Tensor, mass: Tensor,
    upstream: Tensor, in_place: bool,
) -> Tensor:  # fmt: skip
    """The gradient of maps, h / scale · factor + left @ right.

    `upstream` is the gradient of μ, S and V2, divided by V1.
    """
    dx, dy = x - sums[..., :1], y - sums[..., 1:2]
    gx, gy, xx, xy, yy, v2 = upstream.split(1, -1)
    constant = (upstream[..., 2:] * sums[..., 2:]).sum(-1, keepdim=True) + v2 * sums[..., 5:]
    across = gx * dx + xx * dx.square() - constant
    down = gy * dy + yy * dy.square()
    left = torch.stack((xy * dy, torch.ones_like(dy), down), -1)
    right = torch.stack((dx, across, torch.ones_like(dx)), -2)
    scale, factor = scale[..., None], (2 * v2 / mass)[..., None]
    gradient, ratio = _product(left, right), factor / scale
    # The ratio is beyond float32 for maps of small values; on a GPU a look at it would wait.
    if in_place and maps.device.type == "cpu" and bool(ratio.isfinite().all()):
        return gradient.addcmul_(maps, ratio)
    h = maps / scale
    return gradient.addcmul_(h, factor) if in_place else torch.addcmul(gradient, h, factor)
