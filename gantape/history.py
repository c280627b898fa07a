"""The history of a run."""

from collections.abc import Iterator
from typing import Literal

import attrs

from gantape.errors import MetricError
from gantape.types import Row

Split = Literal["train", "validation"]


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
