"""Your own data: a .yml file with a scheme, and lists of faces."""

from starlib.data.own.faces import check, load

__all__ = ["check", "load"]
