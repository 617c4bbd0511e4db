"""python -m starlib export: a weights file as ONNX, checked against PyTorch."""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import starlib
from starlib.commands import add_weights
from starlib.data.crops import CROPS
from starlib.files import atomically
from starlib.inference.detector import Detector, load_detector
from starlib.inference.shipped import weights_path

TOLERANCE = 1e-4  # largest difference between ONNX Runtime and PyTorch
OUTPUTS = ("landmarks", "covariance", "heatmaps")


def add(parser: argparse.ArgumentParser) -> None:
    add_weights(parser, required=True)
    parser.add_argument("--out", required=True, help="the .onnx file to write")
    parser.add_argument("--scheme", help="of released weights, default by their number of points")
    parser.add_argument(
        "--without-heatmaps", action="store_true", help="landmarks and covariance alone"
    )
    parser.set_defaults(do=_export)


def _export(options: argparse.Namespace) -> int:
    out = Path(options.out)
    if out.suffix != ".onnx" or not out.parent.is_dir():
        raise ValueError(f"--out: expected an .onnx file in a folder that is there, got {out}")
    path = weights_path(options.weights)
    detector = load_detector(path, options.scheme, options.ema)
    detector.network.with_heatmaps = not options.without_heatmaps
    largest = export_onnx(detector, out, path.name)
    print(
        f"{out}: {detector.scheme.points} points of {detector.scheme.name}, RGB images "
        f"[B, 3, {detector.image_size}, {detector.image_size}] in [-1, 1]; "
        f"largest difference from PyTorch {largest:.1e}"
    )
    return 0


def export_onnx(detector: Detector, out: Path, weights: str) -> float:
    """Write the ONNX file and return its largest difference from PyTorch, relative to the size of
    each output where that is above 1.

    Input "images" [B, 3, S, S] RGB in [-1, 1], any B; outputs "landmarks" [B, N, 2] in [-1, 1],
    "covariance" [B, N, 2, 2], "heatmaps" [B, N, h, w], as far as the network has them.
    ValueError, and no file, if they differ by more than `TOLERANCE`.
    """
    differences = []

    def write(path: Path) -> None:
        program = _onnx_program(detector)
        program.model.metadata_props.update(_metadata(detector, weights))
        program.save(path, external_data=False)
        differences.append(_difference(detector, path))
        if not differences[0] <= TOLERANCE:
            raise ValueError(
                f"{out}: expected outputs within {TOLERANCE:g} of PyTorch's, "
                f"they differ by {differences[0]:.2g}"
            )

    atomically(out, write)
    return differences[0]


def _metadata(detector: Detector, weights: str) -> dict[str, str]:
    side, times = CROPS[detector.crop]
    square = {"centre": "of the landmarks' bounding box", "side": side, "times": times}
    about = {
        "scheme": json.dumps(detector.scheme.to_dict()),
        "points": str(detector.scheme.points),
        "image_size": str(detector.image_size),
        "images": "RGB in [-1, 1]: value / 127.5 - 1",
        "crop": json.dumps(square),
        "landmarks": "x, y in [-1, 1] of the crop: pixel of the crop = (x + 1) / 2 * image_size, "
        "0 at its left and top edge",
        "covariance": "in the square of that unit, to be multiplied by the calibration, with which "
        "it has the variance of one cell of the heatmaps",
        "calibration": "1" if detector.calibration is None else str(detector.calibration),
        "weights": weights,
        "version": starlib.__version__,
    }
    return {f"starlib.{name}": value for name, value in about.items()}


def _onnx_program(detector: Detector) -> Any:
    try:
        import onnxscript
        from onnxscript import opset18
    except ImportError as error:
        raise ValueError("export needs onnx: pip install 'starloss[export]'") from error

    def hypot(x, y):  # type: ignore[no-untyped-def]  # the exporter has no hypot of its own
        return opset18.Sqrt(opset18.Add(opset18.Mul(x, x), opset18.Mul(y, y)))

    size = detector.image_size
    images = torch.zeros(2, 3, size, size)
    batch = {"images": {0: torch.export.Dim("batch")}}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        exported = torch.export.export(
            detector.network, (images,), dynamic_shapes=batch, strict=True
        )
        operators = (torch.ops.aten.hypot.default, torch.ops.prims.hypot.default)
        table: dict[Callable, Callable] = dict.fromkeys(operators, hypot)
        count = len(detector.network(images))
        try:
            program: Any = torch.onnx.export(
                exported,
                (),
                dynamo=True,
                input_names=["images"],
                output_names=list(OUTPUTS[:count]),
                custom_translation_table=table,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ValueError(
                f"export: torch {torch.__version__} does not translate this network with "
                f"onnxscript {onnxscript.__version__}; expected a newer torch (2.6 does not do it)"
            ) from error
    for part in (program.model.graph, *program.model.functions.values()):
        for node in part:
            node.metadata_props.clear()  # torch's traces, with paths of this machine
    return program


def _difference(detector: Detector, path: Path) -> float:
    """Largest difference between ONNX Runtime and PyTorch on random images, one and three."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ValueError("export needs onnxruntime: pip install 'starloss[export]'") from error

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator, size = torch.Generator().manual_seed(0), detector.image_size
    largest = 0.0
    for count in (1, 3):
        images = torch.rand(count, 3, size, size, generator=generator) * 2 - 1
        with torch.inference_mode():
            expected: tuple[Tensor, ...] = detector.network(images)
        found = session.run(None, {"images": images.numpy()})
        for ours, theirs in zip(expected, found, strict=True):
            if not (ours.isfinite().all() and np.isfinite(theirs).all()):
                raise ValueError("weights: expected finite outputs, the network returns NaN")
            apart = (ours - torch.from_numpy(theirs)).abs().max() / ours.abs().max().clamp_min(1)
            largest = max(largest, float(apart))
    return largest
