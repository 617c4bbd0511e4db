"""The videos and landmarks of 300-VW, written as they come."""

import gc
import weakref

import numpy as np
import pytest
from PIL import Image

from starlib.data import load_dataset, vw300
from tests.conftest import problems_of, write_pts, write_video

RNG = np.random.default_rng(0)


@pytest.fixture
def tiny_300vw(tmp_path):
    """Videos 114 (category A) and 410 (C) of 12 frames, of which four and one are annotated. Frame
    k (from 0) has brightness 10 k."""
    for video, annotated in {"114": (1, 4, 5, 12), "410": (7,)}.items():
        folder = tmp_path / "300vw" / video
        write_video(
            folder / "vid.avi", [Image.new("RGB", (96, 80), (10 * k,) * 3) for k in range(12)]
        )
        (folder / "annot").mkdir()
        for number in annotated:
            write_pts(folder / f"annot/{number:06}.pts", RNG.uniform(20, 70, (68, 2)))
    return tmp_path


def test_frame_k_of_a_video_belongs_to_its_pts_file(tiny_300vw):
    faces = load_dataset("300vw", "test", tiny_300vw)
    assert faces.names == ("114/000001", "114/000004", "114/000005", "114/000012", "410/000007")
    assert faces.subsets["category A"].tolist() == [True] * 4 + [False]
    assert list(faces.subsets) == ["category A", "category C"]
    assert (faces.official, faces.partial) == (121_278, True)
    numbers = [int(name[4:]) for name in faces.names]
    for index in (0, 1, 2, 3, 4, 1, 0):  # in order, then back
        brightness = np.asarray(faces.read(index)).mean()
        assert brightness == pytest.approx(10 * (numbers[index] - 1), abs=3)


def test_videos_are_read_forward_and_few_frames_live(tiny_300vw, monkeypatch):
    begun, seen, alive = [], [], []
    decode = vw300.decode

    def watched(video):
        begun.append(video)
        for frame in decode(video):
            seen.append(weakref.ref(frame))
            gc.collect()
            alive.append(sum(reference() is not None for reference in seen))
            yield frame

    faces = load_dataset("300vw", "test", tiny_300vw)
    monkeypatch.setattr(vw300, "decode", watched)
    for index in range(len(faces)):
        faces.read(index)
    assert len(begun) == 2  # each video once
    assert len(seen) == 12 + 7 and max(alive) <= 3


def test_wrong_300vw_files_are_named(tiny_300vw, called):
    folder = tiny_300vw / "300vw/114"
    for number in (98, 99):
        write_pts(folder / f"annot/{number:06}.pts", RNG.uniform(20, 70, (68, 2)))
    message = called("data", "check", "300vw", "--data-root", str(tiny_300vw), code=1)
    assert "vid.avi: expected frame 98, it ends after 12" in message
    assert message.count("it ends after") == 1  # one line a video
    assert "category A            1 of     31 videos  partial" in message
    assert "category B            0 of     19 videos  missing" in message
    assert "category C            1 of     14 videos  partial" in message
    (folder / "vid.avi").write_bytes(b"no video")
    assert "114/vid.avi: expected a readable video" in problems_of("300vw", "test", tiny_300vw)
    (folder / "vid.avi").unlink()
    assert "000004.pts: expected vid.avi or imgs/000004.jpg" in problems_of(
        "300vw", "test", tiny_300vw
    )
    assert "expected folders of train videos" in problems_of("300vw", "train", tiny_300vw)


def test_real_frames_in_folders_of_images_are_read(real_data, tmp_path):
    (tmp_path / "300vw").symlink_to(real_data / "samples/300vw")
    train, test = (load_dataset("300vw", split, tmp_path) for split in ("train", "test"))
    assert train.names == ("001/000006", "001/000009")
    assert test.names == ("401/000731", "401/000732")
    assert train.read(0).size == (1280, 720) and test.read(0).size == (700, 512)


def test_frames_counted_from_0_are_refused(tiny_300vw):
    folder = tiny_300vw / "300vw/114/annot"
    (folder / "000001.pts").rename(folder / "000000.pts")
    message = problems_of("300vw", "test", tiny_300vw)
    assert "000000.pts: expected a frame number from 1 as name" in message
    (folder / "000000.pts").rename(folder / "._000001.pts")
    (folder.parent / "vid.avi").rename(folder.parent / "vid.AVI")
    faces = load_dataset("300vw", "test", tiny_300vw)
    assert len(faces) == 4 and faces.read(0).size == (96, 80)
