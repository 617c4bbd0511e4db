"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

PARTIAL = "partial-"  # how names begin of files that are being written


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
