"""The rules by which a GAN's history is read: what each sees, and what it advises.

A rule reads the columns of a history. Those beside losses, scores and gradient norms are measured by `HealthCheck`
(`separation`, `diversity`, `frozen_statistics`, `real_low` to `fake_high`) and `SampleQuality` (`latent_diversity`,
`largest_class`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs
import numpy as np

from gantape.evaluation.measurement import FloatArray
from gantape.types import Row


@attrs.frozen
class Finding:
    """What a rule found.

    Args:
        name: The failure.
        words: What was seen.
        advice: What to try.
    """

    name: str
    words: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.words}; try {self.advice}"


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
        """What is wrong, or nothing."""


@attrs.frozen
class DiscriminatorHasWon(Rule):
    """Real examples score above generated ones nearly always, for many steps.

    Args:
        separation: The probability that a real example and a generated one are told apart by their scores.
        steps: For how many steps.
    """

    separation: float = 0.99
    steps: int = 300

    def find(self, evidence: Evidence) -> Finding | None:
        late = evidence.series("separation").last(self.steps)
        if len(late) < 2 or np.ptp(late.steps) < 0.5 * self.steps or late.values.min() < self.separation:
            return None
        fall = _fall(evidence.series("generator/gradient_norm"))
        gradient = f", and the generator's gradient is down {fall:.0f} times" if fall > 2.0 else ""
        return Finding(
            "the discriminator has won",
            f"it tells real from fake with probability {late.values.mean():.3f} for {np.ptp(late.steps):.0f} steps{gradient}",
            "a lower learning rate of the discriminator, a penalty (gantape.losses.R1), a smaller discriminator; "
            "and look whether the data and the generator have the same range",
        )


@attrs.frozen
class VanishingGradient(Rule):
    """The norm of the generator's gradient falls many times below what it was.

    Args:
        fall: How many times.
    """

    fall: float = 20.0

    def find(self, evidence: Evidence) -> Finding | None:
        norms = evidence.series("generator/gradient_norm")
        fall = _fall(norms)
        if fall < self.fall:
            return None
        return Finding(
            "the generator's gradient has vanished",
            f"its norm is {np.median(norms.values[-3:]):.2g}, down {fall:.0f} times",
            "gantape.losses.NonSaturating in place of Minimax, a penalty, or a weaker discriminator",
        )


@attrs.frozen
class ModeCollapse(Rule):
    """Samples from independent latents are alike, or nearly all of one class.

    Args:
        diversity: The diversity of samples over that of real examples, below which they are alike.
        largest_class: The share of one class, above which nearly all are of it.
        steps: From which step on: the samples of an untrained generator are alike, too.
    """

    diversity: float = 0.35
    largest_class: float = 0.6
    steps: int = 300

    def find(self, evidence: Evidence) -> Finding | None:
        pixels, features, largest = (
            evidence.series(column).after(self.steps).values for column in ("diversity", "latent_diversity", "largest_class")
        )
        seen = []
        for diversity, where in ((pixels, "pixels"), (features, "the judge's features")):
            if len(diversity) >= 2 and diversity[-2:].max() < self.diversity:
                seen.append(f"in {where}, samples differ {diversity[-1]:.2f} times as much as real examples do")
        if len(largest) >= 2 and largest[-2:].min() > self.largest_class:
            seen.append(f"{largest[-1]:.0%} of the samples are of one class")
        if not seen:
            return None
        return Finding(
            "mode collapse",
            " and ".join(seen),
            "a penalty (gantape.losses.R1), a lower learning rate of the generator, more updates of the discriminator",
        )


@attrs.frozen
class Diverging(Rule):
    """Scores or losses grow without end.

    Args:
        growth: How many times the newest is above the first rows.
        least: The size that they have at least: small numbers may grow.
    """

    growth: float = 10.0
    least: float = 30.0

    def find(self, evidence: Evidence) -> Finding | None:
        for column in ("real_score", "fake_score", "discriminator/loss", "generator/loss"):
            sizes = np.abs(evidence.series(column).values)
            if len(sizes) < 4:
                continue
            begin, middle, end = (float(np.median(part)) for part in (sizes[:2], sizes[len(sizes) // 2 :][:2], sizes[-2:]))
            if end > self.least and end > self.growth * max(begin, 1e-9) and end > 1.5 * middle:
                return Finding(
                    "diverging",
                    f"{column} has grown from {begin:.3g} over {middle:.3g} to {end:.3g}",
                    "a lower learning rate; a Wasserstein loss needs a penalty (gantape.losses.GradientPenalty)",
                )
        return None


@attrs.frozen
class Oscillating(Rule):
    """A network's scores swing to and fro: each network answers the other's last move.

    Args:
        swings: How often the column passes through its mean, the first quarter of the rows left out.
        size: The standard deviation of the swings, in units of the column's noise from row to row.
        least: The standard deviation that the swings have at least.
    """

    swings: int = 4
    size: float = 1.2
    least: float = 0.3

    def find(self, evidence: Evidence) -> Finding | None:
        for column in ("fake_score", "real_score", "generator/loss"):
            values = evidence.series(column).values
            late = values[len(values) // 4 :]
            if len(late) < 12:
                continue
            line = np.polyval(np.polyfit(np.arange(len(late)), late, 1), np.arange(len(late)))
            rest = late - line
            swings = int(np.count_nonzero(np.diff(np.sign(_smoothed(rest)))))
            # Independent noise changes by √2 times its deviation from row to row, a swing by much less.
            if rest.std() > max(self.least, self.size * np.diff(rest).std()) and swings >= self.swings:
                return Finding(
                    "oscillating",
                    f"{column} has passed through its mean {swings} times, by {rest.std():.2g} to either side",
                    "beta_1 of 0.5 or 0 in both Adams, lower learning rates, a penalty (gantape.losses.R1), "
                    "a moving average of the generator",
                )
        return None


@attrs.frozen
class WrongRange(Rule):
    """Real examples and the generator live in different ranges, by which the discriminator tells them apart.

    Args:
        share: How much of the range has to be used.
        steps: From which step on the samples are looked at.
    """

    share: float = 0.75
    steps: int = 300

    def find(self, evidence: Evidence) -> Finding | None:
        ends = [evidence.series(column) for column in ("real_low", "real_high", "fake_low", "fake_high")]
        if not all(map(len, ends)):
            return None
        low, high, fake_low, fake_high = (end.values[-1] for end in ends)
        whole = evidence.pixels[1] - evidence.pixels[0]
        narrow = high - low < self.share * whole
        if not narrow and (ends[2].steps[-1] < self.steps or fake_high - fake_low >= self.share * (high - low)):
            return None
        return Finding(
            "wrong image range",
            f"real examples lie in [{low:.3g}, {high:.3g}] and generated ones in [{fake_low:.3g}, {fake_high:.3g}], "
            f"where the task's range is [{evidence.pixels[0]:g}, {evidence.pixels[1]:g}]",
            "pixels=task.pixels where the data is loaded, and a last activation with that range "
            "(tanh for [-1, 1], sigmoid for [0, 1])",
        )


@attrs.frozen
class ForgottenTraining(Rule):
    """Batch norm's moving statistics are still those that it began with."""

    def find(self, evidence: Evidence) -> Finding | None:
        frozen = evidence.series("frozen_statistics")
        if not len(frozen) or frozen.steps[-1] < 1 or frozen.values[-1] < 1:
            return None
        return Finding(
            "`training=True` was forgotten",
            f"{frozen.values[-1]:.0f} batch norms have not moved their statistics in {frozen.steps[-1]:.0f} steps",
            "self.generator(latents, training=True) in the losses, and training=False where samples are made",
        )


def _fall(series: Series) -> float:
    """How many times the newest values are below the largest of the first third."""
    values = series.values
    if len(values) < 6:
        return 0.0
    return float(values[: len(values) // 3].max() / max(float(np.median(values[-3:])), 1e-30))


def _smoothed(values: FloatArray) -> FloatArray:
    return np.convolve(values, np.ones(3) / 3.0, mode="valid")
