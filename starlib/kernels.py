"""Sums over the cells of heatmaps with their gradient: one read of the maps, one write.

Of a map h with V1 = Σᵢ hᵢ, ĥ = h / V1 and cells at yᵢ, moments.py needs

    μ = Σᵢ ĥᵢ yᵢ        S = Σᵢ ĥᵢ dᵢ dᵢᵀ        V2 = Σᵢ ĥᵢ²        dᵢ = yᵢ - μ

Autograd would keep a copy of the maps for each product. By hand the gradient needs the maps alone:

    ∂μ/∂hᵢ = dᵢ / V1    ∂S/∂hᵢ = (dᵢ dᵢᵀ - S) / V1    ∂V2/∂hᵢ = 2 (ĥᵢ - V2) / V1

which for a map is a quadratic polynomial in x and y plus a multiple of h. On a CPU the maps go
through in blocks that stay in the cache, so that only the first pass over a block reads memory.
Under torch.compile all sums are of one shape, so that they become one kernel. No form has a matrix
product: TF32 and bfloat16 matrix units would round it.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Maps whose largest value is below this hold no mass that float32 can normalise.
EMPTY = 1e-20
# Values that a CPU works on at once: 4 MB of float32.
BLOCK = 2**20


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

    It has one derivative: its backward pass is not differentiable.
    """

    @staticmethod
    def forward(maps: Tensor, x: Tensor, y: Tensor, second: bool) -> tuple[Tensor, Tensor]:
        if torch.compiler.is_compiling():
            return _sums_at_once(maps, x, y, second)
        blocks = _blocks(maps)
        scratch = torch.empty_like(maps[blocks[0]], dtype=x.dtype)
        parts = zip(*(_read(maps[block], y, second, scratch) for block in blocks), strict=True)
        return _sums(x, y, *(part[0] if len(part) == 1 else torch.cat(part) for part in parts))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        maps, x, y, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(maps, x, y, *output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        maps, x, y, sums, norm = ctx.saved_tensors
        upstream = upstream / norm[..., 1:] / norm[..., :1]
        if sums.shape[-1] == 2:
            dx, dy = x - sums[..., :1], y - sums[..., 1:]
            across, down = upstream[..., :1] * dx, upstream[..., 1:] * dy
            return (across[..., None, :] + down[..., None]).to(maps.dtype), None, None, None
        terms = _terms(x, y, sums, norm, upstream)
        blocks = _blocks(maps)
        if len(blocks) == 1:
            return _write(maps, None, *terms).to(maps.dtype), None, None, None
        gradient = torch.empty_like(maps)
        for block in blocks:
            out = gradient[block] if gradient.dtype == sums.dtype else None
            written = _write(maps[block], out, *(term[block] for term in terms))
            if out is None:
                gradient[block] = written
        return gradient, None, None, None


def _blocks(maps: Tensor) -> list[slice]:
    """Parts of the batch that stay in a CPU's cache; the whole on a GPU and when compiled."""
    count = len(maps)
    step = max(BLOCK // max(maps[:1].numel(), 1), 1)
    if torch.compiler.is_compiling() or maps.device.type != "cpu" or count <= step:
        return [slice(0, count)]
    return [slice(start, start + step) for start in range(0, count, step)]


def scaled(maps: Tensor, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Each map over its largest value, in float32 (float64 stays), and that value [B, N].

    Moments do not depend on a map's scale; with this one neither Σh nor Σh² can overflow or
    underflow. Empty maps have scale 1. No gradient goes through the scale.
    """
    largest = maps.detach().amax((-2, -1)).to(torch.promote_types(maps.dtype, torch.float32))
    scale = torch.where(largest > EMPTY, largest, 1.0)
    return torch.div(maps, scale[..., None, None], out=out), scale


def _mass(total: Tensor) -> Tensor:
    """What divides the sums of a scaled map: its Σh, which is at least 1, or 1 if it is empty."""
    return torch.where(total < 0.5, 1.0, total)


def _read(maps: Tensor, y: Tensor, second: bool, scratch: Tensor) -> tuple[Tensor, ...]:
    """Of scaled maps: scale, sums over rows and over columns; Σh², and the sums over the rows
    weighted with their distance from the mean. The scaled maps go into `scratch`."""
    h, scale = scaled(maps, scratch[: len(maps)])
    columns, rows = h.sum(-2), h.sum(-1)
    if not second:
        return scale, columns, rows
    mean = (rows * y).sum(-1) / _mass(rows.sum(-1))
    squares = torch.linalg.vector_norm(h, dim=(-2, -1)).square()
    return scale, columns, rows, squares, h.mul_((y - mean[..., None])[..., None]).sum(-2)


def _sums(
    x: Tensor, y: Tensor, scale: Tensor, columns: Tensor, rows: Tensor, *second: Tensor
) -> tuple[Tensor, Tensor]:
    """What `_Sums` returns, from what `_read` does."""
    mass = _mass(rows.sum(-1))
    norm = torch.stack((scale, mass), -1)
    mean = torch.stack(((columns * x).sum(-1), (rows * y).sum(-1)), -1) / mass[..., None]
    if not second:
        return mean, norm
    squares, tilted = second
    dx, dy = x - mean[..., :1], y - mean[..., 1:]
    xx, xy = (columns * dx.square()).sum(-1), (tilted * dx).sum(-1)
    yy = (rows * dy.square()).sum(-1)
    rest = torch.stack((xx, xy, yy, squares / mass), -1) / mass[..., None]
    return torch.cat((mean, rest), -1), norm


def _sums_at_once(maps: Tensor, x: Tensor, y: Tensor, second: bool) -> tuple[Tensor, Tensor]:
    """What `_Sums` returns, each as a sum over all cells."""
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


def _terms(
    x: Tensor, y: Tensor, sums: Tensor, norm: Tensor, upstream: Tensor
) -> tuple[Tensor, ...]:
    """Terms of the gradient h / scale · factor + tilt(y) · dx + across(x) + down(y).

    `upstream` is the gradient of μ, S and V2, divided by V1.
    """
    dx, dy = x - sums[..., :1], y - sums[..., 1:2]
    gx, gy, xx, xy, yy, v2 = upstream.split(1, -1)
    constant = (upstream[..., 2:] * sums[..., 2:]).sum(-1, keepdim=True) + v2 * sums[..., 5:]
    across = gx * dx + xx * dx.square() - constant
    down = gy * dy + yy * dy.square()
    return norm[..., :1], 2 * v2 / norm[..., 1:], xy * dy, dx, across, down


def _write(
    maps: Tensor,
    out: Tensor | None,
    scale: Tensor,
    factor: Tensor,
    tilt: Tensor,
    dx: Tensor,
    across: Tensor,
    down: Tensor,
) -> Tensor:
    """The gradient of maps from its `_terms`, in the dtype of these; in `out` if it is given."""
    gradient = torch.div(maps, scale[..., None], out=out).mul_(factor[..., None])
    gradient.addcmul_(tilt[..., None], dx[..., None, :])
    return gradient.add_(across[..., None, :]).add_(down[..., None])
