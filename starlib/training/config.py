"""What defines a run: a frozen, validated record that, with the faces, names it."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlib.comparisons import table
from starlib.data.augment import AUGMENTATIONS
from starlib.data.crops import CROPS
from starlib.distances import DISTANCES
from starlib.losses import CONVENTIONS, RESTRICTIONS
from starlib.schemes import SCHEME_OF, is_path

LOSSES = tuple(table.LOSSES)
# With a restriction and a distance.
STAR_LOSSES = tuple(
    loss for loss in LOSSES if table.takes(loss, "restriction") and table.takes(loss, "distance")
)
COVARIANCES = ("heatmap", "cholesky")
OUTPUTS = ("heatmaps", "coordinates")
PRECISIONS = ("float32", "bfloat16")
PROTOCOL = 2  # goes up when the same config would train differently; records of older ones are read
BACKBONES = ("hrnet_w18", "hrnet_w18_small", "resnet18", "resnet50")  # of timm


@dataclass(frozen=True)
class RunConfig:
    """One training and its evaluation. Raises ValueError naming the field that is out of range."""

    dataset: str
    loss: str = "star"
    distance: str = "smooth_l1"  # of regression, the STAR losses and ADL; other losses keep this
    restriction: str = "value"  # of the STAR losses and Mahalanobis; others keep this
    weight: float = 1.0  # w of the value restriction; else 1
    seed: int = 0
    image_size: int = 256
    stacks: int = 4
    width: int = 256
    depth: int = 4
    epochs: int = 500
    batch_size: int = 64
    learning_rate: float = 1e-3
    ema_half_life: int = 10_000  # training faces after which a weight counts half
    precision: str = "bfloat16"
    train_faces: int | None = None  # the first n of the split; None: all
    protocol: int = PROTOCOL
    dr: bool = False  # add distribution regularisation
    aam: bool = False  # anisotropic attention module: point and edge heads and their losses
    adl_ratio: float | None = None  # ADL's hand-set λ; None: from the heatmap
    convention: str = "paper"  # of regression and STAR, and of the decoder's grid; or "released"
    augmentation: str = "paper"  # or "released"
    crop: str = "longer"  # by which side of the landmarks' box; or "released"
    milestones: tuple[float, ...] = (
        0.4,
        0.7,
        0.9,
    )  # shares of the epochs; then a tenth of the rate
    loss_weight: float = 1.0  # factor of the landmark loss
    covariance: str = "heatmap"  # of the likelihoods; "cholesky": predicted by a head
    backbone: str = "hourglass"  # or a network of timm
    output: str = "heatmaps"  # "coordinates": a linear layer on timm's pooled features

    def __post_init__(self) -> None:
        for name, allowed in (
            ("loss", LOSSES),
            ("distance", tuple(DISTANCES)),
            ("restriction", RESTRICTIONS),
            ("precision", PRECISIONS),
            ("convention", CONVENTIONS),
            ("augmentation", AUGMENTATIONS),
            ("crop", CROPS),
            ("covariance", COVARIANCES),
            ("backbone", ("hourglass", *BACKBONES)),
            ("output", OUTPUTS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name}: expected one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        if self.dataset not in SCHEME_OF and not is_path(self.dataset):
            raise ValueError(
                f"dataset: expected one of {', '.join(SCHEME_OF)}, or the path of a .yml file, "
                f"got {self.dataset!r}"
            )
        for name in (
            "image_size",
            "stacks",
            "width",
            "depth",
            "epochs",
            "batch_size",
            "ema_half_life",
            "protocol",
        ):
            _check_integer(name, getattr(self, name), 1)
        _check_integer("seed", self.seed, 0)
        if self.train_faces is not None:
            _check_integer("train_faces", self.train_faces, 1)
        for name in ("learning_rate", "weight", "loss_weight"):  # 2 and 2.0 are one run
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ValueError(f"{name}: expected a number, got {value!r}")
            object.__setattr__(self, name, float(value))
        if self.width % 4:
            raise ValueError(f"width: expected a multiple of 4, got {self.width}")
        if self.image_size % (4 * 2**self.depth):
            raise ValueError(
                f"image_size: expected a multiple of {4 * 2**self.depth} for depth {self.depth}, "
                f"got {self.image_size}"
            )
        if not 0 < self.learning_rate < 1:
            raise ValueError(
                f"learning_rate: expected a number in (0, 1), got {self.learning_rate!r}"
            )
        if not 0 <= self.weight < float("inf"):
            raise ValueError(f"weight: expected a finite number >= 0, got {self.weight!r}")
        if not 0 < self.loss_weight < float("inf"):
            raise ValueError(f"loss_weight: expected a finite number > 0, got {self.loss_weight!r}")
        for name in ("dr", "aam"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        if self.adl_ratio is not None:
            if not isinstance(self.adl_ratio, int | float) or not 1 <= self.adl_ratio < 1e9:
                raise ValueError(f"adl_ratio: expected a number >= 1, got {self.adl_ratio!r}")
            object.__setattr__(self, "adl_ratio", float(self.adl_ratio))
        object.__setattr__(self, "milestones", _shares("milestones", self.milestones))
        self._check_combination()

    def _check_combination(self) -> None:
        """ValueError for a field that has no meaning beside the others, so that no two configs
        name the same training."""
        loss, wrong = self.loss, []
        if self.restriction != "value" and self.weight != 1.0:
            wrong.append("weight: belongs to the value restriction")
        if not table.takes(loss, "restriction") and (self.restriction, self.weight) != (
            "value",
            1.0,
        ):
            wrong.append(f"restriction: loss {loss} has none, leave restriction and weight")
        if not table.takes(loss, "distance") and self.distance != "smooth_l1":
            wrong.append(f"distance: loss {loss} has its own")
        if self.convention != "paper" and (
            not table.takes(loss, "convention") or self.backbone != "hourglass"
        ):
            wrong.append("convention: the released one is for regression and STAR on the hourglass")
        if self.adl_ratio is not None and not table.takes(loss, "ratio"):
            wrong.append("adl_ratio: belongs to loss adl")
        if self.covariance == "cholesky" and table.heads(loss) != {"heatmaps", "scale_tril"}:
            wrong.append(
                "covariance: cholesky belongs to the likelihoods gaussian_nll, laplace_nll"
            )
        if self.backbone != "hourglass" and (self.stacks != 1 or self.aam):
            wrong.append(f"stacks: backbone {self.backbone} has one stack, and no AAM")
        if self.output == "coordinates":
            if self.backbone == "hourglass":
                wrong.append("output: the hourglass predicts heatmaps")
            if self.dr or table.loss_for(loss, self.covariance, self.output).needs_heatmaps:
                wrong.append(f"output: {'DR' if self.dr else loss} needs heatmaps")
        if "sigmoid" in table.heads(loss) and (self.dr or self.aam):
            wrong.append(f"loss: {loss} regresses whole heatmaps, without DR or AAM")
        if wrong:
            raise ValueError("; ".join(wrong))

    @classmethod
    def at(cls, scale: str, dataset: str, **changes: Any) -> "RunConfig":
        """The config of a scale ("smoke", "reduced", "long", "full") with the given fields.

        Where they change what makes the scale, such as its epochs, the config's scale is "custom".
        """
        if scale not in SCALES:
            raise ValueError(f"scale: expected one of {', '.join(SCALES)}, got {scale!r}")
        return cls.from_dict({"dataset": dataset, **SCALES[scale], **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """A config from its dictionary; ValueError lists unknown keys."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: unknown; known are {', '.join(sorted(known))}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name, for JSON."""
        return dataclasses.asdict(self)

    @property
    def scale(self) -> str:
        """The scale whose sizes these are ("smoke", "reduced", "long", "full"), else "custom"."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        # A network of timm has its own sizes.
        sizes = _SIZES if self.backbone == "hourglass" else _SIZES - {"stacks", "width", "depth"}
        for scale, fields in SCALES.items():
            if all(getattr(self, n) == fields.get(n, defaults[n]) for n in sizes):
                return scale
        return "custom"

    def identity(self) -> dict[str, Any]:
        """What of the config makes a run another one: the protocol and the fields that are not at
        their default, so that a field added later renames no run. The path of your own data is
        left out: the faces themselves tell them apart (see `name`)."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name == "protocol" or getattr(self, field.name) != field.default
            if field.name != "dataset" or not is_path(self.dataset)
        }

    def name(self, train: str, test: str) -> str:
        """Twelve hexadecimal digits that name the run of this config on training and test faces of
        these fingerprints (see `starlib.data.CropStore`)."""
        named = {"config": self.identity(), "faces": [train, test]}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:12]


