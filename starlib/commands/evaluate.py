"""python -m starlib evaluate: errors of a weights file on a data set."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import starlib
from starlib.commands import add_device, add_flip_average, add_weights
from starlib.data import FaceSet, load_dataset
from starlib.data.released import metadata_boxes
from starlib.files import write_text
from starlib.inference.detector import Detector, load_detector
from starlib.inference.locate import detect_faces, moved_boxes
from starlib.inference.shipped import weights_path
from starlib.runs.evaluation import evaluation_metrics
from starlib.schemes import SCHEME_OF

RECORDED = ("box_scale", "box_shift", "passes", "flip_average", "dataset", "split")  # options


def add(parser: argparse.ArgumentParser) -> None:
    add_weights(parser, required=True)
    parser.add_argument("--dataset", required=True, help=", ".join(SCHEME_OF))
    parser.add_argument("--split", default="test", help="train or test (default)")
    parser.add_argument(
        "--metadata",
        help="the authors' table of the data set (test.tsv): their boxes instead of their rule, "
        "1.05 times the shorter side of the landmarks' box",
    )
    parser.add_argument(
        "--passes", type=int, default=1, help="a second one cuts the crop around the landmarks"
    )
    add_flip_average(parser)
    parser.add_argument(
        "--box-scale", type=float, default=1.0, help="how much larger than those of training"
    )
    parser.add_argument(
        "--box-shift", type=float, default=0.0, help="to the right and down, as a share of the side"
    )
    add_device(parser)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--out", help="a .json file for the table")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=evaluate)


def evaluate(options: argparse.Namespace, faces: FaceSet | None = None) -> int:
    """Print and write the errors; `faces` if they have been read before."""
    out = None if options.out is None else Path(options.out)
    if out and (out.suffix.lower() != ".json" or not out.parent.is_dir() or out.is_dir()):
        raise ValueError(f"--out: expected a .json file in a folder that is there, got {out}")
    if not 0 < options.box_scale < float("inf") or not abs(options.box_shift) < float("inf"):
        raise ValueError("--box-scale, --box-shift: expected a number above 0, and a finite one")
    scheme, path = SCHEME_OF.get(options.dataset), weights_path(options.weights)
    detector = load_detector(path, scheme, options.ema, options.device)
    if options.metadata and not detector.released:
        raise ValueError("--metadata: belongs to released weights, a run has its own crop")
    if faces is None:
        faces = load_dataset(options.dataset, options.split, options.data_root)
    if faces.scheme.points != detector.scheme.points:
        raise ValueError(
            f"{options.weights}: expected weights for the {faces.scheme.points} points of "
            f"{options.dataset}, they are for {detector.scheme.points}"
        )
    metrics = _metrics(detector, faces, options)
    unlabelled = np.isnan(faces.landmarks).any(-1)
    state = f"{options.dataset} {options.split}: {len(faces):,} faces"
    if faces.partial:
        state += f" of {faces.official:,}, partial"
    if unlabelled.any():
        state += f"; {unlabelled.sum():,} of {unlabelled.size:,} points are unlabelled"
    print(state)
    print(_table(metrics))
    if out:
        record = {
            "weights": path.name,
            "released": detector.released,
            "ema": options.ema,
            "boxes": "metadata" if options.metadata else "landmarks",
            **{name: getattr(options, name) for name in RECORDED},
            "scheme": faces.scheme.name,
            "faces": len(faces),
            "official": faces.official,
            "partial": faces.partial,
            "unlabelled": int(unlabelled.sum()),
            "metrics": metrics,
            "versions": {"starlib": starlib.__version__, "torch": torch.__version__},
        }
        write_text(out, json.dumps(record, indent=1, allow_nan=False) + "\n")
    return 0


def _metrics(
    detector: Detector, faces: FaceSet, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """Summaries per subset, from landmarks in pixels of the images."""
    from tqdm import tqdm

    if options.metadata:
        boxes = metadata_boxes(options.metadata, faces.landmarks)
    else:
        boxes = detector.boxes(faces.landmarks)
    boxes = moved_boxes(boxes, options.box_scale, options.box_shift)
    how = {"passes": options.passes, "flip_average": options.flip_average}
    with tqdm(total=len(faces), unit="face", disable=None) as bar:
        predicted = detect_faces(detector, faces, boxes, options.batch_size, bar.update, **how)
    arrays: dict[str, NDArray] = {"predicted": predicted, "target": faces.landmarks}
    if faces.clean is not None:
        arrays["clean"] = faces.clean
    arrays |= {f"subset_{name}": mask for name, mask in faces.subsets.items()}
    return evaluation_metrics(arrays, faces.scheme)


def _table(metrics: dict[str, dict[str, float]]) -> str:
    lines = [f"{'subset':<20}{'faces':>7}{'NME %':>9}{'FR10 %':>9}{'AUC10':>9}"]
    for subset, values in metrics.items():
        nme, failures = 100 * values["nme"], 100 * values["failure_rate_10"]
        lines.append(
            f"{subset:<20}{values['faces']:>7.0f}{nme:>9.3f}{failures:>9.2f}{values['auc_10']:>9.4f}"
        )
    return "\n".join(lines)
