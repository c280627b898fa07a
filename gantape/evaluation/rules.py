"""The rules that detect failures of a GAN in its history, with advice.

A rule reads the columns of a history. Those beside losses, scores and gradient norms are measured by `HealthCheck`
(`separation`, `diversity`, `spacing`, `distance`, `sample_gradient`, `frozen_statistics`, `real_low` to `fake_high`) and
`SampleQuality` (`latent_diversity`, `largest_class`).
"""

import attrs
import numpy as np

from gantape.evaluation.evidence import Evidence, Finding, Rule, Series

FAR = 0.6
"""A `distance` from which on samples resemble no real example. On the embedded digits, after 400 steps, it was below 0.4 in
runs that made digits, and at least 0.9 in runs that made noise or one pattern. It was not measured on other data."""

NEAR = 0.25
"""A `distance` below which samples are considered good, whatever the scores. It is stricter than `FAR` because points in a
plane that a diverging GAN scatters are still within 0.3 to 0.4 of real ones."""

NO_GAIN = 0.05
"""If samples come nearer by less than this fraction in the last third of the steps, they have stalled."""

STALLED_AFTER = 300
"""Steps before which trends are ignored: some healthy runs begin with a hundred steps of noise."""


@attrs.frozen
class DiscriminatorHasWon(Rule):
    """Real examples nearly always score above generated ones, and samples do not come nearer to the data.

    Scores alone are not conclusive: the critic of a healthy Wasserstein GAN separates as well, and so do discriminators of
    healthy runs for hundreds of steps. Histories without a `distance` have nothing else.

    Args:
        separation: The mean probability that scores distinguish a real from a generated example.
        steps: Number of steps for which this holds.
        distance: The distance of samples from the data from which on they resemble none of it; see `FAR`.
    """

    separation: float = 0.98
    steps: int = 300
    distance: float = FAR

    def find(self, evidence: Evidence) -> Finding | None:
        late = evidence.series("separation").last(self.steps)
        if len(late) < 2 or np.ptp(late.steps) < 0.5 * self.steps or late.values.mean() < self.separation:
            return None
        distances = evidence.series("distance")
        if len(distances) and not _stay_far(distances, self.distance):
            return None
        fall = _fall(_gradient(evidence))
        gradient = f", the generator's gradient is down {min(fall, 999):.0f} times" if fall > 2.0 else ""
        samples = ", and no sample is near the data" if len(distances) else ""
        return Finding(
            "the discriminator has won",
            f"The discriminator has won: it tells real from fake with probability {late.values.mean():.3f} "
            f"for {np.ptp(late.steps):.0f} steps{gradient}{samples}",
            "a lower learning rate, a penalty (gantape.losses.R1) or a smaller discriminator",
        )


@attrs.frozen
class SamplesStayFar(Rule):
    """No sample resembles a real example, and none comes nearer: the generator makes noise, or a pattern.

    If the discriminator has won or the generator has collapsed, only those rules apply.

    Args:
        distance: The distance from which on a sample resembles no real example; see `FAR`.
    """

    distance: float = FAR

    def find(self, evidence: Evidence) -> Finding | None:
        distances = evidence.series("distance")
        if not _stay_far(distances, self.distance) or any(
            rule.find(evidence) for rule in (DiscriminatorHasWon(), ModeCollapse())
        ):
            return None
        return Finding(
            "samples stay far from the data",
            f"Samples are noise or a pattern: none looks like a real example, and they have come no nearer to the data "
            f"since step {distances.steps[distances.values.argmin()]:.0f}",
            "a lower learning rate, a penalty (gantape.losses.R1), or another seed",
        )


