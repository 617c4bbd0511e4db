"""Command line: python -m companion runs | train | evaluate | bench."""

import sys

from starlib.__main__ import command_line

EXTRAS = "book,data,train"
COMMANDS = {  # module in companion.commands -> what it does, the extras that it needs, examples
    "runs": (
        "what the experiments need: done, missing, minutes to expect",
        EXTRAS,
        ("--missing", "--experiment ablation_distance --scale reduced"),
    ),
    "train": (
        "train the arms of an experiment, or the queue of all",
        EXTRAS,
        ("--experiment ablation_distance --dataset synthface", "--queue --workers 2 --minutes 60"),
    ),
    "evaluate": (
        "test an experiment's networks on another data set",
        EXTRAS,
        ("--experiment cross_dataset --dataset 300vw",),
    ),
    "bench": (
        "measure what the loss, a training step and inference cost here",
        EXTRAS,
        ("--quick", "--peers"),
    ),
}


def main(arguments: list[str] | None = None) -> int:
    return command_line("companion", "The STAR Loss companion.", COMMANDS, arguments)


if __name__ == "__main__":
    sys.exit(main())
