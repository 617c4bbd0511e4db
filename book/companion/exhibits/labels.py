"""How far predictions lie from the labels on average, with sign: a shift that all networks share
belongs to the labels.

Trainings flip half of the pictures, so a horizontal shift of the labels cannot be learned: it stays
in the errors. A vertical one is learned, unless sources of the data differ in it.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.exhibits.tables import label
from starlib.data import load_dataset
from starlib.data.crops import landmark_boxes
from starlib.files import results_folder, write_text
from starlib.runs.records import Run

NAME = "label_shift.json"
QUARTERS = 4


def measure(runs: Sequence[Run], dataset: str = "300w") -> dict[str, Any]:
    """Mean of predicted minus labelled landmarks over runs and faces, in pixels of the pictures and
    in % of the inter-ocular distance, by source folder and by quarter of the face's size.

    Needs the data set's test faces, for their boxes; raises DataError without them and ValueError
    if the runs were tested on other faces.
    """
    faces = load_dataset(dataset, "test")
    side = landmark_boxes(faces.landmarks)[:, 2]
    ocular = faces.scheme.unit(faces.landmarks)
    shift = np.zeros((len(faces), 2))
    for run in runs:
        arrays = run.landmarks()
        if len(arrays["target"]) != len(faces):
            raise ValueError(
                f"runs: {run.path} has {len(arrays['target'])} test faces, expected {len(faces)}"
            )
        shift += (arrays["predicted"] - arrays["target"]).mean(1) * side[:, None] / 2
    shift /= len(runs)
    table = pd.DataFrame(shift, columns=["right_px", "down_px"])
    table["right_percent"] = 100 * shift[:, 0] / ocular
    sources = np.array([name.split("/")[0] for name in faces.names])
    rows = []
    for source in dict.fromkeys(sources):
        own = sources == source
        edges = np.quantile(ocular[own], np.linspace(0, 1, QUARTERS + 1))
        parts = {"all": own} | {
            f"{low:.0f} to {high:.0f} px between the eyes": own & (low <= ocular) & (ocular <= high)
            for low, high in itertools.pairwise(edges)
        }
        for size, part in parts.items():
            means = table[part].mean().to_dict()
            rows.append({"source": source, "size": size, "faces": int(part.sum()), **means})
    return {"dataset": dataset, "runs": len(runs), "rows": rows}


def save(measured: dict[str, Any], results: Path | str | None = None) -> Path:
    """Write what `measure` returned to results/analyses/."""
    path = results_folder(results) / "analyses" / NAME
    write_text(path, json.dumps(measured, indent=1) + "\n")
    return path


def load(results: Path | str | None = None) -> dict[str, Any] | None:
    """What `save` wrote, or None."""
    path = results_folder(results) / "analyses" / NAME
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def table(measured: dict[str, Any]) -> pd.DataFrame:
    """Mean shift of the predictions against the labels; negative: left or up of them."""
    names = {"source": "source", "size": "faces of", "faces": "faces", "right_px": "right, px",
             "right_percent": "right, % of the distance", "down_px": "down, px"}  # fmt: skip
    shown = pd.DataFrame(measured["rows"])[list(names)].rename(columns=names)
    numbers = list(names.values())[3:]
    shown[numbers] = shown[numbers].map("{:+.2f}".format)
    return shown.set_index("source").rename_axis(None)


def finding(measured: dict[str, Any] | None) -> str:
    """What `table` shows, in a quotation that opens a page (Markdown)."""
    if measured is None:
        return "> **Finding.** Not measured yet."
    whole = [row for row in measured["rows"] if row["size"] == "all"]
    left = all(row["right_px"] < 0 for row in whole)
    side, sign = ("left", -1) if left else ("right", 1)
    shifts = " and ".join(f"{sign * row['right_px']:.2f} px on {row['source']}" for row in whole)
    parts = [sign * row["right_px"] for row in measured["rows"] if row["size"] != "all"]
    return (
        f"> **Finding.** The predictions of {measured['runs']} networks lie on average to the "
        f"{side} of the labels: by {shifts}, folders of {label(measured['dataset'])}, and by "
        f"{min(parts):.2f} to {max(parts):.2f} px in each quarter of their faces by size."
    )
