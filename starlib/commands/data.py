"""python -m starlib data: look at a data set's files."""

import argparse

from starlib.data import check_dataset


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"])
    parser.add_argument("name", help="300w")
    parser.add_argument("--data-root", help="folder of the data sets, default $STARLIB_DATA")
    parser.set_defaults(do=_check)


def _check(options: argparse.Namespace) -> int:
    """Count what is there, name everything missing or unreadable, say where to get the data set."""
    counts, problems, source = check_dataset(options.name, options.data_root)
    for folder, (found, official) in counts.items():
        state = "complete" if found >= official else "partial" if found else "missing"
        print(f"{folder:16} {found:6} of {official:6} faces  {state}")
    for problem in problems:
        print(problem)
    if problems or any(found < official for found, official in counts.values()):
        print(f"{options.name} is distributed at {source}")
    complete = sum(found >= official for found, official in counts.values())
    print(f"problems: {len(problems)}; complete folders: {complete} of {len(counts)}")
    return 1 if problems else 0
