"""How long to train on your own faces, whose number no scale can know."""

STEPS = 4500  # about those of 300-W at the reduced scale: five minutes on one core
# Each epoch writes a checkpoint and measures heatmaps, about a step and a half more.
MOST, LEAST = 1000, 4


def enough_epochs(faces: int, batch_size: int) -> int:
    """Epochs in which `faces` training faces give STEPS steps, between LEAST and MOST."""
    steps = max(1, faces // batch_size)
    return min(max(-(-STEPS // steps), LEAST), MOST)