def _check_integer(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}: expected an integer >= {least}, got {value!r}")


def _shares(name: str, values: Any) -> tuple[float, ...]:
    """The values as a rising tuple of numbers in (0, 1); JSON has them as a list."""
    numbers = values if isinstance(values, list | tuple) else [values]
    if not all(isinstance(v, int | float) and 0 < v < 1 for v in numbers) or any(
        after <= before for before, after in itertools.pairwise(numbers)
    ):
        raise ValueError(f"{name}: expected rising numbers in (0, 1), got {values!r}")
    return tuple(float(value) for value in numbers)


# smoke: a few minutes per run; shows that everything works, and nothing else.
# reduced: about six minutes on one CPU core with bfloat16 instructions, beside another run. Small
#   batches give the steps that a short training lacks; the EMA halves within an epoch, or the
#   initial weights would still weigh several percent at the end. Its networks are underfit.
# long: the sizes of reduced on a schedule that has settled, about 20 minutes; claims are decided
#   here (see book/companion/experiments/schedule.py).
# full: the protocol of the paper, in float32 as the released code trains.
SCALES: dict[str, dict[str, Any]] = {
    "smoke": {
        "image_size": 64, "stacks": 1, "width": 48, "depth": 3, "epochs": 16, "batch_size": 8,
        "learning_rate": 2e-3, "ema_half_life": 2000,
        "precision": "float32",  # many processors lack instructions for bfloat16, and are slower
    },
    "reduced": {
        "image_size": 96, "stacks": 1, "width": 96, "depth": 3, "epochs": 18, "batch_size": 8,
        "learning_rate": 2e-3, "ema_half_life": 2000,
    },
    "long": {
        "image_size": 96, "stacks": 1, "width": 96, "depth": 3, "epochs": 60, "batch_size": 8,
        "learning_rate": 2e-3, "ema_half_life": 2000, "milestones": (0.73, 0.93, 0.98),
    },
    "full": {"precision": "float32"},
}  # fmt: skip
_SIZES = {name for fields in SCALES.values() for name in fields} - {"precision"}

