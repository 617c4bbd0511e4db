"""Every loss of the table as a function of what its tests vary, for 300-W's cousin of 29 points."""

import itertools

import torch

import starlib
from starlib.comparisons.dr import distribution_regularisation
from starlib.comparisons.table import LOSSES
from starlib.distances import DISTANCES
from starlib.losses import CONVENTIONS, RESTRICTIONS
from starlib.schemes import SCHEMES

SCHEME = SCHEMES["cofw"]
CHOICES = {
    "distance": tuple(DISTANCES),
    "restriction": RESTRICTIONS,
    "convention": CONVENTIONS,
    "weight": (1.0, 20.0),
    "ratio": (None, 5.0),
    "image_size": (256,),
    "scheme": (SCHEME,),
    "landmark_limit": (1e6,),
}


def every_loss(check_values=True):
    """(name, entry, loss) of every loss with every choice of its options, and of DR."""
    for name, entries in LOSSES.items():
        for entry in entries:
            for values in itertools.product(*(CHOICES[option] for option in entry.options)):
                chosen = dict(zip(entry.options, values, strict=True))
                label = " ".join([name, entry.head, *(str(v) for v in values if v != SCHEME)])
                torch.manual_seed(0)
                yield label, entry.takes, entry.build(check_values=check_values, **chosen)
    for distance, convention in itertools.product(DISTANCES, CONVENTIONS):
        loss = starlib.RegressionLoss(distance, convention, check_values)
        yield f"RegressionLoss heatmaps {distance} {convention}", ("heatmaps",), loss
    yield (
        "DR",
        ("heatmaps",),
        lambda h, y: distribution_regularisation(h, y, check_values),
    )


def default_losses(check_values=False):
    """name -> (fields of an output, loss), one of each kind with the first of its options."""
    found = {}
    for label, takes, loss in every_loss(check_values):
        found.setdefault(" ".join(label.split()[:2]), (takes, loss))
    return found


def prediction(heatmaps, takes):
    """Inputs of a loss made from heatmaps, as leaves with a gradient."""
    mean, covariance = starlib.heatmap_moments(heatmaps.detach())
    spread = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(1e-4).sqrt()
    fields = {"heatmaps": heatmaps, "landmarks": mean, "scale_tril": torch.diag_embed(spread)}
    return [fields[name].detach().clone().requires_grad_() for name in takes]
