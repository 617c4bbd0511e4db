"""Fixtures shared by the tests."""

import contextlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

# Before starlib is imported, here and in the processes that tests start: every epoch is kept.
os.environ["STARLIB_CHECKPOINT_SECONDS"] = "0"

from starlib.__main__ import main
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
    enter = stat.S_IXGRP | stat.S_IXOTH  # root's group stays among the other user's
    closed = {path: mode for path, mode in modes.items() if mode & enter != enter}
    try:
        for path, mode in closed.items():
            path.chmod(mode | enter)
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


def save_picture(path: Path, size: tuple[int, int] = (100, 90)) -> np.ndarray:
    """A picture of noise, another one for each name of a file; its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    pixels = rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Calls `python -m starlib` with words, checks its exit status, and returns what it prints."""

    def call(*line: str, code: int = 0) -> str:
        assert main([*line]) == code
        return "".join(capsys.readouterr())

    return call


def noise(seed: int = 0, size: tuple[int, int] = (80, 60)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write_video(
    path: Path, pictures: list[Image.Image], moments: Sequence[float] | None = None
) -> None:
    """A video with a picture at each of the moments in seconds, by default 25 a second."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        (stream.width, stream.height), stream.pix_fmt = pictures[0].size, "yuv420p"
        if moments:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture)
            if moments:
                frame.pts, frame.time_base = round(1000 * moments[number]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of results that is not there yet."""
    return tmp_path / "results"


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
        save_picture(path.with_suffix(".png" if index % 2 else ".jpg"))
        points = rng.uniform((20, 15), (80, 75), (68, 2))
        write_pts(path.with_suffix(".pts"), points, header=index != 2)
    return tmp_path


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Sets how many bytes a file may have, as a full disk does; -1 for any number."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def cats(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder with four pictures, their landmarks [4, 9, 2], and CSV lists: those of training, and
    of testing with the same landmarks and other pictures (see `tests.own`)."""
    points = np.random.default_rng(0).uniform(20, 80, (4, 9, 2)).round(3)
    points[0, 0] = (0, 0)
    header = "image," + ",".join(f"{axis}{i}" for i in range(9) for axis in "xy")
    for kind, split, first, last in (("cat", "train", [header], []), ("test", "test", [], [""])):
        names = [f"{kind} {index}.png" for index in range(4)]
        for name in names:
            save_picture(tmp_path / name)
        rows = [",".join([n, *map(str, p.ravel())]) for n, p in zip(names, points, strict=True)]
        (tmp_path / f"{split}.csv").write_text("\n".join([*first, *rows, *last]) + "\n")
    return tmp_path, points


SMALL = {"image_size": 32, "width": 8, "depth": 2, "epochs": 1, "batch_size": 2}
SMALL_RUN = RunConfig.at("smoke", "300w", **SMALL)


@pytest.fixture
def released_file(tmp_path: Path) -> Path:
    """A small network as the authors' files hold it, raw and averaged weights."""
    path = tmp_path / "authors.pkl"
    torch.save(released_parts(small(stacks=1), small(stacks=1, seed=1)), path)
    return path


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Weights as a run writes them, not trained."""
    return save_run(tmp_path / "run.pt")


def save_run(path: Path) -> Path:
    """Write the weights of SMALL_RUN, not trained, as a run does."""
    model, scheme = build_model(SMALL_RUN, SCHEMES["300w"]), SCHEMES["300w"]
    parts = {"config": SMALL_RUN.to_dict(), "scheme": scheme.to_dict()}
    torch.save(parts | {"weights": model.state_dict()}, path)
    return path