@attrs.frozen
class VanishingGradient(Rule):
    """The norm of the generator's gradient has fallen by a large factor, and samples do not come nearer to the data.

    It is the gradient of the generator's variables, which a loop records with `gradient_norms=True`, or else of its samples.

    Args:
        fall: The factor. In a healthy run of PacGAN it reached 30 counted from the first step, while samples came nearer to the
            data.
    """

    fall: float = 20.0

    def find(self, evidence: Evidence) -> Finding | None:
        norms = _gradient(evidence)
        fall = _fall(norms)
        distances = evidence.series("distance")
        if fall < self.fall or (len(distances) and not _stay_far(distances, FAR)):
            return None
        return Finding(
            "the generator's gradient has vanished",
            f"The generator's gradient has vanished: its norm is {np.median(norms.values[-3:]):.2g}, down {fall:.0f} times",
            "gantape.losses.NonSaturating in place of Minimax, a penalty (gantape.losses.R1), or a weaker discriminator",
        )


@attrs.frozen
class ModeCollapse(Rule):
    """Samples from independent latents are alike, copies of a few, or nearly all of one class, and do not get more varied.

    Copies of a few, such as one image for each class, are far apart on average, so that only their spacing shows them.

    Args:
        diversity: The diversity of samples relative to real examples below which they are alike. Healthy runs reach 0.5 within
            300 steps and 0.8 later; a collapsed generator has at most 0.2.
        spacing: The spacing of samples relative to real examples below which they are copies of a few. On MNIST it is 0.7 to 1
            in healthy runs, and 0.1 to 0.15 where a conditional generator makes one image for each class.
        largest_class: The share of one class above which the generator has collapsed to it.
        steps: The first step to consider: the samples of an untrained generator are alike, too.
    """

    diversity: float = 0.35
    spacing: float = 0.25
    largest_class: float = 0.6
    steps: int = 300

    def find(self, evidence: Evidence) -> Finding | None:
        differ = "samples differ {:.2f} times as much as real examples do, in "
        columns = {
            "diversity": (self.diversity, differ + "pixels"),
            "latent_diversity": (self.diversity, differ + "the judge's features"),
            "spacing": (
                self.spacing,
                "samples nearly repeat, the nearest other one being {:.2f} times as far away as among real ones",
            ),
        }
        seen = []
        for column, (least, words) in columns.items():
            measured = evidence.series(column)
            late = measured.after(self.steps).values
            if len(late) >= 2 and late[-2:].max() < least and not measured.grows():
                seen.append(words.format(late[-1]))
        largest = evidence.series("largest_class").after(self.steps).values
        if len(largest) >= 2 and largest[-2:].min() > self.largest_class:
            seen.append(f"{largest[-1]:.0%} of the samples are of one class")
        if not seen:
            return None
        return Finding(
            "mode collapse",
            f"The generator has collapsed: {seen[0]}",
            "a penalty (gantape.losses.R1), a lower learning rate of the generator, or more updates of the discriminator",
        )


