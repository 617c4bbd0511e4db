"""Command line: python -m starlib train | evaluate | predict | export | data."""

import argparse
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial

from starlib import __version__
from starlib.checks import meant

COMMANDS = {  # module in starlib.commands -> what it does, the extras that it needs, examples
    "train": (
        "train one config, once for each seed",
        "data,train",
        ("--dataset 300w --scale long --weight 20", "--dataset faces.yml --epochs 60"),
    ),
    "evaluate": (
        "errors of a weights file on a data set",
        "data",
        ("--weights 300w --dataset 300w", "--weights synthface --dataset synthface"),
    ),
    "predict": (
        "landmarks of photos",
        "data,detect",
        ("photo.jpg holiday/ --format json csv", "film.mp4 --out drawn.mp4"),
    ),
    "export": ("a weights file as ONNX", "data,export", ("--weights 300w --out model.onnx",)),
    "data": (
        "look at a data set's files, download them; describe or split your own list",
        "data",
        ("check 300w", "describe faces.csv", "split faces.csv --test 0.2"),
    ),
}
Commands = Mapping[str, tuple[str, str, tuple[str, ...]]]


def main(arguments: list[str] | None = None) -> int:
    about = "STAR loss: train, evaluate and use a network."
    return command_line("starlib", about, COMMANDS, arguments)


def command_line(package: str, about: str, known: Commands, arguments: list[str] | None) -> int:
    """Do what the arguments ask of a command in <package>.commands; the exit status. What is wrong
    with what the user gave, and a package that is not installed, is said in one line."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=about)
    parser.add_argument("--version", action="version", version=f"starlib {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    given = sys.argv[1:] if arguments is None else arguments
    options_of: list[str] = []
    for name, (text, extras, examples) in known.items():
        lines = ["examples:", *(f"  python -m {package} {name} {words}" for words in examples)]
        added = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog="\n".join(lines),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name not in given[:1]:  # the others' packages need not be installed
            continue
        try:
            importlib.import_module(f"{package}.commands.{name}").add(added)
        except ModuleNotFoundError as error:
            install = f"pip install 'starloss[{extras}]', or '.[{extras}]' in a checkout"
            print(f"error: {name} needs the package {error.name}: {install}", file=sys.stderr)
            return 2
        options_of = [o for action in added._actions for o in action.option_strings]
    if given and not given[0].startswith("-") and given[0] not in known:
        parser.error(
            f"expected one of {', '.join(known)}, got {given[0]!r}{meant(given[0], known)}"
        )
    options, unknown = parser.parse_known_args(given)
    if unknown:
        parser.error(f"unknown: {' '.join(unknown)}{meant(unknown[0], options_of)}")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = partial(_show, warnings.showwarning)
            return int(options.do(options))
    except (ValueError, OSError, ImportError) as error:  # what the user gave; it says what it was
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)
        return 130


def _show(
    otherwise: Callable[..., None], message: Warning | str, category: type[Warning], *where: object
) -> None:
    """Shows the project's own warnings in one line, without the place in the code."""
    if category.__name__ == "DataWarning":  # by name: train and data alone import its module
        print(f"warning: {message}", file=sys.stderr)
    else:
        otherwise(message, category, *where)


if __name__ == "__main__":
    sys.exit(main())
