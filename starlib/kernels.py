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

# Maps whose largest value is below this hold no mass that float32 can normalise.
EMPTY = 1e-20
# Values that a CPU works on at once: 1 MB of float32, which with the scratch stays in a core's own
# cache.
BLOCK = 2**18


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
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor, None, None, None]:
        maps, x, y, sums, norm = ctx.saved_tensors
        scale, mass = norm.split(1, -1)
        again = torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if again:  # for a second derivative: the mass as a function of the maps
            total = _mass((maps / scale[..., None]).sum((-2, -1)))[..., None]
            mass = mass + (total - total.detach())
        upstream = upstream / mass
        upstream = upstream * _shrinking(upstream.detach(), scale, maps.dtype) / scale
        if sums.shape[-1] == 2:
            dx, dy = x - sums[..., :1], y - sums[..., 1:]
            across, down = upstream[..., :1] * dx, upstream[..., 1:] * dy
            return (across[..., None, :] + down[..., None]).to(maps.dtype), None, None, None
        terms = _terms(x, y, sums, scale, mass, upstream)
        if again:  # not in place, which torch.func.vmap has no rule for
            scale, factor, tilt, dx, across, down = (term[..., None] for term in terms)
            gradient = maps / scale * factor + tilt * dx.mT + across.mT + down
            return gradient.to(maps.dtype), None, None, None
        blocks = _blocks(maps)
        if len(blocks) == 1:
            return _write(maps, None, terms).to(maps.dtype), None, None, None
        gradient = torch.empty_like(maps)
        for block in blocks:
            out = gradient[block] if gradient.dtype == sums.dtype else None
            written = _write(maps[block], out, tuple(term[block] for term in terms))
            if out is None:
                gradient[block] = written
        return gradient, None, None, None

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


def _blocks(maps: Tensor) -> list[slice]:
    """Parts of the batch that stay in a CPU's cache; the whole on a GPU and when compiled."""
    if torch.compiler.is_compiling() or maps.device.type != "cpu":
        return [slice(None)]
    count = len(maps)
    step = max(BLOCK // max(maps[:1].numel(), 1), 1)
    if count <= step:
        return [slice(None)]
    return [slice(start, start + step) for start in range(0, count, step)]


def scaled(maps: Tensor, out: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Each map over its largest value, in float32 (float64 stays), and that value [B, N].

    Moments do not depend on a map's scale; with this one neither Σh nor Σh² can overflow or
    underflow. Empty maps have scale 1. No gradient goes through the scale.
    """
    largest = maps.detach().amax((-2, -1)).to(torch.promote_types(maps.dtype, torch.float32))
    scale = torch.where(largest > EMPTY, largest, 1.0)
    return torch.div(maps, scale[..., None, None], out=out), scale


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


def _read(maps: Tensor, y: Tensor, second: bool, scratch: Tensor) -> tuple[Tensor, ...]:
    """Scale of the maps; of the scaled ones the sums over rows and over columns, Σh², and the sums
    over the rows weighted with their distance from the mean. They go into `scratch`."""
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
    """The result of `_Sums`, from that of `_read`."""
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


def _terms(
    x: Tensor, y: Tensor, sums: Tensor, scale: Tensor, mass: Tensor, upstream: Tensor
) -> tuple[Tensor, ...]:
    """Terms of the gradient h / scale · factor + tilt(y) · dx + across(x) + down(y).

    `upstream` is the gradient of μ, S and V2, divided by V1.
    """
    dx, dy = x - sums[..., :1], y - sums[..., 1:2]
    gx, gy, xx, xy, yy, v2 = upstream.split(1, -1)
    constant = (upstream[..., 2:] * sums[..., 2:]).sum(-1, keepdim=True) + v2 * sums[..., 5:]
    across = gx * dx + xx * dx.square() - constant
    down = gy * dy + yy * dy.square()
    return scale, 2 * v2 / mass, xy * dy, dx, across, down


def _write(maps: Tensor, out: Tensor | None, terms: tuple[Tensor, ...]) -> Tensor:
    """The gradient of maps from its `_terms`, in the dtype of these; in `out` if it is given."""
    scale, factor, tilt, dx, across, down = terms
    gradient = torch.div(maps, scale[..., None], out=out).mul_(factor[..., None])
    gradient.addcmul_(tilt[..., None], dx[..., None, :])
    return gradient.add_(across[..., None, :]).add_(down[..., None])
