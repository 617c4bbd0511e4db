"""The config of a run: a frozen, validated record that, with the faces, names it."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

from starlib.checks import FLAG, Rule, integer, meant, multiple_of, number, one_of
from starlib.comparisons import table
from starlib.data.augment import AUGMENTATIONS
from starlib.data.crops import CROPS
from starlib.distances import DISTANCES
from starlib.losses import CONVENTIONS, RESTRICTIONS
from starlib.schemes import SCHEME_OF, is_path

LOSSES = tuple(table.LOSSES)
# With a restriction and a distance.
STAR_LOSSES = tuple(loss for loss in LOSSES if {"restriction", "distance"} <= table.options(loss))
COVARIANCES = ("heatmap", "cholesky")
OUTPUTS = ("heatmaps", "coordinates")
PRECISIONS = ("float32", "bfloat16")
PROTOCOL = 2  # goes up when the same config would train differently; records of older ones are read
BACKBONES = ("hrnet_w18", "hrnet_w18_small", "resnet18", "resnet50")  # of timm
NETWORKS = ("hourglass", *BACKBONES)

DATASET = Rule(
    f"one of {', '.join(SCHEME_OF)}, or the path of a .yml file",
    lambda value: is_path(value) or (isinstance(value, str) and value in SCHEME_OF),
    tuple(SCHEME_OF),
)
SHARES = Rule(
    "rising numbers in (0, 1)",
    lambda values: (
        all(isinstance(v, int | float) and 0 < v < 1 for v in values)
        and list(values) == sorted(set(values))
    ),
)
DIGEST = Rule(
    "12 hexadecimal digits",
    lambda value: bool(re.fullmatch("[0-9a-f]{12}", str(value))),
)
COUNT, RATE = integer(1), number("a number in (0, 1)", lambda value: 0 < value < 1)
WEIGHT = number("a finite number >= 0", lambda value: 0 <= value < float("inf"))
FACTOR = number("a finite number > 0", lambda value: 0 < value < float("inf"))
RATIO = number("a number >= 1", lambda value: 1 <= value < 1e9)


@dataclass(frozen=True)
class RunConfig:
    """One training and its evaluation. Raises ValueError naming the field that is out of range.

    Each field has its type, what it means, and the rule for its value; `python -m starlib train`
    has an option for each.
    """

    dataset: Annotated[str, "what is trained and tested on", DATASET]
    loss: Annotated[str, "what is minimised", one_of(LOSSES)] = "star"
    distance: Annotated[str, "d of regression, STAR and ADL", one_of(DISTANCES)] = "smooth_l1"
    restriction: Annotated[str, "of λ in STAR and Mahalanobis", one_of(RESTRICTIONS)] = "value"
    weight: Annotated[float, "w of the value restriction", WEIGHT] = 1.0
    seed: Annotated[int, "draws weights, order and augmentation", integer(0, 10**9)] = 0
    image_size: Annotated[int, "side of the input in pixels", COUNT] = 256
    stacks: Annotated[int, "hourglasses one after the other", COUNT] = 4
    width: Annotated[int, "channels of an hourglass", multiple_of(4)] = 256
    depth: Annotated[int, "halvings inside an hourglass", integer(1, 10)] = 4
    epochs: Annotated[int, "passes over the training faces", COUNT] = 500
    batch_size: Annotated[int, "faces of a step", COUNT] = 64
    learning_rate: Annotated[float, "of Adam, before the first milestone", RATE] = 1e-3
    ema_half_life: Annotated[int, "training faces after which a weight counts half", COUNT] = 10_000
    precision: Annotated[str, "of the network's forward pass", one_of(PRECISIONS)] = "bfloat16"
    train_faces: Annotated[int | None, "the first n of the training faces", COUNT] = None
    protocol: Annotated[int, "version of the rules of training", COUNT] = PROTOCOL
    dr: Annotated[bool, "add distribution regularisation", FLAG] = False
    aam: Annotated[bool, "point and edge heads, their losses, and attention", FLAG] = False
    adl_ratio: Annotated[float | None, "ADL's hand-set λ; else from the heatmap", RATIO] = None
    convention: Annotated[str, "of regression, STAR and decoder", one_of(CONVENTIONS)] = "paper"
    augmentation: Annotated[str, "whose augmentation", one_of(AUGMENTATIONS)] = "paper"
    crop: Annotated[str, "by which side of the landmarks' box", one_of(CROPS)] = "longer"
    milestones: Annotated[
        tuple[float, ...], "shares of the epochs after which the rate is a tenth", SHARES
    ] = (0.4, 0.7, 0.9)
    loss_weight: Annotated[float, "factor of the landmark loss", FACTOR] = 1.0
    covariance: Annotated[str, "of likelihoods; cholesky: a head's", one_of(COVARIANCES)] = (
        "heatmap"
    )
    backbone: Annotated[str, "the network; others are timm's", one_of(NETWORKS)] = "hourglass"
    output: Annotated[str, "coordinates: a layer on timm's features", one_of(OUTPUTS)] = "heatmaps"
    start: Annotated[str | None, "SHA-256 of the weights that it starts from", DIGEST] = None

    def __post_init__(self) -> None:
        for name, (kind, _, rule) in config_fields().items():
            value = getattr(self, name)
            if value is None and type(None) in get_args(kind):
                continue
            if kind == tuple[float, ...]:  # JSON has a list
                value = tuple(value) if isinstance(value, list | tuple) else (value,)
            rule.check(name, value)
            if float in (kind, *get_args(kind)):  # 2 and 2.0 are one run
                value = tuple(map(float, value)) if isinstance(value, tuple) else float(value)
            object.__setattr__(self, name, value)
        side = multiple_of(4 * 2**self.depth, f" for depth {self.depth}")
        side.check("image_size", self.image_size)
        self._check_combination()

    def _check_combination(self) -> None:
        """ValueError for a field that has no meaning beside the others, so that no two configs
        name the same training; but for width and depth, which networks of timm leave alone."""
        loss, takes, heads = self.loss, table.options(self.loss), table.heads(self.loss)
        hourglass, coordinates = self.backbone == "hourglass", self.output == "coordinates"
        head = table.loss_for(loss, self.covariance, self.output).head
        wrong = {
            "weight: belongs to the value restriction":
                self.restriction != "value" and self.weight != 1.0,
            f"restriction: loss {loss} has none, leave restriction and weight":
                "restriction" not in takes and (self.restriction, self.weight) != ("value", 1.0),
            f"distance: loss {loss} has its own":
                "distance" not in takes and self.distance != "smooth_l1",
            "convention: the released one is for regression and STAR on the hourglass":
                self.convention != "paper" and not ("convention" in takes and hourglass),
            "adl_ratio: belongs to loss adl": self.adl_ratio is not None and "ratio" not in takes,
            "covariance: cholesky belongs to the likelihoods gaussian_nll, laplace_nll":
                self.covariance == "cholesky" and heads != {"heatmaps", "scale_tril"},
            f"stacks: backbone {self.backbone} has one stack, and no AAM":
                not hourglass and (self.stacks != 1 or self.aam),
            "output: the hourglass predicts heatmaps": coordinates and hourglass,
            f"output: {'DR' if self.dr else loss} needs heatmaps":
                coordinates and (self.dr or head in ("heatmaps", "sigmoid")),
            f"loss: {loss} regresses whole heatmaps, without DR or AAM":
                "sigmoid" in heads and (self.dr or self.aam),
        }  # fmt: skip
        if any(wrong.values()):
            raise ValueError("; ".join(message for message, holds in wrong.items() if holds))

    @classmethod
    def at(cls, scale: str, dataset: str, **changes: Any) -> "RunConfig":
        """The config of a scale ("smoke", "reduced", "long", "full") with the given fields.

        Where they change what makes the scale, such as its epochs, the config's scale is "custom".
        """
        one_of(SCALES).check("scale", scale)
        return cls.from_dict({"dataset": dataset, **SCALES[scale], **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """A config from its dictionary; ValueError lists unknown keys."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"{', '.join(unknown)}: unknown{meant(unknown[0], known)}; "
                f"known are {', '.join(sorted(known))}"
            )
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
        """The part of the config that names a run: the protocol and the fields that are not at
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


@functools.cache
def config_fields() -> dict[str, tuple[Any, str, Rule]]:
    """Type, meaning and rule of each field of `RunConfig`, by name."""
    hints = get_type_hints(RunConfig, include_extras=True)
    return {name: get_args(hint) for name, hint in hints.items()}


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
# What the authors' released code does where the paper says otherwise, or nothing; of scale full.
AS_RELEASED: dict[str, Any] = {
    "aam": True, "convention": "released", "augmentation": "released", "crop": "released",
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


SAID = {  # by `arm`, or no part of one
    *("dataset", "seed", "scale", "protocol", "loss", "distance", "restriction", "weight"),
    *("adl_ratio", "dr", "aam", "covariance", "backbone", "output"),
}


def varied_arm(config: RunConfig) -> str:
    """An arm with what is not usual at its scale, or at `reduced` where sizes are of no scale."""
    usual = RunConfig.at("reduced" if config.scale == "custom" else config.scale, config.dataset)
    words = [arm(config)]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in SAID and value != getattr(usual, field.name):
            text = f"{value:g}" if isinstance(value, float) else value
            words.append(f"{field.name.replace('_', ' ')} {text}")
    return " ".join(words)


def arm(config: RunConfig) -> str:
    """The arm of a config: loss, distance and additions, in a few words."""
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
    unusual = config.identity()
    words += [unusual[name] for name in ("covariance", "backbone", "output") if name in unusual]
    return " ".join(words)
