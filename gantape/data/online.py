"""Batches that depend on the training: each is made when its step comes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.data.conversion import as_arrays, call_for_data, check_batch_axis, check_size, described, shapes_of
from gantape.errors import DataError, counted
from gantape.random.rng import derive_key
from gantape.types import Batch

WHERE = "gantape.data.online"


@attrs.frozen(eq=False)
class OnlineBatches(Batches):
    """Batches that a function makes, each when its step comes. Made by `gantape.data.online`."""

    make: Callable[[np.random.Generator], Batch] = attrs.field(repr=False)
    batch_size: int
    batches_per_epoch: int | None = None
    stateless: bool = False
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "online"

    @property
    def endless(self) -> bool:
        return self.batches_per_epoch is None

    @property
    def online(self) -> bool:
        return True

    @property
    def stateful(self) -> bool:
        """Whether the function has a state that can be saved."""
        return all(callable(getattr(self.make, method, None)) for method in ("state", "restore"))

    def open(self, seed: int, position: Position) -> Reader:
        return _OnlineReader(self, seed, position)

    def examples_in_order(self) -> Iterator[Batch]:
        raise DataError(
            "data that depends on the training cannot be evaluated.",
            where=self.name,
            got="batches that are made when a step needs them",
            do="evaluate on stored examples, or test the task in a callback: gantape.Callback(test, gantape.every(steps=100)).",
        )

    def check_resumable(self) -> None:
        if not self.stateless and not self.stateful:
            raise DataError(
                "a run on this data could not be resumed: the state of the function that makes it is not known.",
                where=f"{self.name}, argument `make`",
                got=f"a {type(self.make).__name__} without the methods `state` and `restore`",
                do="give an object with both, as gantape.callbacks.Stateful has them; say stateless=True if batches depend on "
                "nothing but variables of the task and `rng`; or do without checkpoints: gantape.Loop(..., checkpoints=None).",
            )

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "batch_size": self.batch_size, "batches_per_epoch": self.batches_per_epoch}


@attrs.define(eq=False)
class _OnlineReader(Reader):
    source: OnlineBatches
    seed: int
    position: Position

    def read(self, count: int) -> BatchStack:
        source, position = self.source, self.position
        length = source.batches_per_epoch
        most = count if length is None else min(count, length - position.batch)
        found = [self._next(Position(position.epoch, position.batch + place)) for place in range(most)]
        if any(shapes_of(batch) != shapes_of(found[0]) for batch in found):
            raise DataError(
                "the batches of one step differ in shape.",
                where=f"{source.name}, batch {position.batch}",
                got="; ".join(described(batch) for batch in found),
                do="make the batches of a step of one shape: it reads several, for repeats or for accumulated gradients.",
            )
        self.position = position.after(most, length)
        return BatchStack.of(found, self.position, source.prepare)

    def save(self, prefix: Path, shown: Sequence[BatchStack] = ()) -> dict[str, Any]:
        """The state of the function that makes the batches. Batches that were shown would be lost: they belong to its state."""
        make: Any = self.source.make
        if not self.source.stateful:
            return {}
        where = f"{self.source.name}, argument `make`, method `state`"
        if shown:
            raise DataError(
                "a run on this data can be saved between two steps only.",
                where=self.source.name,
                got=f"{counted(len(shown), 'batch')} made and not trained on",
                do="start the run again: it did no step.",
            )
        facts = {"state": call_for_data(make.state, where=where, do="look at the cause, in your code.")}
        try:
            json.dumps(facts)
        except (TypeError, ValueError) as error:
            raise DataError(
                "the state of the function that makes batches is not plain data.",
                where=where,
                got=f"{type(error).__name__}: {error}",
                do="return numbers, texts, lists and dicts; array.tolist() makes a list of an array.",
            ) from None
        return facts

    def restore(self, prefix: Path, facts: Mapping[str, Any]) -> None:
        make: Any = self.source.make
        if self.source.stateful:
            where = f"{self.source.name}, argument `make`, method `restore`"
            advice = "resume with the function of the run; it is given what its method `state` returned."
            call_for_data(lambda: make.restore(facts["state"]), where=where, do=advice)

    def _next(self, position: Position) -> Batch:
        where = f"{self.source.name}, argument `make`, batch {position.batch} of epoch {position.epoch}"
        key = derive_key(self.seed, "online", position.epoch, position.batch)
        rng = np.random.Generator(np.random.Philox(key))
        made = call_for_data(self.source.make, rng, where=where, do="look at the cause, in your code.")
        batch = as_arrays(made, where)
        check_batch_axis(batch, where)
        return batch


def online(
    make: Callable[[np.random.Generator], Batch],
    *,
    batch_size: int,
    batches_per_epoch: int | None = None,
    stateless: bool = False,
    prepare: Callable[[Batch], Batch] = identity,
    name: str = "online",
) -> OnlineBatches:
    """Batches that depend on the training so far, as in reinforcement learning and self-play.

    Each batch is made when its step comes, after all earlier steps, and no batch is made in advance: a call of compiled code
    then has one step. A step that reads several batches, for repeats of an update or for accumulated gradients, gets all of
    them before it begins.

    For a run with checkpoints, `make` is an object with the methods `state()`, which returns plain data, and `restore(state)`,
    as `gantape.callbacks.Stateful` has them, or it is said to be stateless.

    Args:
        make: A function of a random number generator, a pure function of the run's seed and the batch's number, that returns an
            array, or a tuple or dict of arrays or tensors, each with the axis `batch` first. It runs in Python, and may call
            the task's models.
        batch_size: Examples in a batch as a rule; a step is traced once for each size.
        batches_per_epoch: Batches in an epoch; by default, there are no epochs.
        stateless: Whether batches depend on nothing but the variables of the task and the random number generator.
        prepare: Applied to each batch inside the graph.
        name: The name of the data in the run's record.

    Raises:
        DataError: If `make` is not a function, or a number is not positive.
    """
    if not callable(make) or isinstance(make, type):
        raise DataError(
            "batches are made by a function.",
            where=f"{WHERE}, argument `make`",
            got=repr(make),
            do="give a function of a random number generator that returns a batch; for a Python generator, "
            "lambda rng: next(generator).",
        )
    check_size(batch_size, WHERE)
    if batches_per_epoch is not None:
        check_size(batches_per_epoch, WHERE, "batches_per_epoch", "an epoch has at least one batch.")
    return OnlineBatches(make, batch_size, batches_per_epoch, stateless, prepare, name)
