"""Parts of the face: which landmarks of each scheme lie on them."""

from starlib.data.own.schemes import scheme_of


def _span(*spans: tuple[int, int]) -> tuple[int, ...]:
    return tuple(i for first, last in spans for i in range(first, last + 1))


REGIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "300w": {
        "contour": _span((0, 16)),
        "brows": _span((17, 26)),
        "nose": _span((27, 35)),
        "eyes": _span((36, 47)),
        "mouth": _span((48, 67)),
        "eye corners": (36, 39, 42, 45),
    },
    "wflw": {
        "contour": _span((0, 32)),
        "brows": _span((33, 50)),
        "nose": _span((51, 59)),
        "eyes": _span((60, 75), (96, 97)),
        "mouth": _span((76, 95)),
        "eye corners": (60, 64, 68, 72),
    },
    "cofw": {
        "contour": (28,),  # the chin
        "brows": _span((0, 7)),
        "nose": _span((18, 21)),
        "eyes": _span((8, 17)),
        "mouth": _span((22, 27)),
        "eye corners": (8, 9, 10, 11),
    },
    "scut-fbp5500": {
        "contour": _span((0, 21)),
        "brows": _span((22, 41)),
        "nose": _span((60, 72)),
        "eyes": _span((42, 59)),
        "mouth": _span((73, 85)),
        "eye corners": (42, 46, 50, 54),
    },
}
REGIONS["cofw-ocular"] = REGIONS["cofw"]
PARTS = ("contour", "brows", "nose", "eyes", "mouth")  # that share out every landmark


def region_points(dataset: str, region: str) -> list[int]:
    """Indices of the landmarks in a region of a data set; ValueError for one that is not known."""
    regions = REGIONS.get(scheme_of(dataset).name, {})
    if region not in regions:
        known = ", ".join(regions) or f"none for {dataset}"
        raise ValueError(f"region: expected one of {known}, got {region!r}")
    return list(regions[region])
