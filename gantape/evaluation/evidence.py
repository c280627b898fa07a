"""A history as rules read it, and what a rule says about it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs
import numpy as np

from gantape.evaluation.measurement import FloatArray
from gantape.types import Row


@attrs.frozen
class Finding:
    """A failure that a rule found. As text it is one or two sentences: the observation, then what to try.

    Args:
        name: The failure, in a few words.
        words: The observation, as a sentence without its full stop.
        advice: What to try, in words that follow "Try".
    """

    name: str
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.words}. Try {self.advice}."


@attrs.frozen
class Series:
    """A column of a history, of the rows that have it.

    Args:
        steps: Where it was recorded.
        values: What was recorded.
    """

    steps: FloatArray
    values: FloatArray

    def last(self, steps: float) -> "Series":
        """The rows of the last so many steps."""
        late = self.steps >= self.steps[-1] - steps if len(self.steps) else np.zeros(0, bool)
        return Series(self.steps[late], self.values[late])

    def after(self, step: float) -> "Series":
        """The rows from a step on."""
        late = self.steps >= step
        return Series(self.steps[late], self.values[late])

    def has_stalled(self, gain: float) -> bool:
        """Whether a column that should fall no longer does: the newest third of the steps brought less than this gain.

        Args:
            gain: The share by which the least value of the newest third has to lie below that of the third before.

        Returns:
            `False` as well if one of the two has fewer than two values: there is no trend yet.
        """
        if not len(self):
            return False
        late = self.values[self.steps > 2.0 / 3.0 * self.steps[-1]]
        middle = self.values[(self.steps > 1.0 / 3.0 * self.steps[-1]) & (self.steps <= 2.0 / 3.0 * self.steps[-1])]
        return min(len(late), len(middle)) >= 2 and bool(late.min() > (1.0 - gain) * middle.min())

    def __len__(self) -> int:
        return len(self.values)


@attrs.frozen(eq=False)
class Evidence:
    """What rules read.

    Args:
        rows: The rows of a history.
        pixels: The range that the generator can make, `task.pixels`.
    """

    rows: Sequence[Row]
    pixels: tuple[float, float] = (-1.0, 1.0)

    def series(self, column: str) -> Series:
        """A column; an empty one if it was never recorded."""
        found = [(float(row["step"]), float(row[column])) for row in self.rows if row.get(column, "") != ""]
        steps, values = np.array(found, np.float64).reshape(-1, 2).T
        return Series(steps, values)


class Rule(ABC):
    """Something that can go wrong, and how it shows."""

    @abstractmethod
    def find(self, evidence: Evidence) -> Finding | None:
        """The finding, or `None` if nothing of this kind is wrong."""
