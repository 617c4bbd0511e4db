"""Random command lines end with 0, 1 or 2 and a message, and write only where they are asked to."""

import argparse
import concurrent.futures
import contextlib
import importlib
import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import __main__ as companion_line
from companion.bench import timing
from companion.bench import training as bench_training
from starlib import __main__ as starlib_line
from starlib.data import DataError, synthface
from starlib.training import config as training_config
from starlib.training import loop
from tests.conftest import SMALL as SIZES
from tests.conftest import save_picture, save_run, write_pts
from tests.fuzz import TALLY, times

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"starlib": starlib_line, "companion": companion_line}
SMALL = {**SIZES, "stacks": 1}
# They wait for a scheduler and for a compiler, train hundreds of runs, and what no machine holds.
SKIPPED = ("--dask", "--compile", "--queue", "--epochs", "--stacks", "--width", "--image-size")
WORDS = ["", " ", "0", "1", "2", "-1", "3.5", "nan", "inf", "1e999", "9" * 30, "true", "null", "[]"]
WORDS += ["{", "é\u202e😀", "a" * 300, "../..", "--", "-", "*", "\\", "%s", "x\ny", "train", "test"]
WORDS += ["cpu", "cuda", "cuda:99", "meta", "cpu:9", "mps", "smoke", "reduced", "full", "custom"]
WORDS += ["300w", "synthface", "wflw", "cofw", "300vw", "scut-fbp5500", "ablation_distance"]
WORDS += ["http://127.0.0.1:9/a.zip", "0" * 64, "file:///etc/passwd", "loss_weight=1e-320"]
FILES = ["photo.png", "broken.png", "text.png", "empty.png", "photo", "run.pt", "nothing.pt"]
FILES += ["pickle.pt", "own.yml", "other.yml", "list.csv", "here.txt", "folder", "folder/deep.json"]
FILES += ["out", "out/a.json", "out/a.onnx", "missing/a.onnx", "results", "data"]
# What an option or position takes, drawn most of the time, so that commands get somewhere.
FITTING = {
    "weights": ["run.pt"],
    "photos": ["photo.png"],
    "dataset": ["300w", "300w", "synthface", "own.yml"],
    "name": ["300w", "own.yml", "wflw"],
    "scheme": ["300w"],
    "out": ["out", "out/a.json", "out/a.onnx"],
    "results": ["results", "out"],
    "data_root": ["data"],
    "device": ["cpu"],
    "split": ["test"],
    "scale": ["smoke", "reduced"],
    "loss": ["adl", "regression", "star"],
    "distance": ["l2", "smooth_l1"],
    "box": ["3", "4", "40", "41"],
    "minutes": ["0", "1"],
    "experiment": ["ablation_distance"],
}


class Threads(ThreadPoolExecutor):
    """In place of processes, which would not see what is patched here."""

    def __init__(self, max_workers=None, **_):
        super().__init__(max_workers)


