"""Loaded in the kernel of a notebook whose page is made: tables are given as Markdown and CSV."""

from typing import Any

import pandas as pd

from companion.text.facts import markdown_table


def bundle(frame: pd.DataFrame) -> dict[str, str]:
    """A table with its index as the first column; nothing for an empty one."""
    if frame.empty:
        return {}
    rows = [[index, *row] for index, *row in frame.itertuples()]
    return {"text/markdown": markdown_table(["", *frame], rows), "text/csv": frame.to_csv()}


def load_ipython_extension(shell: Any) -> None:
    """IPython's hook."""
    shell.display_formatter.mimebundle_formatter.for_type(pd.DataFrame, bundle)
