"""The data that health rules read, and their findings."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs
import numpy as np

from gantape.evaluation.measurement import FloatArray
from gantape.types import Row


@attrs.frozen
class Finding:
    """A failure that a rule found. As text it is the observation, followed by advice.

    Args:
        name: The failure, in a few words.
        words: The observation, as a sentence without its full stop.
        advice: The advice, as words that follow "Try".
    """

    name: str
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.words}. Try {self.advice}."


@attrs.frozen
class Series:
    """The recorded values of a column of a history.

    Args:
        steps: The steps at which it was recorded.
        values: Its values.
    """

    steps: FloatArray
    values: FloatArray

    def last(self, steps: float) -> "Series":
        """The values of the last `steps` steps."""
        late = self.steps >= self.steps[-1] - steps if len(self.steps) else np.zeros(0, bool)
        return Series(self.steps[late], self.values[late])

    def after(self, step: float) -> "Series":
        """The values from a step on."""
        late = self.steps >= step
        return Series(self.steps[late], self.values[late])

    def grows(self) -> bool:
        """Whether one of the two newest values exceeds all earlier ones by more than a tenth."""
        earlier = self.values[:-2]
        return len(earlier) > 0 and bool(self.values[-2:].max() > 1.1 * earlier.max())

    def has_stalled(self, gain: float) -> bool:
        """Whether a column that should fall no longer does.

        Args:
            gain: The fraction by which the minimum of the last third of the steps has to be below that of the middle third.

        Returns:
            `False` also if one of the two thirds has fewer than two values.
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
    """The data that rules read.

    Args:
        rows: The rows of a history.
        pixels: The generator's range, `task.pixels`.
    """

    rows: Sequence[Row]
    pixels: tuple[float, float] = (-1.0, 1.0)

    def series(self, column: str) -> Series:
        """A column; empty if it was never recorded."""
        found = [(float(row["step"]), float(row[column])) for row in self.rows if row.get(column, "") != ""]
        steps, values = np.array(found, np.float64).reshape(-1, 2).T
        return Series(steps, values)


class Rule(ABC):
    """A rule that detects one kind of failure."""

    @abstractmethod
    def find(self, evidence: Evidence) -> Finding | None:
        """The finding, or `None` if there is no failure of this kind."""