@attrs.frozen
class Diverging(Rule):
    """Scores or losses grow without bound, and samples do not resemble the data; a healthy critic's scores may grow.

    Args:
        growth: The factor between the last and the first rows.
        least: Smallest size of diverging numbers; smaller ones may grow.
    """

    growth: float = 10.0
    least: float = 30.0

    def find(self, evidence: Evidence) -> Finding | None:
        for column in () if _look_right(evidence) else ("real_score", "fake_score", "discriminator/loss", "generator/loss"):
            sizes = np.abs(evidence.series(column).values)
            if len(sizes) < 4:
                continue
            begin, middle, end = (float(np.median(part)) for part in (sizes[:2], sizes[len(sizes) // 2 :][:2], sizes[-2:]))
            if end > self.least and end > self.growth * max(begin, 1e-9) and end > 1.5 * middle:
                return Finding(
                    "diverging",
                    f"The training diverges: {column} has grown from {begin:.3g} over {middle:.3g} to {end:.3g}",
                    "a lower learning rate; a Wasserstein loss needs a penalty (gantape.losses.GradientPenalty)",
                )
        return None


@attrs.frozen
class Oscillating(Rule):
    """A network's scores oscillate, and samples do not resemble the data: each network reacts to the other's last update.

    Args:
        swings: Number of times that the column crosses its mean, without the first quarter of the rows.
        size: Standard deviation of the oscillation, in units of the column's noise from row to row.
        least: Smallest standard deviation of the oscillation.
    """

    swings: int = 4
    size: float = 1.2
    least: float = 0.3

    def find(self, evidence: Evidence) -> Finding | None:
        for column in () if _look_right(evidence) else ("fake_score", "real_score", "generator/loss"):
            values = evidence.series(column).values
            late = values[len(values) // 4 :]
            if len(late) < 12:
                continue
            line = np.polyval(np.polyfit(np.arange(len(late)), late, 1), np.arange(len(late)))
            rest = late - line
            swings = int(np.count_nonzero(np.diff(np.sign(np.convolve(rest, np.ones(3) / 3.0, mode="valid")))))
            # Independent noise changes by √2 times its deviation from row to row, an oscillation by much less.
            if rest.std() > max(self.least, self.size * np.diff(rest).std()) and swings >= self.swings:
                return Finding(
                    "oscillating",
                    f"The networks oscillate: {column} has crossed its mean {swings} times, by {rest.std():.2g} to either side",
                    "beta_1 of 0.5 or 0 in both Adams, a lower learning rate, or a penalty (gantape.losses.R1)",
                )
        return None


@attrs.frozen
class WrongRange(Rule):
    """Real and generated examples have different ranges, by which the discriminator distinguishes them.

    Args:
        share: The fraction of the range that has to be used. Among 64 images of any kind, some pixels are nearly black and some
            nearly white.
        steps: The first step at which samples are considered, unless their range still grows: a generator begins in the middle
            of its range.
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
        widths = Series(ends[2].steps, ends[3].values - ends[2].values)
        used = widths.steps[-1] < self.steps or widths.values[-1] >= self.share * (high - low) or widths.grows()
        if not narrow and used:
            return None
        return Finding(
            "wrong image range",
            f"The ranges of pixels are wrong: real ones are in [{low:.3g}, {high:.3g}], generated ones in "
            f"[{fake_low:.3g}, {fake_high:.3g}], the task's in [{evidence.pixels[0]:g}, {evidence.pixels[1]:g}]",
            "pixels=task.pixels where the data is loaded, and a last activation with that range, such as tanh or sigmoid",
        )


@attrs.frozen
class ForgottenTraining(Rule):
    """Batch norm's moving statistics still have their initial values."""

    def find(self, evidence: Evidence) -> Finding | None:
        frozen = evidence.series("frozen_statistics")
        if not len(frozen) or frozen.steps[-1] < 1 or frozen.values[-1] < 1:
            return None
        return Finding(
            "`training=True` was forgotten",
            f"`training=True` was forgotten: {frozen.values[-1]:.0f} batch norms have not moved their statistics in "
            f"{frozen.steps[-1]:.0f} steps",
            "self.generator(latents, training=True) in the losses, and training=False where samples are made",
        )


def _stay_far(distances: Series, far: float) -> bool:
    """Whether samples resemble no real example and do not come nearer."""
    late = distances.after(STALLED_AFTER)
    return len(late) > 0 and bool(distances.values[-2:].min() >= far) and distances.has_stalled(NO_GAIN)


def _look_right(evidence: Evidence) -> bool:
    """Whether the newest samples are near the data and varied, whatever the scores."""
    distance, diversity = (evidence.series(column).values for column in ("distance", "diversity"))
    return bool(len(distance) and len(diversity) and distance[-1] < NEAR and diversity[-1] > ModeCollapse().diversity)


def _gradient(evidence: Evidence) -> Series:
    """The norm of the generator's gradient."""
    norms = evidence.series("generator/gradient_norm")
    return norms if len(norms) else evidence.series("sample_gradient")


def _fall(series: Series) -> float:
    """The factor between the largest value of the first third and the newest values."""
    values = series.values
    if len(values) < 6:
        return 0.0
    return float(values[: len(values) // 3].max() / max(float(np.median(values[-3:])), 1e-30))
