"""Configs in a few words."""

from starlib.training.config import STAR_LOSSES, RunConfig


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
