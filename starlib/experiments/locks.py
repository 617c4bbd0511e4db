"""A lock between processes, so that a run is trained by one of them at a time."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from starlib.training import distributed

try:
    import fcntl
except ImportError:  # Windows: nothing is locked
    fcntl = None  # type: ignore[assignment]

PAUSE = 0.5  # seconds between looks at a lock that is taken


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of that name; wait while another process has it, calling `waiting` meanwhile.

    The lock is the operating system's: it ends with its process, however that ends. The file is
    gone afterwards. Of processes that train together the first holds it for all.
    """
    file = distributed.once(lambda: _take(path, waiting))
    try:
        yield
    finally:
        if distributed.rank() == 0:
            path.unlink(missing_ok=True)
            os.close(file)


def _take(path: Path, waiting: Callable[[], None]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one who had it may have removed the file since it was opened.
            if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                return file
        except BlockingIOError:
            pass
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        waiting()
        time.sleep(PAUSE)
