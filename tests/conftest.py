"""Fixtures shared by the tests."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

# Before starlib is imported, here and in the processes that tests start: every epoch is kept.
os.environ["STARLIB_CHECKPOINT_SECONDS"] = "0"

from starlib.commands.train import option
from starlib.data import DataError, load_dataset
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from starlib.training.state import build_model
from tests.released import released_parts, small

# pytest-xdist gives each core a process of its own.
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors gain little from threads, and lose much where other jobs run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the data sets; tests that need real faces are skipped without it."""
    root = os.environ.get("STARLIB_DATA")
    if not root:
        pytest.skip("STARLIB_DATA is not set")
    return Path(root)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of numbers computed with the released code."""
    return Path(__file__).parent / "golden"


@contextlib.contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """File permissions hold: root becomes another user, to whom `folder` and its files belong."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    nobody = 65534
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.parents}
    closed = {path: mode for path, mode in modes.items() if not mode & stat.S_IXOTH}
    try:
        for path, mode in closed.items():
            path.chmod(mode | stat.S_IXOTH)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, nobody, nobody, follow_symlinks=False)
        os.setegid(nobody)
        os.seteuid(nobody)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        for path, mode in closed.items():
            path.chmod(mode)


def options_of(fields: dict[str, object]) -> list[str]:
    """Options of `python -m starlib train` for the fields of a config."""
    return [word for name, value in fields.items() for word in (option(name), str(value))]


def write_pts(path: Path, points: np.ndarray, header: bool = True) -> None:
    """A text `.pts` file with the points [N, 2] as they are given."""
    lines = [f"{x:.6f} {y:.6f}" for x, y in points]
    text = "\n".join(["{", *lines, "}"]) + "\n"
    path.write_text((f"version: 1\nn_points:  {len(points)}\n" if header else "") + text)


def files_of(folder: Path) -> list[str]:
    """The files in a folder and those in it, as paths from there."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def problems_of(name, split="train", root=None):
    """The error of `load_dataset` about wrong files."""
    with pytest.raises(DataError) as raised:
        load_dataset(name, split, root)
    return str(raised.value)


@pytest.fixture
def tiny_300w(tmp_path: Path) -> Path:
    """A root with a 300-W folder of four training and two test faces in the official layout."""
    rng = np.random.default_rng(0)
    faces = ["afw/1", "afw/2", "helen/trainset/3", "lfpw/trainset/4"]
    faces += ["helen/testset/5", "lfpw/testset/6"]
    for index, name in enumerate(faces):
        path = tmp_path / "300w" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (90, 100, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path.with_suffix(".png" if index % 2 else ".jpg"))
        points = rng.uniform((20, 15), (80, 75), (68, 2))
        write_pts(path.with_suffix(".pts"), points, header=index != 2)
    return tmp_path


SMALL_RUN = RunConfig.at("smoke", "300w", image_size=32, width=8, depth=2, epochs=1, batch_size=2)


@pytest.fixture
def released_file(tmp_path: Path) -> Path:
    """A small network as the authors' files hold it, raw and averaged weights."""
    path = tmp_path / "authors.pkl"
    torch.save(released_parts(small(stacks=1), small(stacks=1, seed=1)), path)
    return path


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Weights as a run writes them, not trained."""
    model, scheme = build_model(SMALL_RUN, SCHEMES["300w"]), SCHEMES["300w"]
    parts = {"config": SMALL_RUN.to_dict(), "scheme": scheme.to_dict()}
    path = tmp_path / "run.pt"
    torch.save(parts | {"weights": model.state_dict()}, path)
    return path
