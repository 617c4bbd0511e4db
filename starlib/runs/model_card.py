"""A model card beside the weights of a run: what the network is, how good, and who may use it."""

from pathlib import Path

from starlib.data.crops import CROPS
from starlib.runs.evaluation import MEAN_SHAPE
from starlib.runs.records import Run
from starlib.training.config import describe


def model_card(run: Run, weights: Path) -> str:
    """Markdown with a run's network, test errors, use, calibration and conditions."""
    config, scheme, where = run.config, run.scheme, run.provenance
    train = where["data"]["train"]
    faces = f"{train['faces']:,} faces"
    if train["partial"]:
        faces += f" of {train['official']:,}, a partial copy"
    errors = "\n".join(
        f"| {name} | {values['faces']:,} | {100 * values['nme']:.2f} "
        f"| {100 * values['failure_rate_10']:.2f} | {values['auc_10']:.3f} |"
        for name, values in run.metrics.items()
        if name != MEAN_SHAPE
    )
    side, times = CROPS[config.crop]
    return f"""# {describe(config)}

A network for {scheme.points} landmarks of the face (scheme `{scheme.name}`), trained on
{Path(config.dataset).stem} ({faces}) by starlib at commit {run.commit}.
Config, data, versions and curves stand in the run's record, `runs/{run.name}.json`.

| test faces | number | NME % | FR at 10 % | AUC at 10 % |
|---|---|---|---|---|
{errors}

## Use

```
python -m starlib predict photo.jpg --weights {weights.name}
python -m starlib evaluate --weights {weights.name} --dataset {config.dataset}
python -m starlib export --weights {weights.name} --out network.onnx
```

The input is a square around a face, {times:g} times the {side} side of its landmarks' bounding box,
in {config.image_size} × {config.image_size} pixels. Training was in {config.precision}, for
{config.epochs} epochs. {_calibrated(run)}

## Conditions and limits

The conditions of the training data hold for these weights; the licence of starlib does not replace
them. Errors on other photographs than those of the test faces were not measured.
"""


def _calibrated(run: Run) -> str:
    fit = run.calibration
    if not fit:
        return "The network predicts no covariances."
    kind = "held out from training" if fit.get("held_out") else "of the training set"
    return (
        f"Covariances of its heatmaps times {fit['factor']:.3g} are calibrated, on "
        f"{fit['faces']:.0f} faces {kind}."
    )
