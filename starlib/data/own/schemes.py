"""Landmark schemes of your own, read from a .yml file such as

```yaml
name: cats
points: 9
edges: [{points: [0, 1, 2]}, {points: [3, 4, 5], closed: true}]
flip: [[0, 2], [3, 5]]       # pairs; points that are not named mirror onto themselves
normaliser: [[3], [5]]       # two groups of points; errors are divided by their distance
```

`flip: none` is for points without mirror images: no training picture is mirrored then. For a scheme
that is known, `scheme: 300w` says all of it; `name` is then the data set's, by default the file's.
The same file says where the faces are: see `starlib.data.own`.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as _short  # a small file may hold a value of any size
from typing import Any

from starlib.data.errors import DataError
from starlib.data.text import read_text
from starlib.schemes import SCHEME_OF, SCHEMES, Edge, Scheme, is_path

SCHEME_KEYS = ("name", "points", "edges", "flip", "normaliser")
FACE_KEYS = ("train", "test", "images", "first_pixel", "missing", "names")
MOST_POINTS = 10_000


def read_description(path: Path | str) -> dict[str, Any]:
    """The keys and values of a .yml file; ValueError names it and every key that is wrong."""
    try:
        import yaml
    except ImportError as error:
        raise ImportError("your own data needs PyYAML: pip install 'starloss[data]'") from error
    try:
        text = read_text(Path(path), ".yml file")
        values, nodes = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except DataError:
        raise
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: expected a readable .yml file ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: expected keys and values, got {_short(values)}")
    known = ("scheme", *SCHEME_KEYS, *FACE_KEYS)
    keys = Counter(str(key.value) for key, _ in getattr(nodes, "value", ()))
    messages = [f"{_short(key)}: expected once, it is there twice" for key in keys if keys[key] > 1]
    messages += [
        f"{_short(key)}: unknown; known are {', '.join(known)}"
        for key in values
        if key not in known
    ]
    own = [key for key in SCHEME_KEYS if key in values and key != "name"]
    if "scheme" in values:
        messages += [f"{key}: not beside scheme, which has its own" for key in own]
    else:
        messages += [
            f"{key}: expected, but it is missing" for key in SCHEME_KEYS if key not in values
        ]
    if messages:
        raise ValueError("\n".join(f"{path}: {line}" for line in messages))
    return values


def data_name(path: Path | str, values: Mapping[str, Any]) -> str:
    """The name of the data set; ValueError names the file."""
    name = values.get("name", Path(path).stem)
    valid = isinstance(name, str) and name.replace("-", "").replace("_", "").isalnum()
    if "name" in values and not valid:
        raise ValueError(f"{path}: name: expected letters, digits, - and _, got {_short(name)}")
    return str(name)


def scheme_from(path: Path | str, values: Mapping[str, Any]) -> Scheme:
    """The scheme of a description; ValueError names the file, the key and what was expected."""
    name = data_name(path, values)
    try:
        if "scheme" in values:
            known = values["scheme"]
            if not isinstance(known, str) or known not in SCHEMES:
                names = ", ".join(SCHEMES)
                raise ValueError(f"scheme: expected one of {names}, got {_short(known)}")
            return SCHEMES[known]
        count = values["points"]
        if type(count) is not int or not 2 <= count <= MOST_POINTS:
            expected = f"points: expected an integer from 2 to {MOST_POINTS}"
            raise ValueError(f"{expected}, got {_short(count)}")
        edges = tuple(_edge(edge, count) for edge in _list("edges", values["edges"]))
        flip = _flip(values["flip"], count)
        given = _list("normaliser", values["normaliser"])
        groups = [_indices("normaliser", group, count) for group in given]
        if len(groups) != 2 or set(groups[0]) == set(groups[1]):
            raise ValueError(f"normaliser: expected two groups of points, got {_short(given)}")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Scheme(name, edges, flip, (groups[0], groups[1]))


def _flip(given: object, count: int) -> tuple[int, ...]:
    """For every point its mirror image, from pairs or "none"."""
    flip = list(range(count))
    if given in ("none", "None"):
        return tuple(flip)
    if given is None or given == []:
        raise ValueError("flip: expected pairs of points, or none where nothing may be mirrored")
    for i, j in [_indices("flip", pair, count, 2) for pair in _list("flip", given)]:
        if flip[i] != i or flip[j] != j:
            raise ValueError(f"flip: expected each point in one pair, got {[i, j]} besides")
        flip[i], flip[j] = j, i
    return tuple(flip)


def _list(key: str, given: object) -> list[Any]:
    if not isinstance(given, list):
        raise ValueError(f"{key}: expected a list, got {_short(given)}")
    return given


def _indices(key: str, given: object, count: int, length: int | None = None) -> tuple[int, ...]:
    """Points of a scheme with `count` of them, each once; `length` of them if it is given."""
    indices = given if isinstance(given, list) else []
    wrong_length = not indices if length is None else len(indices) != length
    if wrong_length or any(type(i) is not int or not 0 <= i < count for i in indices):
        some = "lists" if length is None else "pairs"
        raise ValueError(
            f"{key}: expected {some} of points from 0 to {count - 1}, got {_short(given)}"
        )
    if len(set(indices)) < len(indices):
        raise ValueError(f"{key}: expected each point once, got {_short(given)}")
    return tuple(indices)


def _edge(given: object, count: int) -> Edge:
    if not isinstance(given, dict) or not {"points"} <= set(given) <= {"points", "closed"}:
        raise ValueError(
            f"edges: expected {{points: […], closed: true or false}}, got {_short(given)}"
        )
    closed = given.get("closed", False)
    if not isinstance(closed, bool):
        raise ValueError(f"edges: closed: expected true or false, got {_short(closed)}")
    points = _indices("edges", given["points"], count)
    if len(points) < 2:
        raise ValueError(f"edges: expected two points or more of a curve, got {_short(given)}")
    return points, closed


def scheme_of(dataset: str) -> Scheme:
    """The scheme of a data set's name, or of the .yml file that describes your own."""
    if is_path(dataset):
        return scheme_from(dataset, read_description(dataset))
    return SCHEMES[SCHEME_OF[dataset]]
