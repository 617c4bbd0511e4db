"""Hostile or unlucky input: pickles that run code, full disks, read-only folders.

Archives with paths that lead out of their folder are in test_fetch, picture bombs in tests/fuzz.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from starlib.__main__ import main
from starlib.data import crop_store, load_dataset
from starlib.runs.run import run
from starlib.schemes import SCHEMES
from starlib.training.loop import train
from tests.conftest import SMALL, SMALL_RUN, Trap, files_of, options_of, without_rights


def test_a_checkpoint_that_runs_code_when_it_is_unpickled_is_not_read(tiny_300w, tmp_path):
    from starlib.training.checkpoints import write_checkpoint

    harm, path = tmp_path / "harm", tmp_path / "run.pt"
    write_checkpoint(path, {"run": Trap(harm)})
    faces = load_dataset("300w", "train", tiny_300w)
    crops = crop_store(faces, 32, tmp_path)
    with pytest.warns(UserWarning, match="expected tensors and numbers alone"):
        train(SMALL_RUN, crops, SCHEMES["300w"], checkpoint=path)
    assert path.with_name("run.pt.damaged").exists()
    assert not harm.exists()


@pytest.mark.parametrize("kilobytes", [1, 10, 50])  # in the crops, the checkpoint, the weights
def test_a_run_without_space_says_so_and_goes_on_when_there_is_some(
    tiny_300w, tmp_path, file_limit, capsys, kilobytes
):
    results = tmp_path / "results"
    given = ["train", "--dataset", "300w", "--results", str(results), "--data-root", str(tiny_300w)]
    given += options_of(SMALL)
    file_limit(kilobytes * 1024)
    code = main(given)
    errors = capsys.readouterr().err
    file_limit(-1)
    assert code == 2 and str(results) in errors and "File too large" in errors
    assert not [name for name in files_of(results) if "partial" in name]
    assert main(given) == 0


FULL = """
import sys
from pathlib import Path
from starlib.data import crop_store, load_dataset
crop_store(load_dataset("300w", "train", sys.argv[1]), 64, Path(sys.argv[2]))
"""


def test_a_full_disk_is_an_error_while_crops_are_cut(tiny_300w, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk")
    try:
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(tiny_300w), str(disk / "crops")],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1, done  # and not killed for writing into a mapped file
        assert "No space left on device" in done.stderr
        assert files_of(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_cannot_be_written_is_named(tiny_300w, tmp_path, called):
    (tmp_path / "file").write_text("")
    for results in (tmp_path / "file" / "results", Path("/proc/results")):
        given = ["train", "--dataset", "300w", "--data-root", str(tiny_300w)]
        assert str(results) in called(*given, "--results", str(results), code=2)


def test_a_read_only_folder_is_named_and_stays_as_it_is(tiny_300w, tmp_path):
    results = tmp_path / "results"
    results.mkdir(mode=0o555)
    with without_rights(tmp_path), pytest.raises(OSError, match="results"):
        run(SMALL_RUN, results=results, data_root=tiny_300w)
    assert list(results.iterdir()) == []