STEPS = 4500  # about those of 300-W at the reduced scale: five minutes on one core
# Each epoch writes a checkpoint and measures heatmaps, about a step and a half more.
MOST, LEAST = 1000, 4


def enough_epochs(faces: int, batch_size: int) -> int:
    """Epochs in which `faces` training faces give STEPS steps, between LEAST and MOST."""
    steps = max(1, faces // batch_size)
    return min(max(-(-STEPS // steps), LEAST), MOST)


def describe(config: RunConfig) -> str:
    """A config in a few words, for logs."""
    return f"{config.dataset} {config.scale} {varied_arm(config)} seed {config.seed}"


NUMBERS = ("image_size", "epochs", "learning_rate", "loss_weight", "ema_half_life")


def varied_arm(config: RunConfig) -> str:
    """An arm with what is not usual at its scale, or at `reduced` where sizes are of no scale."""
    usual = RunConfig.at("reduced" if config.scale == "custom" else config.scale, config.dataset)
    words = [arm(config)]
    for name in (*NUMBERS, "convention", "augmentation"):
        value = getattr(config, name)
        text = f"{value:g}" if name in NUMBERS else value
        words += [f"{name.replace('_', ' ')} {text}"] * (value != getattr(usual, name))
    return " ".join(words)


def arm(config: RunConfig) -> str:
    """What a config compares with others: loss, distance and additions, in a few words."""
    words = [config.loss]
    if config.loss in (*STAR_LOSSES, "mahalanobis"):
        words[0] += f"-{config.restriction}"
        if config.weight != 1:
            words.append(f"w {config.weight:g}")
    if config.loss in (*STAR_LOSSES, "regression", "adl"):
        words.append(config.distance)
    if config.adl_ratio is not None:
        words.append(f"λ {config.adl_ratio:g}")
    words += [name for name in ("dr", "aam") if getattr(config, name)]
    for name in ("covariance", "backbone", "output"):
        default = RunConfig.__dataclass_fields__[name].default
        words += [getattr(config, name)] * (getattr(config, name) != default)
    return " ".join(words)
