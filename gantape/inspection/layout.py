"""Where the boxes of a drawn update stand: what is given on the left, calls by depth, terms of the loss on the right."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import attrs

from gantape.inspection.update import SeenUpdate

COLUMN, ROW, LEFT, TOP = 200, 66, 20, 32
BOX_WIDTH, BOX_HEIGHT = 140, 42
_LANE = 0.45
"""The height of an arrow that passes a column, in rows."""


@attrs.frozen
class PlacedBox:
    """A box of the drawing, or a place at which an arrow passes between boxes.

    Args:
        name: Its name: a source, "#0" for a call, or "term:" and the name of a term.
        x: The left edge, in pixels.
        y: The middle, in pixels.
    """

    name: str
    x: int
    y: int

    @property
    def right(self) -> int:
        """The right edge."""
        return self.x + BOX_WIDTH


@attrs.frozen
class Placement:
    """The boxes of an update and the arrows between them.

    Args:
        boxes: The boxes by name.
        arrows: For each arrow what it begins at, the places that it passes, and what it ends at.
    """

    boxes: Mapping[str, PlacedBox]
    arrows: Sequence[tuple[PlacedBox, ...]]

    @property
    def height(self) -> int:
        """The lower edge, in pixels."""
        return max(box.y for box in [*self.boxes.values(), *itertools.chain(*self.arrows)]) + BOX_HEIGHT

    @property
    def width(self) -> int:
        """The right edge, in pixels."""
        return max(box.right for box in self.boxes.values()) + LEFT


def place(update: SeenUpdate) -> Placement:
    """Place the boxes of an update by columns, as Sugiyama's method does.

    A box stands in the column after those that it depends on, near their height. An arrow over several columns gets a lane
    between the boxes of each.

    Args:
        update: The update.

    References:
        Sugiyama, Tagawa and Toda 1981, Methods for visual understanding of hierarchical system structures.
    """
    given = {f"#{number}": call.of for number, call in enumerate(update.calls)}
    given |= {f"term:{term}": update.sources.get(term, ()) for term in update.terms}
    columns = _columns(given)
    ways = [
        (before, *(f"{before}>{name}>{column}" for column in range(columns[before] + 1, columns[name])), name)
        for name, several in given.items()
        for before in several
    ]
    columns |= {lane: columns[way[0]] + number for way in ways for number, lane in enumerate(way) if lane not in columns}
    behind: dict[str, list[str]] = {name: [] for name in columns}
    for way in ways:
        for before, name in itertools.pairwise(way):
            behind[name].append(before)
    heights: dict[str, float] = {}
    for column in range(max(columns.values()) + 1):
        names = [name for name, where in columns.items() if where == column]
        heights |= _stacked({name: _mean([heights[before] for before in behind[name]]) for name in names})
    boxes = {
        name: PlacedBox(name, LEFT + columns[name] * COLUMN, round(TOP + height * ROW)) for name, height in heights.items()
    }
    arrows = [tuple(boxes[name] for name in way) for way in ways]
    return Placement({name: box for name, box in boxes.items() if ">" not in name}, arrows)


def _columns(given: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """The column of each box: one after the last of those that it depends on; all terms are in the last."""
    sources = dict.fromkeys(before for several in given.values() for before in several if before not in given)
    columns = dict.fromkeys(sorted(sources), 0)
    for name, several in given.items():
        columns[name] = 1 + max((columns[before] for before in several), default=0)
    last = max(columns.values())
    return {name: last if name.startswith("term:") else column for name, column in columns.items()}


def _stacked(wanted: Mapping[str, float]) -> dict[str, float]:
    """The heights of the boxes of a column, in rows: near those that are wanted, without an overlap."""
    found: dict[str, float] = {}
    lowest = 0.0
    for name in sorted(wanted, key=lambda name: wanted[name]):  # stable: equals stay in the order of the calls
        half = (_LANE if ">" in name else 1.0) / 2
        found[name] = max(lowest + half, wanted[name])
        lowest = found[name] + half
    drift = _mean([found[name] - wanted[name] for name in found])
    shift = min(drift, min(found[name] - (_LANE if ">" in name else 1.0) / 2 for name in found))
    return {name: height - shift for name, height in found.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
