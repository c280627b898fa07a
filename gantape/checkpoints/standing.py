"""Where a run stands, as plain data and back."""

import math
from collections.abc import Mapping
from typing import Any

import attrs

from gantape.compiler.compiled import Totals
from gantape.data import Position
from gantape.history import History
from gantape.schedule import Moment
from gantape.types import Row


@attrs.define(eq=False)
class Standing:
    """Where a run stands.

    Args:
        moment: Steps, epochs and seconds done.
        acted: Up to where actions were asked whether they are due.
        position: The place in the data.
        examples: Examples read.
        updates: Updates done.
    """

    moment: Moment = attrs.field(factory=Moment)
    acted: Moment = attrs.field(factory=Moment)
    position: Position = attrs.field(factory=Position)
    examples: int = 0
    updates: int = 0

    def state(self) -> dict[str, Any]:
        """All of it, as JSON has it."""
        moment, acted = self.moment, self.acted
        return {
            "step": moment.step,
            "epoch": moment.epoch,
            "seconds": moment.seconds,
            "acted": [acted.step, acted.epoch, acted.seconds],
            "position": [self.position.epoch, self.position.batch],
            "examples": self.examples,
            "updates": self.updates,
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Standing":
        """From what `state` gave.

        Raises:
            ValueError: If a number is missing or makes no sense.
        """
        acted, position = _list(state, "acted", 3), _list(state, "position", 2)
        return cls(
            Moment(_whole(state.get("step")), _whole(state.get("epoch")), _seconds(state.get("seconds"))),
            Moment(_whole(acted[0]), _whole(acted[1]), _seconds(acted[2])),
            Position(_whole(position[0]), _whole(position[1])),
            _whole(state.get("examples")),
            _whole(state.get("updates")),
        )


def totals_of(state: Mapping[str, Any]) -> list[Totals]:
    """The running sums that a state holds.

    Raises:
        ValueError: If they make no sense.
    """
    found = []
    for kept in _list(state, "totals"):
        if not isinstance(kept, dict) or not isinstance(kept.get("sums"), dict):
            raise ValueError(f"totals {kept!r}")
        sums = {str(name): _number(value) for name, value in kept["sums"].items()}
        due = tuple(str(name) for name in _list(kept, "due"))
        found.append(Totals(due, str(kept.get("batch")), sums, _whole(kept.get("steps"))))
    return found


def history_of(state: Mapping[str, Any]) -> History:
    """The history that a state holds.

    Raises:
        ValueError: If a row makes no sense.
    """
    rows: list[Row] = []
    for row in _list(state, "history"):
        if not isinstance(row, dict) or row.get("split") not in ("train", "validation"):
            raise ValueError(f"a row {row!r}")
        _whole(row.get("step"))
        _whole(row.get("epoch"))
        if not all(isinstance(value, int | float) for name, value in row.items() if name != "split"):
            raise ValueError(f"a row {row!r}")
        rows.append(row)
    return History(rows)


def _list(state: Mapping[str, Any], name: str, length: int | None = None) -> list[Any]:
    found = state.get(name)
    if not isinstance(found, list) or (length is not None and len(found) != length):
        raise ValueError(f"{name} {found!r}")
    return found


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise ValueError(f"{value!r} for a whole number")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{value!r} for a number")
    return float(value)


def _seconds(value: Any) -> float:
    number = _number(value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{value!r} for seconds")
    return number
