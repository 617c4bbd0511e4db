"""Tables whose cells hold numbers: what a reader sees is made from them in one place, and the CSV
beside a table has the numbers themselves."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from companion.evidence.statistics import Effect, counted, interval

NOT_RUN, NOT_RECORDED = "not run", "not recorded"
LIMITS = (", lower limit 95 %", ", upper limit 95 %")


@dataclass(frozen=True)
class Cell:
    """text: as shown. numbers: what follows the column's name in the data -> the number."""

    text: str
    numbers: Mapping[str, float]


def number(value: float, digits: int = 2, sign: str = "") -> Cell:
    """A number with so many digits; `sign` as in format specifications."""
    return Cell(f"{value:{sign}.{digits}f}", {"": value})


def percent(fraction: float, digits: int = 2, sign: str = "") -> Cell:
    """A fraction in %, without the sign."""
    return number(100 * fraction, digits, sign)


def spread(values: NDArray | Sequence[float], digits: int = 2, factor: float = 100) -> Cell:
    """Mean ± standard deviation over seeds, in % unless the factor says otherwise."""
    values = factor * np.asarray(values, np.float64)
    if not len(values):
        return Cell(NOT_RUN, {"": np.nan, ", SD": np.nan})
    deviation = values.std(ddof=1) if len(values) > 1 else np.nan
    return mean(values.mean(), deviation, digits, 1)


def mean(value: float, deviation: float, digits: int = 2, factor: float = 100) -> Cell:
    """A mean ± standard deviation that are known."""
    value, deviation = factor * value, factor * deviation
    text = NOT_RUN if np.isnan(value) else f"{value:.{digits}f}"
    text += "" if np.isnan(deviation) else f" ± {deviation:.{digits}f}"
    return Cell(text, {"": value, ", SD": deviation})


def bracketed(values: Sequence[float], form: str) -> Cell:
    """A value with its 95 % limits behind it, each in a format such as ".2f"."""
    value, low, high = (f"{v:{form}}" for v in values)
    return Cell(f"{value} [{low}, {high}]", dict(zip(("", *LIMITS), values, strict=True)))


def effect(found: Effect) -> Cell:
    """An effect in points with its interval; empty where an arm is not run."""
    values = [100 * value for value in (found.mean, found.low, found.high)]
    numbers = dict(zip(("", *LIMITS), values, strict=True))
    return Cell(interval(found) if found.run else "", numbers)


def errors(found: Effect) -> dict[str, Any]:
    """The columns of an effect of two arms: their errors and the effect; their deviations and the
    seeds are in the data alone."""
    cells = [mean(m, sd) for m, sd in zip(found.means, found.deviations, strict=True)]
    texts = [cell.text.partition(" ±")[0] for cell in cells]
    shown = NOT_RUN if set(texts) == {NOT_RUN} else " → ".join(texts)
    return {
        "without → with (%)": Cell(shown, {}),
        **{f".{name} (%)": cell for name, cell in zip(("without", "with"), cells, strict=True)},
        "effect in points [95 %]": effect(found),
        ".seeds": counted(found.seeds),
    }


def table_of(rows: Sequence[Mapping[str, Any]], index: str) -> pd.DataFrame:
    """Rows of cells, texts and whole numbers as a table, that column its index; `attrs["data"]` are
    the numbers, with those of columns whose name begins with a dot, which are not shown.
    `attrs["links"]` are the addresses in the column ".link", where the book's rows lead to. Columns
    that would be empty are left out; an empty table without rows."""
    if not rows:
        return pd.DataFrame()
    texts = [
        {n: c.text if isinstance(c, Cell) else c for n, c in row.items() if n[0] != "."}
        for row in rows
    ]
    shown = pd.DataFrame(texts).fillna("")
    shown = shown.drop(columns=[n for n in shown if (shown[n] == "").all()])
    shown = shown.set_index(index).rename_axis(None)
    shown.attrs["data"] = [_numbers(row) for row in rows]
    shown.attrs["links"] = [row.get(".link", "") for row in rows]
    return shown


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with a column for each number of a cell."""
    numbers: dict[str, Any] = {}
    for name, cell in row.items():
        if name == ".link":
            continue
        parts = cell.numbers if isinstance(cell, Cell) else {"": cell}
        column = name.removeprefix(".").replace(" [95 %]", "")
        numbers |= {column + after: value for after, value in parts.items()}
    return numbers


def data_of(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a table, a column for each, the index first."""
    if "data" in table.attrs:
        return pd.DataFrame(table.attrs["data"])
    return table.rename_axis("").reset_index()


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def frame(table: pd.DataFrame, root: str = "") -> str:
    """A table in Markdown, its index first; `root`: the book's, from the page that shows it."""
    links = table.attrs.get("links", [""] * len(table))
    names = [
        f'<a href="{root}{html.escape(link)}">{name}</a>' if link else name
        for name, link in zip(table.index, links, strict=True)
    ]
    rows = [[name, *row] for name, row in zip(names, table.to_numpy(), strict=True)]
    return markdown_table(["", *table.columns], rows)
