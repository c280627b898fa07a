"""A forward pass whose results several updates of a step use."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import attrs
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.types import Batch, Model, Tensor

R = TypeVar("R")


@attrs.frozen(eq=False)
class _Pass:
    """The results for a batch, and the tape that recorded them, if gradients are to reach models."""

    batch: Tensor
    results: Any
    tape: tf.GradientTape | None


_kept: dict[int, list[_Pass]] | None = None
"""The passes of the step that is running or being traced, by the `SharedPass`; `None` outside of steps."""


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """A context of one step, in which passes are shared. They are gone afterwards."""
    global _kept
    before, _kept = _kept, {}
    try:
        yield
    finally:
        _kept = before


class SharedPass:
    """A forward pass that is made once in a step, by the first update that needs it, and used again by later ones.

    Each loss calls it with the batch and the function that makes the pass:

        def generators_loss(self, batch, rng):
            fake_a, fake_b = self.translations(batch, lambda: self.translate(batch))
            ...

        def discriminators_loss(self, batch, rng):
            fake_a, fake_b = self.translations(batch, lambda: self.translate(batch))
            ...

    Later updates get the results from before the first one moved its variables. For them the results are constants, unless
    `models` are named. Gradients with respect to those continue through the recorded pass, which is right as long as these
    models have not moved since: the update that moves them has to be the last one that uses the results.

    Outside of a step, in an evaluation or a loop written by hand, each call makes the pass.

    Args:
        models: Models whose variables gradients of later losses reach.
    """

    def __init__(self, models: Sequence[Model] = ()) -> None:
        self._models = tuple(models)

    @property
    def models(self) -> tuple[Model, ...]:
        """The models whose variables gradients of later losses reach."""
        return self._models

    def __call__(self, batch: Batch, make: Callable[[], R]) -> R:
        """The results for a batch.

        Args:
            batch: The batch of the update. It is recognised by its first tensor.
            make: The function that makes the pass. It returns tensors in any structure of tuples, dicts and attrs classes.
        """
        if _kept is None:
            return with_autograph(make)()
        passes = _kept.setdefault(id(self), [])
        # Each replica gets its own tuple of the same tensors.
        first = tf.nest.flatten(batch)[0]
        found = next((known for known in passes if known.batch is first), None)
        if found is None:
            passes.append(self._made(first, make))
            return passes[-1].results
        leaves = tf.nest.flatten(found.results)
        places = [place for place, leaf in enumerate(leaves) if tf.is_tensor(leaf) and leaf.dtype.is_floating]
        for place, leaf in zip(places, self._continued([leaves[place] for place in places], found.tape), strict=True):
            leaves[place] = leaf
        return tf.nest.pack_sequence_as(found.results, leaves)

    def _made(self, first: Tensor, make: Callable[[], Any]) -> _Pass:
        if not self._models:
            return _Pass(first, with_autograph(make)(), None)
        # Persistent, because several updates may use the results.
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(self._values())
            results = with_autograph(make)()
        return _Pass(first, results, tape)

    def _continued(self, tensors: list[Tensor], tape: tf.GradientTape | None) -> list[Tensor]:
        """The tensors as constants, or as functions of the models' variables, whose gradient is that of the recorded pass."""
        if tape is None:
            return [tf.stop_gradient(tensor) for tensor in tensors]
        values = self._values()

        def recorded(*_: Tensor) -> tuple[list[Tensor], Callable[..., Any]]:
            def gradient(*upstream: Tensor) -> Any:
                # What the loss leaves out would pass on zeros, through all layers behind it.
                used = [place for place, tensor in enumerate(continued) if tf.executing_eagerly() or tensor.consumers()]
                sources, outputs = [tensors[place] for place in used], [upstream[place] for place in used]
                return tape.gradient(sources, values, output_gradients=outputs)

            return [tf.stop_gradient(tensor) for tensor in tensors], gradient

        continued = list(tf.custom_gradient(recorded)(*values))
        return continued

    def _values(self) -> list[Any]:
        return [variable.value for model in self._models for variable in model.trainable_variables]