def fill(folder: Path) -> None:
    """A folder with a small data set, photos, weights, and files that are none."""
    rng = np.random.default_rng(0)
    for index, name in enumerate(["afw/1", "lfpw/trainset/2", "helen/testset/3", "lfpw/testset/4"]):
        path = folder / "data" / "300w" / name
        save_picture(path.with_suffix(".png"), (60, 50))
        write_pts(path.with_suffix(".pts"), rng.uniform(10, 45, (68, 2)), header=index != 1)
    shutil.copy(folder / "data/300w/afw/1.png", folder / "photo.png")
    whole = (folder / "photo.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("no picture")
    for name in ("empty.png", "nothing.pt", "photo"):
        (folder / name).touch()
    save_run(folder / "run.pt")
    torch.save({"net": torch.nn.Linear}, folder / "pickle.pt")
    (folder / "own.yml").write_text("train: list.csv\ntest: list.csv\nnormaliser: [[0], [1]]\n")
    (folder / "other.yml").write_text("- 1\n- {a: [b\n")
    (folder / "list.csv").write_text("photo.png,1,2,30,40\nphoto.png,3,4,20,10\n")
    (folder / "here.txt").write_text("here")
    for name in ("folder", "out", "results"):
        (folder / name).mkdir()


@pytest.fixture(scope="module")
def patched():
    """Calls that take minutes, start processes or use the network are made small, or refuse."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("smoke", "reduced", "full"):
            patch.setitem(training_config.SCALES, name, dict(SMALL))
        patch.setattr(synthface, "SPLITS", {"train": (0, 4), "test": (1, 3)})
        patch.setattr(concurrent.futures, "ProcessPoolExecutor", Threads)
        whole = loop._train_epoch

        def short(state, *arguments):
            if state.epoch >= 2:
                raise ValueError("epochs: enough")
            whole(state, *arguments)

        patch.setattr(loop, "_train_epoch", short)
        still = {"median": 1e-3, "low": 1e-3, "high": 1e-3, "rounds": 3}

        def untimed(contestants, *_, **__):
            return {name: dict(still) for name in contestants}

        for module in (timing, bench_training):
            patch.setattr(module, "interleaved", untimed)
            patch.setattr(module, "compiles", lambda _: False)
        for name, value in {"BATCHES": (1,), "POINTS": (3, 4), "SIDE": 8}.items():
            patch.setattr(timing, name, value)
        patch.setattr(bench_training, "memory_of_trainings", lambda *_: [])
        export = importlib.import_module("starlib.commands.export")
        patch.setattr(export, "export_onnx", lambda *_: 0.0)
        fetch = importlib.import_module("starlib.data.fetch")

        def refused(url, *_):
            raise DataError([f"{url}: expected a file there"])

        patch.setattr(fetch, "download", refused)
        yield patch


@pytest.fixture(scope="module")
def folder(tmp_path_factory, patched):
    """The working folder, with data and files; everything that is written is looked for here."""
    base = tmp_path_factory.mktemp("command")
    here = base / "here"
    here.mkdir()
    fill(here)
    patched.setenv("STARLIB_DATA", str(here / "data"))
    patched.setenv("STARLIB_RESULTS", str(here / "results"))
    patched.setenv("XDG_CACHE_HOME", str(here / "results" / "cache"))
    patched.chdir(here)
    return here


def parser_of(program: str, command: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"{program}.commands.{command}").add(parser)
    return parser


def mostly(fitting: list[str], others: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Nine times in ten one of those that fit."""
    return st.integers(0, 9).flatmap(lambda d: st.sampled_from(fitting) if d else others)


def values(action: argparse.Action) -> st.SearchStrategy[list[str]]:
    """Values of an option or a position: mostly fitting ones, or anything."""
    if action.nargs == 0:
        return st.just([])
    some = st.sampled_from(FILES) | st.sampled_from(WORDS) | st.text(max_size=8)
    if action.choices:
        some = mostly([str(choice) for choice in action.choices], some)
    elif action.type in (int, float):
        some = mostly(["1", "2", "3", "0.5"][: 3 + (action.type is float)], some)
    if fitting := FITTING.get(action.dest):
        if action.nargs == len(fitting):
            return st.just(fitting) | st.lists(some, min_size=4, max_size=4)
        some = mostly(fitting, some)
    count = {None: 1, "?": 1}.get(action.nargs, action.nargs)
    if isinstance(count, int):
        return st.lists(some, min_size=count, max_size=count)
    return st.lists(some, min_size=1, max_size=2)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A program, and a command of it with its required options (most of the time) and some of the
    others."""
    known = [(name, command) for name, line in PROGRAMS.items() for command in line.COMMANDS]
    program, command = draw(st.sampled_from(known))
    line = [command]
    actions = [a for a in parser_of(program, command)._actions if a.dest != "help"]
    for action in actions:
        name = action.option_strings[-1] if action.option_strings else None
        if name in SKIPPED:
            continue
        often = 19 if action.required or not name else 3
        if draw(st.integers(0, 19)) > often:
            continue
        line += ([name] if name else []) + draw(values(action))
    if draw(st.integers(0, 20)) == 0:
        line.insert(draw(st.integers(0, len(line))), draw(st.sampled_from(WORDS)))
    return program, line


def contents(folder: Path) -> dict[str, tuple[int, ...]]:
    """Size and time of every file; the folders."""
    stats = {path: path.lstat() for path in folder.rglob("*")}
    return {
        str(path.relative_to(folder)): (s.st_size, s.st_mtime_ns) if path.is_file() else ()
        for path, s in stats.items()
    }


def called(program: str, line: list[str]) -> tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = PROGRAMS[program].main(line)
        except SystemExit as ended:  # argparse
            code = 0 if ended.code is None else ended.code
    return code, out.getvalue(), errors.getvalue()


@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("one_thread")
@settings(max_examples=times(60), deadline=None, derandomize=True, database=None)
@given(asked=lines())
def test_any_command_line_ends_with_a_message_and_writes_where_it_may(asked, folder):
    program, line = asked
    if any("\0" in word for word in line):
        return  # which no shell passes on
    before, outside = contents(folder.parent), contents(ROOT / "results")
    code, out, errors = called(program, line)
    command = line[0] if line[0] in PROGRAMS[program].COMMANDS else "others"
    TALLY[f"command lines: {program} {command}, exit {code}"] += 1
    assert code in (0, 1, 2), line
    assert "Traceback" not in out + errors
    assert errors.strip() if code == 2 else (out + errors).strip(), line
    after = contents(folder.parent)
    given_paths = [os.path.relpath(os.path.join(folder, word), folder.parent) for word in line]
    may = ["here/results", "here/predictions"]
    if line[:2] == ["data", "split"]:  # beside the list
        may += [f"here/{name}" for name in ("train.csv", "test.csv")]
    may += [*(p for p in given_paths if p not in (".", "here"))]
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            inside = [
                m for m in may if Path(name).is_relative_to(m) or Path(m).is_relative_to(name)
            ]
            assert inside, f"{line} wrote {name}"
    assert contents(ROOT / "results") == outside
    sources = [n for n in before if n.startswith("here/data/300w") or n == "here/run.pt"]
    assert all(after.get(name) == before[name] for name in sources), line
