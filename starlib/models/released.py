"""The authors' released weights: their checkpoint files as networks of ours.

Names, layers and the decoder's corner grid are checked against numbers computed with the released
code (WFLW with AAM). Their networks want BGR images and the crop of `starlib.data.released`.
"""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from starlib.models.hourglass import StackedHourglass
from starlib.models.weights import read_tensors
from starlib.schemes import Scheme, get_scheme

IMAGE_SIZE = 256
EDGES = "e2h_transform."  # which points lie on which edge; computed from the scheme here

RENAMES = (  # names of the released checkpoints -> ours, one after the other
    (r"\.conv\.(weight|bias)$", r".\1"),
    (r"skip_layer", "skip"),
    (r"^pre\.0\.bn", "stem_bn"),
    (r"^pre\.0", "stem_conv"),
    (r"^pre\.(\d)", lambda match: f"stem.{int(match[1]) - 1}"),
    (r"^hgs\.(\d+)\.coordconv", r"stacks.\1.coordinate_conv"),
    (r"^hgs\.(\d+)", r"stacks.\1.hourglass"),
    (r"\.up1", ".up"),
    (r"\.low1", ".down"),
    (r"\.low2", ".inner"),
    (r"\.low3", ".out"),
    (r"^features\.(\d+)\.0", r"stacks.\1.residual"),
    (r"^features\.(\d+)\.1\.bn", r"stacks.\1.bn"),
    (r"^features\.(\d+)\.1", r"stacks.\1.conv"),
    (r"^out_(heat|edge|point)maps\.(\d+)", r"stacks.\2.heads.\1"),
    (r"^merge_(heat|edge|point)maps\.(\d+)", r"stacks.\2.merge.\1"),
    (r"^merge_features\.(\d+)", r"stacks.\1.merge.features"),
)


def load_released(
    source: Path | str | Mapping[str, Any],
    scheme: Scheme | str,
    ema: bool = False,
    name: str = "state_dict",
) -> StackedHourglass:
    """The network of one of the authors' checkpoints, in evaluation mode.

    Args:
        source: the file (.pkl), or what it holds: {"net": tensors by name, "net_ema": …}, or the
            tensors by name alone. Read as tensors only: no code in it can run.
        scheme: the scheme it was trained on, or its name.
        ema: take the averaged weights, "net_ema", instead of "net".
        name: for errors, where a mapping was read from.

    Stacks, width, depth and AAM follow from the tensors. What the released network allocates and
    never uses is dropped. Edges may stand in another order than in the scheme. The network wants
    BGR images. Raises ValueError for everything else that does not fit, naming the tensors.
    """
    if isinstance(source, Mapping):
        parts: Mapping[str, Any] = source
    else:
        parts, name = read_tensors(source), str(source)
    tensors, scheme = _tensors(parts, ema, name), get_scheme(scheme)
    points, width = _shape(tensors, "out_heatmaps.0.conv.weight", name)[:2]
    if points != scheme.points:
        raise ValueError(
            f"{name}: expected the {scheme.points} points of scheme {scheme.name}, found {points}"
        )
    stacks = len([n for n in tensors if re.fullmatch(r"out_heatmaps\.\d+\.conv\.weight", n)])
    depth = 1
    while f"hgs.0{depth * '.low2'}.up1.bn1.weight" in tensors:
        depth += 1
    aam = any(n.startswith("out_edgemaps") for n in tensors)
    model = StackedHourglass(scheme, stacks, width, depth, IMAGE_SIZE, aam, grid="corners")
    renamed = {}
    for tensor, value in tensors.items():
        if not tensor.startswith(EDGES):
            for pattern, replacement in RENAMES:
                tensor = re.sub(pattern, replacement, tensor)
            renamed[tensor] = value
    own, unused = model.state_dict(), re.compile(r"\.skip\.(weight|bias)$")
    renamed = {n: v for n, v in renamed.items() if n in own or not unused.search(n)}
    try:
        if aam:
            _reorder_edges(
                renamed, tensors, model.membership, f"{name}: expected edges of {scheme.name}"
            )
        model.load_state_dict(renamed)
    except (
        RuntimeError,
        IndexError,
    ) as error:  # of names or shapes
        raise ValueError(f"{name}: {textwrap.shorten(str(error), 400)}") from error
    return model.eval()


def is_released(parts: Any) -> bool:
    """Whether a file's contents look like a released checkpoint, with or without its wrapping."""
    if not isinstance(parts, Mapping):
        return False
    tensors = parts.get("net", parts)
    return isinstance(tensors, Mapping) and any(
        str(name).removeprefix("module.").startswith(("pre.0.", "hgs.0.")) for name in tensors
    )


def released_points(parts: Mapping[str, Any], name: str = "state_dict") -> int:
    """Number of landmarks of a released checkpoint's contents."""
    return _shape(_tensors(parts, False, name), "out_heatmaps.0.conv.weight", name)[0]


def _tensors(parts: Mapping[str, Any], ema: bool, name: str) -> dict[str, Tensor]:
    """The tensors by released name, without the prefix of a network trained on several devices."""
    if not isinstance(parts, Mapping):
        raise ValueError(f"{name}: expected tensors by name, found {type(parts).__name__}")
    key = "net_ema" if ema else "net"
    wrapped = any(k in parts for k in ("net", "net_ema"))
    if key not in parts and (wrapped or ema):
        raise ValueError(
            f"{name}: expected the weights {key!r}, found {', '.join(map(str, parts))}"
        )
    tensors = parts[key] if wrapped else parts
    if not isinstance(tensors, Mapping) or not all(isinstance(v, Tensor) for v in tensors.values()):
        raise ValueError(f"{name}: expected tensors by name in {key!r}")
    return {str(n).removeprefix("module."): value for n, value in tensors.items()}


def _shape(tensors: Mapping[str, Tensor], tensor: str, name: str) -> tuple[int, ...]:
    if tensor not in tensors or tensors[tensor].dim() != 4:
        raise ValueError(f"{name}: expected released weights, the tensor {tensor} is missing")
    return tuple(tensors[tensor].shape)


def _reorder_edges(
    renamed: dict[str, Tensor], tensors: Mapping[str, Tensor], membership: Tensor, expected: str
) -> None:
    """Bring the edge channels of the weights into the order of the scheme's edges.

    Raises ValueError where the file's edges are other curves: it belongs to another scheme.
    """
    weight, bias = tensors.get(EDGES + "weight"), tensors.get(EDGES + "bias")
    if weight is None:
        return
    theirs = [tuple(column) for column in weight.flatten(1).T.tolist()]
    ours = [tuple(column) for column in membership.T.tolist()]
    on_none = (membership.sum(1) == 0).to(membership)
    same_bias = bias is None or torch.equal(bias.flatten().to(on_none), on_none)
    if sorted(theirs) != sorted(ours) or not same_bias:
        raise ValueError(
            f"{expected}, the points that {EDGES}weight puts on each edge are others: "
            "the file belongs to another scheme"
        )
    order = [theirs.index(column) for column in ours]
    for n, value in renamed.items():
        if ".heads.edge." in n:
            renamed[n] = value[order]
        elif n.endswith(".merge.edge.weight"):
            renamed[n] = value[:, order]
