"""The signature of a program: the updates and batches that a step is traced for."""

from collections.abc import Callable
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.data.batches import BatchStack
from gantape.errors import counted
from gantape.types import Batch

Due = tuple[str, ...]


@attrs.frozen(eq=False)
class Signature:
    """The updates and batches that a program is traced for.

    Args:
        due: The updates that are due in its steps.
        batch: The structure of a stored batch, with a `tf.TensorSpec` for each leaf.
        prepare: The function that turns a stored batch into the step's input.
        examples: The number of examples that batches are gathered from; `None` if batches are stored whole.
        augment: Changes a prepared batch, given the number of the step and the batch's place in it.
    """

    due: Due
    batch: Any
    prepare: Callable[[Batch], Batch]
    examples: int | None = None
    augment: Callable[[Batch, Any, int], Batch] | None = None

    @classmethod
    def of(cls, due: Due, stack: BatchStack) -> "Signature":
        """The signature of steps with these updates on such batches."""
        examples = None if stack.examples is None else len(tf.nest.flatten(stack.examples)[0])
        return cls(due, stack.spec, stack.prepare, examples, stack.augment)

    def prepared(self, step: Any, place: int) -> Callable[[Batch], Batch]:
        """Turns a stored batch into the input of a step, given the number of the step and the batch's place in it."""
        augment = self.augment
        return self.prepare if augment is None else lambda batch: augment(with_autograph(self.prepare)(batch), step, place)

    def fits(self, other: "Signature") -> bool:
        """Whether a program with this signature can run the other."""
        return self.due == other.due and not self.changes(other)

    def changes(self, new: "Signature") -> list[str]:
        """The differences between the batches of this signature and a new one, as text."""
        changes = []
        old_leaves, new_leaves = tf.nest.flatten(self.batch), tf.nest.flatten(new.batch)
        if len(old_leaves) != len(new_leaves):
            changes.append(f"a batch had {len(old_leaves)} tensors and now has {len(new_leaves)}")
        elif not _same_structure(self.batch, new.batch):
            changes.append("the batch has another structure")
        for index, (before, now) in enumerate(zip(old_leaves, new_leaves, strict=False)):
            if before.shape != now.shape:
                changes.append(f"tensor {index} of the batch had shape {before.shape} and now has {now.shape}")
            if before.dtype != now.dtype:
                changes.append(f"tensor {index} of the batch had type {before.dtype.name} and now has {now.dtype.name}")
        if self.prepare != new.prepare:
            changes.append(f"batches were prepared by {self.prepare!r} and now by {new.prepare!r}")
        if self.augment != new.augment:
            changes.append(f"batches were augmented by {self.augment!r} and now by {new.augment!r}")
        if self.examples != new.examples:
            changes.append(f"batches were taken from {_described(self.examples)} and now from {_described(new.examples)}")
        return changes


def _same_structure(one: Any, other: Any) -> bool:
    try:
        tf.nest.assert_same_structure(one, other)
    except (TypeError, ValueError):
        return False
    return True


def _described(examples: int | None) -> str:
    return "a stream" if examples is None else f"{counted(examples, 'example')} in memory"
