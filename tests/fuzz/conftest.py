"""Prints after the tests what the trials tried and how they ended."""

from tests.fuzz import SCALE, TALLY


def pytest_terminal_summary(terminalreporter):
    if SCALE > 1:
        for name, count in sorted(TALLY.items()):
            terminalreporter.write_line(f"{count:7} {name}")
