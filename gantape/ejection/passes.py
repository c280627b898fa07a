"""The forward passes that updates share."""

from typing import Any

import tensorflow as tf

from gantape.steps.step import Update


class Passes:
    """The forward passes that updates share: for the pass and its batch, the update that makes it, results, and their names."""

    def __init__(self) -> None:
        self.made: dict[tuple[int, str], tuple[Update, Any, list[str]]] = {}
        self._users: list[tuple[Update, list[str]]] = []

    def begin(self, update: Update) -> None:
        """Begin to trace an update."""
        self._users.append((update, []))

    @property
    def update(self) -> Update:
        """The update that is traced."""
        return self._users[-1][0]

    @property
    def used(self) -> list[str]:
        """The names of the results of earlier updates that this one uses."""
        return self._users[-1][1]

    def used_by(self, update: Update) -> list[str]:
        """The names of the results of earlier updates that an update uses."""
        return next((used for user, used in self._users if user is update), [])

    def results(self) -> list[Any]:
        """The tensors that this update makes for others."""
        return [leaf for update, made, _ in self.made.values() if update is self.update for leaf in tf.nest.flatten(made)]

    def name(self, names: list[str]) -> None:
        """Name the results of this update."""
        for update, made, own in self.made.values():
            if update is self.update:
                count = len(tf.nest.flatten(made))
                own[:], names = names[:count], names[count:]

    def names_of(self, update: Update) -> list[str]:
        """The names of the results of an update."""
        return [name for maker, _, names in self.made.values() if maker is update for name in names]
