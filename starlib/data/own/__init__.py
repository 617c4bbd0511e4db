"""Your own data: a .yml file with a scheme, and lists of faces."""

from starlib.data.own.faces import SPLITS, UNIT, counts, doubts, given_splits, load, notes, problems

__all__ = ["SPLITS", "UNIT", "counts", "doubts", "given_splits", "load", "notes", "problems"]
