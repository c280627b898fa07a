"""The columns of a history as panels of curves."""

import itertools
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from gantape.history import OF_ROWS
from gantape.report.page.run import RunFiles
from gantape.report.page.words import figure, sentence
from gantape.types import Row

PLACES = (*OF_ROWS, "evaluation_share")
MOST_POINTS = 1000
"""Of one curve."""

MOST_CURVES, MOST_PANELS = 8, 24
LEAST_RATIO = 20.0
"""Of the largest to the least value on a logarithmic axis."""

TOGETHER = {
    "Samples: diversity, and distance from the data": ("diversity", "latent_diversity", "spacing", "distance", "largest_class"),
    "How often the discriminator tells real from generated": ("separation",),
    "What the generator learns from: gradient at the samples": ("sample_gradient",),
    "Range of the pixels, real and generated": ("real_low", "real_high", "fake_low", "fake_high"),
    "Batch norms whose statistics never moved": ("frozen_statistics",),
}
NAMES = {"frechet_distance": "Fréchet distance"}
JUDGED = ("frechet_distance", "inception_score")


@attrs.frozen(eq=False)
class Curve:
    """Numbers over steps.

    Args:
        label: Its name.
        steps: Where it was recorded, rising.
        values: As many numbers, all finite.
        colour: The number of its colour.
        dashed: Whether it is of validation data.
        lost: How many numbers of it are not finite, and so not drawn.
    """

    label: str
    steps: Sequence[int]
    values: Sequence[float]
    colour: int = 0
    dashed: bool = False
    lost: int = 0

    @property
    def newest(self) -> str:
        """The newest value, as text."""
        return figure(self.values[-1]) if len(self.values) else ""

    def thin(self) -> "Curve":
        """The curve with at most `MOST_POINTS` of its points: the least and the largest of each stretch, so that peaks stay."""
        if len(self.steps) <= MOST_POINTS:
            return self
        values = np.asarray(self.values, np.float64)
        # The first and the last point are always kept.
        edges = np.linspace(1, len(values) - 1, MOST_POINTS // 2).astype(int)
        kept = {0, len(values) - 1}
        for start, stop in itertools.pairwise(edges):
            kept |= {int(start + values[start:stop].argmin()), int(start + values[start:stop].argmax())}
        places = sorted(kept)
        return attrs.evolve(
            self, steps=[self.steps[place] for place in places], values=[self.values[place] for place in places]
        )


@attrs.frozen(eq=False)
class Panel:
    """Curves on one pair of axes.

    Args:
        title: What they show.
        curves: The curves.
        log: Whether a logarithmic vertical axis suits them.
    """

    title: str
    curves: tuple[Curve, ...]
    log: bool = False

    @property
    def remark(self) -> str:
        """What is not to be seen; empty if there is nothing."""
        lost = [f"{curve.lost} of {curve.label}" for curve in self.curves if curve.lost]
        return f"Not finite, and not drawn: {', '.join(lost)}." if lost else ""

    @property
    def is_log(self) -> bool:
        """Whether the vertical axis is logarithmic: only where that is possible, and where the values differ much."""
        values = [value for curve in self.curves for value in curve.values]
        return self.log and bool(values) and min(values) > 0.0 and max(values) > LEAST_RATIO * min(values)


def panels(run: RunFiles) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """The panels of a run, the most telling first, and the columns for which there is no room."""
    columns = [name for name in dict.fromkeys(name for row in run.rows for name in row) if name not in PLACES]
    found: list[Panel] = []
    trained = {name for row in run.rows if row.get("split") == "train" for name in row}
    for title, names in _grouped(columns, trained).items():
        log = "gradient" in title.lower()
        for part in range(0, len(names), MOST_CURVES):
            chosen = names[part : part + MOST_CURVES]
            more = f", {part // MOST_CURVES + 1}" if part else ""
            curves = tuple(curve for colour, name in enumerate(chosen) for curve in _curves(run.rows, name, colour))
            if curves:
                found.append(Panel(f"{title}{more}", curves, log))
    rates = _learning_rates(run.notes.learning_rates)
    if rates and run.step:  # a first page does without the library of the charts
        found.append(Panel("Learning rates", rates))
    shown, left = found[:MOST_PANELS], found[MOST_PANELS:]
    return tuple(shown), tuple(dict.fromkeys(curve.label for panel in left for curve in panel.curves))


def readable(name: str) -> str:
    """A column's name as words: `discriminator/gradient_norm` is "discriminator gradient norm"."""
    return NAMES.get(name) or name.replace("/", " ").replace("_", " ")


def _grouped(columns: Iterable[str], trained: Collection[str]) -> dict[str, list[str]]:
    """Titles and the columns under each, in the order in which they are shown.

    Args:
        columns: The columns.
        trained: Those that are measured in training: not the ones that an action alone measures.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in columns:
        groups[_title(name)].append(name)
    first = ("Losses", "Scores", "Norms of gradients", *map(sentence, map(readable, JUDGED)), *TOGETHER)
    # Metrics such as accuracy, which have no group, come right behind the losses; terms of losses and the rest come last.
    metrics = [title for title in groups if title not in first and "/" not in groups[title][0] and groups[title][0] in trained]
    order = ["Losses", *metrics, *first[1:], *groups]
    return {title: groups[title] for title in dict.fromkeys(order) if title in groups}


def _title(name: str) -> str:
    for title, names in TOGETHER.items():
        if name in names:
            return title
    before, _, last = name.rpartition("/")
    if last == "loss":
        return "Losses"
    if last == "gradient_norm":
        return "Norms of gradients"
    if last.endswith("_score") and name not in JUDGED:
        return "Scores"
    if before:
        return sentence(f"{readable(before)}: {'other figures' if last in ('skipped', 'loss_scale') else 'terms of its loss'}")
    return sentence(readable(name))


def _curves(rows: Iterable[Row], name: str, colour: int) -> list[Curve]:
    """A column's curves, of training and of validation."""
    found = []
    rows = list(rows)
    splits = list(dict.fromkeys(str(row.get("split", "train")) for row in rows if name in row))
    for split in splits:
        pairs = [
            (int(row["step"]), float(row[name]))
            for row in rows
            if str(row.get("split", "train")) == split and _is_number(row.get(name)) and _is_number(row.get("step"))
        ]
        finite = dict(pair for pair in pairs if math.isfinite(pair[1]))
        dashed = split != "train" and len(splits) > 1
        steps = sorted(finite)
        label = f"{readable(name)}, {split}" if dashed else readable(name)
        if pairs:
            found.append(Curve(label, steps, [finite[step] for step in steps], colour, dashed, len(pairs) - len(finite)))
    return found


def _learning_rates(rates: Mapping[str, Sequence[tuple[int, float]]]) -> tuple[Curve, ...]:
    curves = []
    for colour, (name, points) in enumerate(list(rates.items())[:MOST_CURVES]):
        finite = {step: rate for step, rate in points if math.isfinite(rate)}
        curves.append(Curve(readable(name), list(finite), list(finite.values()), colour, lost=len(points) - len(finite)))
    return tuple(curves)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
