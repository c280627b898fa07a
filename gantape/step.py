"""One pass over all updates of a task. Follows `update`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape.distribution import examples_in, mean_of_replicas
from gantape.guard import Guard
from gantape.noise import Noise
from gantape.types import Batch, Tensor, Variable
from gantape.update import Update


@attrs.frozen(eq=False)
class Step:
    """One pass over all of a task's updates: what `StepCompiler` compiles.

    With several replicas, losses and gradients are those of each replica's part of the batches; their means over the replicas
    are taken here, once for each move, and everything else is done as on one device. So N replicas with batches of B / N
    examples are one device with batches of B, for losses that are means over examples.

    A step reads as many batches as its most repeated update repeats; an update with r repeats sees the last r of them.

    Args:
        updates: The updates, in order.
        seed: The run's seed.
        update_metrics: Given what the losses say that metrics are to see.
        gradient_norms: Whether to report the norm of each update's gradient.
        name: What is trained, with its hyper-parameters.
        variables: What an update may change, and is put back where one is left out.
    """

    updates: tuple[Update, ...]
    seed: int
    update_metrics: Callable[[Mapping[str, tuple[Any, ...]]], None]
    gradient_norms: bool = False
    name: str = "step"
    variables: Sequence[Variable] = ()

    @property
    def batches_per_step(self) -> int:
        """Batches that a step reads."""
        return max(update.batches for update in self.updates)

    def due(self, step: int) -> tuple[str, ...]:
        """The names of the updates that are done in the step with this number, from 0, and of the lazy terms that they have."""
        names: list[str] = []
        for update in self.updates:
            if step % update.every == 0:
                names.append(update.name)
                names += [f"{update.name}/{term}" for term, every in update.lazy.items() if step % every == 0]
        return tuple(names)

    def updates_due(self, step: int) -> int:
        """How many updates a step does, repeats counted."""
        return sum(update.repeats for update in self.updates if step % update.every == 0)

    def run(self, batches: Sequence[Batch], step: Tensor, due: tuple[str, ...]) -> dict[str, Tensor]:
        """Do one step.

        Args:
            batches: As many batches as `batches_per_step`, each cut into the parts of replicas where there are several.
            step: Its number, from 0, an integer scalar.
            due: The names of the updates to do, and of their lazy terms.

        Returns:
            Scalars by name: each loss, its terms where there are several, and gradient norms where asked for; of an update
            that is repeated, the mean over its repeats.
        """
        report: dict[str, Tensor] = {}
        for update in self.updates:
            if update.name in due:
                terms = [term for term in update.lazy if f"{update.name}/{term}" in due]
                report |= self._repeat(update, batches[len(batches) - update.batches :], step, terms)
        return report

    def sound(self, due: tuple[str, ...]) -> Tensor:
        """Whether all variables that these updates move are finite, a scalar. One look at them all costs less than norms."""
        moved = [variable.value for update in self.updates if update.name in due for variable in update.trainable_variables]
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in moved] or [True])

    def _repeat(self, update: Update, batches: Sequence[Batch], step: Tensor, terms: Collection[str]) -> dict[str, Tensor]:
        prefix = f"{update.name}/" if len(self.updates) > 1 else ""
        sums: dict[str, Any] = {}
        for first in range(0, len(batches), update.descent.batches):
            guard = Guard(self.variables) if update.descent.skip_nonfinite or update.scale else None
            places = range(first, first + update.descent.batches)
            values, gradients = self._slope(update, {place: batches[place] for place in places}, step, terms)
            if self.gradient_norms:
                values["gradient_norm"] = tf.linalg.global_norm(gradients)
            update.move(gradients, step, len(places) * examples_in(batches[first]))
            _add(sums, values if guard is None else _settle(update, guard, gradients, values))
        counts = dict.fromkeys(("gradient_norm", "skipped"), update.repeats)
        return {
            f"{prefix}{name}": tf.cast(value, tf.float32) / counts.get(name, update.batches) for name, value in sums.items()
        }

    def _slope(
        self, update: Update, batches: Mapping[int, Batch], step: Tensor, terms: Collection[str]
    ) -> tuple[dict[str, Any], list[Any]]:
        """What an update reports, and the gradients that it is to follow: means over the batches and over replicas."""
        names: list[str] = []

        def slope(batches: Mapping[int, Batch], step: Tensor) -> tuple[list[Any], list[Any]]:
            gathered: list[list[Any]] = []
            values: dict[str, Any] = {}
            for place, batch in batches.items():
                losses, gradients = update.gradients(batch, Noise(self.seed, step).stream(update.name, place), terms)
                gathered.append(gradients)
                self.update_metrics(losses.metrics)
                _add(values, {"loss": losses.total, **(losses.terms if len(losses.terms) > 1 or update.lazy else {})})
            names[:] = values
            gradients = (
                gathered[0] if len(gathered) == 1 else [sum(parts) / len(parts) for parts in zip(*gathered, strict=True)]
            )
            return list(values.values()), gradients

        scalars, gradients = mean_of_replicas(slope, (batches, step), update.trainable_variables, self.variables)
        return dict(zip(names, scalars, strict=True)), gradients


def _settle(update: Update, guard: Guard, gradients: list[Tensor], values: Mapping[str, Any]) -> dict[str, Any]:
    scale = update.scale
    if scale is None:
        return guard.settle(gradients, values)
    settled = guard.settle(gradients, values, update.descent.skip_nonfinite or tf.logical_not(scale.exhausted))
    scale.adjust(settled["skipped"])
    return settled


def _add(sums: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value
