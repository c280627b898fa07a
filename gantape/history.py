"""The history of a run."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import attrs

from gantape.errors import GantapeError, MetricError
from gantape.types import Row

Split = Literal["train", "validation"]

OF_ROWS = ("step", "epoch", "seconds", "split")
TAKEN = (*OF_ROWS, "loss", "added", "skipped", "gradient_norm")


def check_names(names: Iterable[Any], where: str, error: type[GantapeError], taken: Sequence[str] = TAKEN) -> None:
    """Raise an error unless names can stand in a history beside the columns that every row and every update has.

    Args:
        names: Names of updates, terms, metrics or other values.
        where: The argument in the error.
        error: The class of the error.
        taken: The columns that are taken.
    """
    for name in names:
        if not isinstance(name, str) or not name or "/" in name:
            problem = "a name is text without a slash, which stands between the name of an update and that of its value."
        elif name in taken:
            problem = f"the history has a column of this name already; so it has {', '.join(taken)}."
        elif name.startswith("val_"):
            problem = "callbacks of Keras know the values of validation by names that begin with val_."
        else:
            continue
        raise error(problem, where=where, got=repr(name), do="choose another name.")


def measured(row: Row) -> dict[str, Any]:
    """What a row has besides the columns that every row has."""
    return {name: value for name, value in row.items() if name not in OF_ROWS}


@attrs.define(eq=False)
class History:
    """The rows of a run, oldest first, and why it stopped.

    A row holds `step`, `epoch`, `seconds`, `split` ("train" or "validation") and, under the same names for both splits, the
    means of losses and metrics since the previous row. `pandas.DataFrame(list(history))` makes a table of it.
    """

    rows: list[Row] = attrs.field(factory=list)
    stopped_by: str = ""

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in the order of their first occurrence."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, column: str, split: Split = "train") -> list[float]:
        """The values of a column, from the rows that have it.

        Raises:
            MetricError: If no row of the split has it.
        """
        found = [float(row[column]) for row in self.rows if row["split"] == split and column in row]
        if not found:
            raise MetricError(
                f'nothing was recorded as "{column}".',
                where=f'gantape.History.values, split "{split}"',
                got=f"columns {self.columns}",
                do="name one of the columns.",
            )
        return found

    def last(self, split: Split = "train") -> Row:
        """The newest row of a split, or an empty one."""
        return next((row for row in reversed(self.rows) if row["split"] == split), {})

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
