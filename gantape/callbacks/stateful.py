"""The states of stateful callbacks in a checkpoint."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loguru import logger

from gantape.callbacks.callback import Callback, Stateful
from gantape.errors import RunDirectoryError, ScheduleError


def callback_states(callbacks: Iterable[Callback]) -> dict[str, Any]:
    """The state of each stateful callback, by its class and its number among the callbacks of that class.

    Raises:
        ScheduleError: If a state is not plain data.
    """
    return {name: _state_of(name, action) for name, action in _stateful(callbacks).items()}


def restore_callbacks(callbacks: Sequence[Callback], states: Mapping[str, Any], where: str) -> None:
    """Restore stateful callbacks. A warning names callbacks that are new or missing.

    Raises:
        RunDirectoryError: If a callback cannot be restored from its state.
    """
    actions = _stateful(callbacks)
    for name in dict.fromkeys([*actions, *states]):
        if name not in states:
            logger.warning("the callback {} is new in this run: it has no state to restore.", name)
        elif name not in actions:
            logger.warning("the callback {} of the run is missing: its state is dropped.", name)
        else:
            try:
                actions[name].restore(states[name])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise RunDirectoryError(
                    "a callback cannot be restored from its state.",
                    where=f"{where}, {name}",
                    got=f"{type(error).__name__}: {error}"[:200],
                    do="resume with the callback that the run began with.",
                ) from None


def _stateful(callbacks: Iterable[Callback]) -> dict[str, Stateful]:
    found: dict[str, Stateful] = {}
    seen: set[int] = set()
    for owner in [callback.owner for callback in callbacks]:
        if isinstance(owner, Stateful) and id(owner) not in seen:
            seen.add(id(owner))
            name = type(getattr(owner, "callback", owner)).__name__
            found[f"{name} {sum(key.rpartition(' ')[0] == name for key in found) + 1}"] = owner
    return found


def _state_of(name: str, action: Stateful) -> Any:
    state = action.state()
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise ScheduleError(
            "the state of an action is plain data.",
            where=f"callback {name}, state",
            got=f"{type(error).__name__}: {error}",
            do="return numbers, texts, lists and dicts.",
        ) from None
    return state
