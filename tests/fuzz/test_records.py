"""Damaged records are named, or read exactly as they were written: never as other numbers."""

import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starlib.experiments.records import load_all, read_record, verify
from tests.fuzz import TALLY, times

ROOT = Path(__file__).resolve().parents[2]
ODD = [None, True, -1, 0, 1e300, "", "é", [], [[]], {}, {"a": 1}, "9" * 40]


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """A copy of the smallest committed record, and its two files' contents."""
    arrays = min((ROOT / "results" / "runs").glob("*.npz"), key=lambda p: p.stat().st_size)
    folder = tmp_path_factory.mktemp("records") / "runs"
    folder.mkdir()
    for path in (arrays, arrays.with_suffix(".json")):
        shutil.copy(path, folder)
    path = folder / arrays.with_suffix(".json").name
    return path, path.read_bytes(), path.with_suffix(".npz").read_bytes()


def damage(data: bytes, draw: st.DataObject) -> bytes:
    """Flipped bits, a missing end or middle, or other bytes in between."""
    kind = draw.draw(st.sampled_from(["flip", "cut", "drop", "insert", "zero"]))
    at = draw.draw(st.integers(0, len(data) - 1))
    some = draw.draw(st.integers(1, 40))
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
@given(draw=st.data())
def test_a_damaged_file_is_named_or_says_what_it_said(record, draw):
    path, content, arrays = record
    if draw.draw(st.booleans()):
        found = outcome(path, damage(content, draw), arrays)
    else:
        found = outcome(path, content, damage(arrays, draw))
    if isinstance(found, str):
        TALLY["damaged records: named"] += 1
        return
    TALLY["damaged records: read as they were"] += 1
    assert found == outcome(path, content, arrays)


def places(value: object, at: tuple = ()) -> list[tuple]:
    """The way to every value inside a record."""
    inner = value.items() if isinstance(value, dict) else ()
    return [at] * bool(at) + [p for key, some in inner for p in places(some, (*at, key))]


@settings(max_examples=times(60), deadline=None, derandomize=True, database=None)
@given(draw=st.data())
def test_a_field_of_another_type_is_named_or_changes_no_number(record, draw):
    path, content, arrays = record
    values = json.loads(content)
    way = draw.draw(st.sampled_from(places(values)))
    inside = values
    for key in way[:-1]:
        inside = inside[key]
    if draw.draw(st.booleans()):
        del inside[way[-1]]
    else:
        inside[way[-1]] = draw.draw(st.sampled_from(ODD))
    found = outcome(path, json.dumps(values).encode(), arrays)
    if isinstance(found, str):
        TALLY["records with another field: named"] += 1
        return
    TALLY["records with another field: same numbers"] += 1
    config, metrics, landmarks = outcome(path, content, arrays)
    assert found[1:] == (metrics, landmarks)
    assert found[0] == config or config.hash == found[0].hash


def test_arrays_that_run_code_when_they_are_unpickled_are_refused(record, tmp_path):
    path, content, _ = record
    harm = tmp_path / "harm"

    class Harm:
        def __reduce__(self):
            return Path.touch, (harm,)

    buffer = io.BytesIO()
    np.savez(buffer, predicted=np.array([Harm()], dtype=object), target=np.zeros(1))
    assert isinstance(outcome(path, content, buffer.getvalue()), str)
    assert not harm.exists()
