"""Errors and warnings of data sets, a line for each problem."""

import contextlib
from collections.abc import Iterator


class DataError(ValueError):
    """The problems of a data set, one line each."""

    def __init__(self, problems: str | list[str]):
        self.problems = [problems] if isinstance(problems, str) else problems
        more = len(self.problems) - 20
        shown = self.problems[:20] + ([f"… and {more} more"] if more > 0 else [])
        super().__init__("\n".join(shown))

    def __reduce__(self) -> tuple[type, tuple[list[str]]]:
        """Pickled with all of its problems, so that it comes whole from another process."""
        return type(self), (self.problems,)


@contextlib.contextmanager
def noted(problems: list[str]) -> Iterator[None]:
    """A DataError within ends the block, and its lines are added to `problems`."""
    try:
        yield
    except DataError as error:
        problems += error.problems


class DataWarning(UserWarning):
    """A doubt about a data set, which is no error."""
