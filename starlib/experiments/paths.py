"""Where results lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the checkout, where the package is one's


def in_checkout() -> bool:
    """Whether this package is that of a checkout, and not installed among others."""
    return (ROOT / "pyproject.toml").is_file()


def results_folder(folder: Path | str | None = None) -> Path:
    """`folder`, relative to the working folder; by default $STARLIB_RESULTS, else results/ of the
    checkout when working inside it, else results/ of the working folder."""
    if chosen := folder or os.environ.get("STARLIB_RESULTS"):
        return Path(chosen)
    here = Path.cwd()
    inside = in_checkout() and here.resolve().is_relative_to(ROOT)
    return (ROOT if inside else here) / "results"
