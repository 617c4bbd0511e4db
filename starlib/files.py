"""Files that appear whole or not at all, and where results lie."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

PARTIAL = "partial-"  # how names begin of files that are being written
ROOT = Path(__file__).resolve().parents[1]  # of the checkout, where the package is one's


def in_checkout() -> bool:
    """Whether this package lies in a checkout, and is not installed."""
    return (ROOT / "pyproject.toml").is_file()


def results_folder(folder: Path | str | None = None) -> Path:
    """`folder`, relative to the working folder; by default $STARLIB_RESULTS, else results/ of the
    checkout when working inside it, else results/ of the working folder."""
    if chosen := folder or os.environ.get("STARLIB_RESULTS"):
        return Path(chosen)
    here = Path.cwd()
    inside = in_checkout() and here.resolve().is_relative_to(ROOT)
    return (ROOT if inside else here) / "results"


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, `atomically`."""
    atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file that then takes the name `path`; its folder is made.

    OSError names `path` and the reason (no space left, read-only folder, …) where it could not be
    written; what was at `path` is unchanged then, and nothing else is left.
    """
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torch.save takes no name that begins with a dot.
        prefix = f"{PARTIAL}{path.stem}-"
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        partial = Path(name)
        write(partial)
        with partial.open("rb") as file:  # else a power cut could leave the name without content
            os.fsync(file.fileno())
        partial.chmod(0o644)
        os.replace(partial, path)
    except OSError as error:
        raise OSError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
