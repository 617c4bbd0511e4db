"""Damaged records are named, or read exactly as they were written: never as other numbers."""

import io
import json
import shutil
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starlib.runs import records
from starlib.runs.finished import load_all
from starlib.runs.records import read_record, verify
from tests.conftest import Trap
from tests.fuzz import TALLY, times

ROOT = Path(__file__).resolve().parents[2]
ODD = [None, True, -1, 0, 1e300, "", "é", [], [[]], {}, {"a": 1}, "9" * 40]
MISSING = object()


class Kept(NamedTuple):
    """A record as it was written, and all that it says."""

    path: Path
    content: bytes
    arrays: bytes
    outcome: object

    def __repr__(self) -> str:
        return self.path.name


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A copy of the smallest committed record, and its own two files' contents."""
    runs = ROOT / "results" / "runs"
    smallest = min(runs.glob("*.json"), key=lambda p: p.with_suffix(".npz").stat().st_size)
    arrays = smallest.with_suffix(".npz")
    folder = tmp_path_factory.mktemp("records") / "runs"
    folder.mkdir()
    for path in (arrays, smallest, *runs.glob("faces-*.npz")):
        shutil.copy(path, folder)
    path = folder / arrays.with_suffix(".json").name
    whole = path.read_bytes(), path.with_suffix(".npz").read_bytes()
    return Kept(path, *whole, outcome(path, *whole))


def damage(data: bytes, kind: str, at: int, some: int) -> bytes:
    """A flipped bit, a missing end or middle, or other bytes in between."""
    at %= len(data)
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << some % 8]) + data[at + 1 :]
    middle = {
        "cut": b"",
        "drop": b"",
        "insert": b"\x00{" + data[at : at + some],
        "zero": bytes(some),
    }
    after = {"cut": b"", "drop": data[at + some :], "insert": data[at:], "zero": data[at + some :]}
    return data[:at] + middle[kind] + after[kind]


def outcome(path: Path, content: bytes, arrays: bytes) -> object:
    """All that a record says, or the message that names its file."""
    records._read.cache_clear()  # files that change within a tick of the clock look the same
    path.write_bytes(content)
    path.with_suffix(".npz").write_bytes(arrays)
    try:
        found = read_record(path)
        verify(found)
        values = {name: a.tobytes() for name, a in found.landmarks().items()}
    except ValueError as error:
        assert path.stem in str(error)
        return str(error)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_all(path.parents[1])  # whatever is wrong with it
    return found.config, found.metrics, values


@settings(max_examples=times(60), deadline=None, derandomize=True, database=None)
@given(
    which=st.booleans(),
    kind=st.sampled_from(["flip", "cut", "drop", "insert", "zero"]),
    at=st.integers(0, 2**40),
    some=st.integers(1, 40),
)
def test_a_damaged_file_is_named_or_says_what_it_said(record, which, kind, at, some):
    path, content, arrays, expected = record
    if which:
        found = outcome(path, damage(content, kind, at, some), arrays)
    else:
        found = outcome(path, content, damage(arrays, kind, at, some))
    if isinstance(found, str):
        TALLY["damaged records: named"] += 1
        return
    TALLY["damaged records: read as they were"] += 1
    same(found, expected)


def same(found: object, expected: object) -> None:
    """The same run, whose numbers agree to the digits that are checked."""
    (config, metrics, landmarks), (as_written, numbers, arrays) = found, expected
    assert config == as_written and landmarks == arrays
    assert metrics.keys() == numbers.keys()
    for subset, values in numbers.items():
        assert metrics[subset] == pytest.approx(values, rel=2e-6, abs=1e-8)


def places(value: object, at: tuple = ()) -> list[tuple]:
    """The way to every value inside a record."""
    inner = value.items() if isinstance(value, dict) else ()
    return [at] * bool(at) + [p for key, some in inner for p in places(some, (*at, key))]


@settings(max_examples=times(60), deadline=None, derandomize=True, database=None)
@given(place=st.integers(0, 2**40), value=st.sampled_from([*ODD, MISSING]))
def test_a_field_of_another_type_is_named_or_changes_no_number(record, place, value):
    path, content, arrays, expected = record
    values = json.loads(content)
    ways = places(values)
    way = ways[place % len(ways)]
    inside = values
    for key in way[:-1]:
        inside = inside[key]
    if value is MISSING:
        del inside[way[-1]]
    else:
        inside[way[-1]] = value
    found = outcome(path, json.dumps(values).encode(), arrays)
    if isinstance(found, str):
        TALLY["records with another field: named"] += 1
        return
    TALLY["records with another field: same numbers"] += 1
    same(found, expected)


@pytest.mark.parametrize("curve", ["", {}])
def test_a_curve_that_is_no_list_is_named(record, curve):
    said = json.loads(record.content)
    said["curves"]["loss"] = curve
    assert "expected numbers in metrics, curves" in outcome(
        record.path, json.dumps(said).encode(), record.arrays
    )


def test_arrays_that_run_code_when_they_are_unpickled_are_refused(record, tmp_path):
    path, content, _, _ = record
    harm = tmp_path / "harm"

    buffer = io.BytesIO()
    np.savez(buffer, predicted=np.array([Trap(harm)], dtype=object), target=np.zeros(1))
    assert isinstance(outcome(path, content, buffer.getvalue()), str)
    assert not harm.exists()
