"""Data of the pages to play with: per-face errors of every arm, and predictions on rendered faces.

Each file is a script that calls `starplay.receive(name, data)`, because a page that is opened as a
file may load scripts, and no other data.
"""

import base64
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from companion.evidence.effects import face_errors
from companion.exhibits.tables import arm_name, label
from companion.experiments.experiment import star_pairs
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import ArmRuns, Records, subsets_of
from starlib import metrics
from starlib.data import synthface
from starlib.data.crops import STORE_MARGIN, landmark_boxes
from starlib.files import atomically, write_text
from starlib.runs.records import Run
from starlib.schemes import SCHEMES
from starlib.synthface import render_faces

UNIT = 1e-4  # of NME in the data of the effect explorer
FACES = 12  # of the synthface viewer: the first of the test set
PICTURE = 320  # side of their pictures in pixels
VIEWER_ARMS = star_pairs(("smooth_l1", "l2"))


def write(folder: Path, records: Records) -> None:
    """Write effects.js, effects-<data set>.js, faces.js, face-<number>.jpg and a copy of each
    record, runs/<run>.json, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    index, errors = effects(records.runs)
    _write(folder, "effects", index)
    for name, data in errors.items():
        _write(folder, f"effects-{name}", data)
    (folder / "runs").mkdir(exist_ok=True)
    for run in records.runs:
        atomically(folder / "runs" / f"{run.name}.json", partial(shutil.copy, run.path))
    pictures, faces = viewer(records)
    _write(folder, "faces", faces)
    for number, picture in enumerate(pictures):
        atomically(folder / f"face-{number}.jpg", partial(picture.save, quality=82))


def _write(folder: Path, name: str, data: object) -> None:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    script = f"starplay.receive({json.dumps(name)},{text});\n"
    write_text(folder / f"{name}.js", script)


def effects(runs: Iterable[Run]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The explorer's index, and its data by data set.

    The index names the data sets: key, title, faces, and the run of each seed of each arm. The data
    are, by kind of landmarks ("target": the labels; "clean": the truth), arm and seed, the NME of
    every test face in UNIT as base64 of little-endian uint16.
    """
    groups: dict[tuple[str, int], ArmRuns] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if Path(run.config.dataset).suffix:  # somebody's own data
            continue
        faces = run.provenance["data"]["test"]["faces"]
        seeds = groups[run.config.dataset, faces][arm_name(run.config)]
        other = seeds.get(run.config.seed, run)
        if other.config != run.config and other.config.protocol == run.config.protocol:
            both = f"runs {other.name} and {run.name}"
            raise ValueError(f"{both}: expected names that tell them apart")
        seeds[run.config.seed] = run
    index: dict[str, Any] = {"unit": UNIT, "sets": []}
    data: dict[str, Any] = {}
    for (dataset, faces), found in sorted(groups.items()):
        key = dataset if (dataset not in data) else f"{dataset}-{faces}"
        data[key] = defaultdict(lambda: defaultdict(dict))
        arms = {name: dict(sorted(found[name].items())) for name in sorted(found)}
        for name, by_seed in arms.items():
            for seed, run in by_seed.items():
                for kind in ("target", "clean") if "clean" in run.metrics else ("target",):
                    data[key][kind][name][seed] = pack(face_errors(run, against=kind))
        subsets = subsets_of(run for by_seed in arms.values() for run in by_seed.values())
        index["sets"].append(
            {
                "key": key,
                "title": label(dataset),
                "faces": faces,
                "subsets": sorted(subsets),
                "against": sorted(data[key], reverse=True),
                "arms": {n: {s: run.name for s, run in runs.items()} for n, runs in arms.items()},
            }
        )
    return index, data


def pack(nmes: NDArray) -> str:
    """NMEs [F] in UNIT as base64 of little-endian uint16; 6.5 and more is 6.5535."""
    units = np.clip(np.rint(nmes / UNIT), 0, 65535).astype("<u2")
    return base64.b64encode(units.tobytes()).decode()


def viewer(records: Records) -> tuple[list[Image.Image], dict[str, Any]]:
    """Pictures of the first test faces of synthface, and their landmarks in [-1, 1] of the picture:
    truth, labels, covariance of the noise (xx, xy, yy), and each network's prediction and NME."""
    seed, _ = synthface.SPLITS["test"]
    drawn = render_faces(FACES, seed, PICTURE, synthface.STRENGTH)
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in drawn.images]
    spread = drawn.covariance.flatten(2)[..., [0, 1, 3]]
    data: dict[str, Any] = {
        "edges": [[list(points), closed] for points, closed in SCHEMES["wflw"].edges],
        "truth": _rounded(drawn.clean),
        "labels": _rounded(drawn.landmarks),
        "noise": _rounded(spread, 7),
        "networks": [],
    }
    boxes = landmark_boxes((drawn.landmarks.numpy() + 1) * (synthface.SIZE / 2), STORE_MARGIN)
    table3 = EXPERIMENTS["ablation_distance"]
    for run in records.of(table3.config(arm, "synthface", 0) for arm in VIEWER_ARMS):
        arrays = run.landmarks()
        predicted = arrays["predicted"][:FACES]
        by_box = (boxes[:, None, :2] + (predicted + 1) / 2 * boxes[:, None, 2:]) / synthface.SIZE
        nmes = metrics.nme(predicted, arrays["clean"][:FACES], SCHEMES["wflw"])
        config = run.config
        network: dict[str, Any] = {"name": arm_name(config), "distance": config.distance}
        network |= {"nme": _rounded(nmes, 5), "landmarks": _rounded(2 * by_box - 1)}
        data["networks"].append(network)
    return pictures, data


def _rounded(values: NDArray | torch.Tensor, digits: int = 4) -> list:
    return np.round(np.asarray(values, np.float64), digits).tolist()
