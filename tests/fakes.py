"""Records of runs that were never trained, whose predictions are off by known amounts."""

import numpy as np

from starlib.data.own.schemes import scheme_of
from starlib.runs.records import Run, read_record
from starlib.training.config import RunConfig

CURVES = ("loss", "error", "learning_rate", "seconds")


def write_run(
    config: RunConfig,
    results,
    error: float,
    faces: int = 12,
    noise: float = 0.0,
    clean=None,
    covariance=None,
    width: float | None = None,
    fingerprint: str = "0123456789abcdef",
    renderer: int | None = None,
) -> Run:
    """A finished run whose NME is `error` on every face, plus per-landmark `noise` of its seed.

    All landmarks lie on a grid; the normalising distance is 1, half of a crop's [-1, 1].
    """
    scheme = scheme_of(config.dataset)
    target = np.random.default_rng(0).uniform(-0.4, 0.4, (faces, scheme.points, 2))
    for side, ends in zip((-0.5, 0.5), scheme.normaliser, strict=True):
        target[:, list(ends)] = (side, 0.0)
    predicted = target.copy()
    predicted[..., 0] += error
    predicted += np.random.default_rng(config.seed).normal(0, noise, target.shape)
    arrays = {"predicted": predicted, "target": target, "subset_common": np.ones(faces, bool)}
    if clean is not None:
        arrays["clean"] = clean
    if covariance is not None:
        arrays["covariance"] = covariance
    curves = {name: [1.0, 0.5] for name in CURVES}
    if width is not None:
        curves["width"] = [1.0, width]
    data = {"faces": faces, "official": 689, "partial": True, "fingerprint": fingerprint}
    data |= {"renderer": renderer} if renderer else {}
    provenance = {
        "commit": "0" * 40, "dirty": False, "torch": "2", "device": "cpu", "device_name": "none",
        "threads": 1, "seconds": 60.0, "finished": "2026-01-01T00:00:00Z",
        "data": {"train": data, "test": data},
    }  # fmt: skip
    nme = {"faces": faces, "nme": error, "failure_rate_10": 0.0, "auc_10": 0.5}
    run = Run(
        config=config,
        metrics={"common": nme},
        curves=curves,
        provenance=provenance,
        path=results / "runs" / f"{config.name(fingerprint, fingerprint)}.json",
    )
    run.save({name: np.asarray(value) for name, value in arrays.items()})
    return read_record(run.path)


def write_arms(
    experiment, dataset, results, nmes, seeds=5, spread=0.001, scale="reduced", **options
):
    """Runs of an experiment's arms (name -> NME), whose seeds differ by `spread`."""
    for arm, nme in nmes.items():
        for seed in range(seeds):
            config = experiment.config(arm, dataset, seed, scale)
            write_run(config, results, nme + spread * (seed - (seeds - 1) / 2), **options)
