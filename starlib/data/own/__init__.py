"""Your own data: a .yml file with a scheme, and lists of faces."""

from starlib.data.own.checks import least_alike_first
from starlib.data.own.faces import SPLITS, UNIT, doubts, given_splits, load, problems_of, scans

__all__ = [
    "SPLITS",
    "UNIT",
    "doubts",
    "given_splits",
    "least_alike_first",
    "load",
    "problems_of",
    "scans",
]
