"""The state of a run without its variables, and its JSON form."""

import math
from collections.abc import Mapping
from typing import Any

import attrs

from gantape.compiler.compiled import Totals
from gantape.history import History
from gantape.state import RunState
from gantape.types import Row


@attrs.frozen(eq=False)
class Snapshot:
    """A run between two calls, without its variables.

    Args:
        state: The state of the run.
        acted: The state up to which callbacks have been called.
        history: The rows of the run.
        totals: The sums of reported scalars since the newest row.
        callbacks: The state of each stateful callback.
        learning_rates: The learning rates that the run began with.
        tensors: Type and shape of each variable, as text.
        own_state: Type and shape of each array that layers hold outside of variables, as text.
        reader: The state of the data's reader.
    """

    state: RunState
    acted: RunState
    history: History
    totals: list[Totals]
    callbacks: dict[str, Any]
    learning_rates: dict[str, float]
    tensors: dict[str, str]
    own_state: dict[str, str]
    reader: dict[str, Any] = attrs.field(factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The JSON form: numbers, texts, lists and dicts."""
        state, acted = attrs.asdict(self.state), self.acted
        del state["ended"]
        return state | {
            "acted": [acted.step, acted.epoch, acted.seconds],
            "history": [dict(row) for row in self.history],
            "totals": [attrs.asdict(totals) for totals in self.totals],
            "callbacks": self.callbacks,
            "learning_rates": self.learning_rates,
            "tensors": self.tensors,
            "own_state": self.own_state,
            "reader": self.reader,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Snapshot":
        """A snapshot from its JSON form.

        Raises:
            ValueError: If a value is missing or invalid.
        """
        acted = _list(found, "acted", 3)
        counts: dict[str, Any] = {name: _whole(found.get(name)) for name in ("step", "epoch", "batch", "examples", "updates")}
        try:
            return cls(
                RunState(**counts, seconds=_seconds(found.get("seconds"))),
                RunState(_whole(acted[0]), _whole(acted[1]), _seconds(acted[2])),
                _history_of(found),
                _totals_of(found),
                dict(found["callbacks"]),
                {str(name): float(rate) for name, rate in dict(found["learning_rates"]).items()},
                {str(name): str(spec) for name, spec in dict(found["tensors"]).items()},
                {str(name): str(spec) for name, spec in dict(found["own_state"]).items()},
                dict(found["reader"]),
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None


def _totals_of(found: Mapping[str, Any]) -> list[Totals]:
    totals = []
    for kept in _list(found, "totals"):
        if not isinstance(kept, dict) or not isinstance(kept.get("sums"), dict):
            raise ValueError(f"totals {kept!r}")
        sums = {str(name): _number(value) for name, value in kept["sums"].items()}
        due = tuple(str(name) for name in _list(kept, "due"))
        totals.append(Totals(due, str(kept.get("batch")), sums, _whole(kept.get("steps"))))
    return totals


def _history_of(found: Mapping[str, Any]) -> History:
    rows: list[Row] = []
    for row in _list(found, "history"):
        if not isinstance(row, dict) or row.get("split") not in ("train", "validation"):
            raise ValueError(f"a row {row!r}")
        _whole(row.get("step"))
        _whole(row.get("epoch"))
        if not all(isinstance(value, int | float) for name, value in row.items() if name != "split"):
            raise ValueError(f"a row {row!r}")
        rows.append(row)
    return History(rows)


def _list(found: Mapping[str, Any], name: str, length: int | None = None) -> list[Any]:
    values = found.get(name)
    if not isinstance(values, list) or (length is not None and len(values) != length):
        raise ValueError(f"{name} {values!r}")
    return values


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
