"""Command line: python -m starlib train | runs | evaluate | predict | export | data | bench."""

import argparse
import importlib
import sys

COMMANDS = {  # module in starlib.commands -> what it does
    "train": "train one run, or what an experiment lacks",
    "runs": "what the experiments need: done, missing, minutes to expect",
    "evaluate": "errors of a weights file on a data set",
    "predict": "landmarks of photos",
    "export": "a weights file as ONNX",
    "data": "look at a data set's files, or download them",
    "bench": "measure what the loss, a training step and inference cost here",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m starlib", description="The STAR Loss companion."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    given = sys.argv[1:] if arguments is None else arguments
    for name, text in COMMANDS.items():
        added = commands.add_parser(name, help=text, description=text)
        if name in given[:1]:  # the others' packages need not be installed
            importlib.import_module(f"starlib.commands.{name}").add(added)
    options = parser.parse_args(given)
    try:
        return int(options.do(options))
    except (ValueError, OSError) as error:  # what the user gave; the message says what it was
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
