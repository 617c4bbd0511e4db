"""What a figure shows, as a table: kept with the figure when it is drawn, so that both agree."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from companion.exhibits import cells

CSV = "text/csv"


def keep(figure: Figure, data: pd.DataFrame) -> None:
    """Remember the data that a figure was drawn from: tidy, with units in the columns' names."""
    vars(figure)["plotted"] = data


def data_of(figure: Figure) -> pd.DataFrame | None:
    """The data that a figure was drawn from; None if it shows none."""
    return vars(figure).get("plotted")


def as_csv(data: pd.DataFrame) -> str:
    """The rows below their header, numbers with six digits."""
    return data.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def landmark_rows(
    points: NDArray,
    covariance: NDArray | None = None,
    unit: str = "[-1, 1] of the crop",
    **same: Any,
) -> pd.DataFrame:
    """A row for each landmark [N, 2] with its number, position and covariance [N, 2, 2]; `same`
    are columns that all rows share, and come first."""
    columns: dict[str, NDArray] = {"landmark": np.arange(len(points))}
    columns |= {f"{name} ({unit})": points[:, axis] for axis, name in enumerate("xy")}
    if covariance is not None:
        names = {"variance of x": (0, 0), "covariance of x and y": (0, 1), "variance of y": (1, 1)}
        columns |= {f"{n} (its square)": covariance[:, i, j] for n, (i, j) in names.items()}
    return pd.DataFrame(same | columns)


def table_bundle(table: pd.DataFrame) -> dict[str, str]:
    """A table as Markdown with its numbers as CSV; nothing for an empty one."""
    if table.empty:
        return {}
    return {"text/markdown": cells.frame(table, "../"), CSV: as_csv(cells.data_of(table))}


def load_ipython_extension(shell: Any) -> None:
    """Cells of a notebook whose value is a figure or a table give its data as CSV beside it, and a
    table as Markdown."""

    def bundle(figure: Figure) -> dict[str, str]:
        data = data_of(figure)
        return {} if data is None else {CSV: as_csv(data)}

    shell.display_formatter.mimebundle_formatter.for_type(Figure, bundle)
    shell.display_formatter.mimebundle_formatter.for_type(pd.DataFrame, table_bundle)
