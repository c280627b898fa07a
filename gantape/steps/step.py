"""The tape: one optimizer moving one group of variables down one loss, and the step that does all updates of a task."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape.distribute.replicas import cross_replica, examples_in, mean_of_replicas, run_per_replica
from gantape.errors import GradientError, LossError
from gantape.random.rng import RandomStreams
from gantape.steps.averaging import ExponentialMovingAverage
from gantape.steps.gradients import GradientOptions
from gantape.steps.loss_scale import LossScale
from gantape.steps.losses import Losses
from gantape.steps.undo import Guard
from gantape.types import Batch, Model, Optimizer, Tensor, Variable


@attrs.frozen(eq=False)
class Update:
    """One optimizer moving one group of variables down one loss.

    Args:
        name: What the update is called in the history.
        loss: `loss(batch, noise)`, the named terms to minimise.
        variables: What is moved: models, which stand for their trainable variables and bring the losses that their layers
            add with `add_loss`, or variables.
        optimizer: Its own optimizer.
        repeats: How often the update is done in a step, each time with a fresh batch.
        every: Do the update in every so many steps only, from the first step on.
        average: A moving average that follows after each update.
        gradient_options: How gradients become a move: over how many batches they are averaged, and how they are clipped.
        lazy: Terms of the loss that it has in every so many steps only, from the first step on, times so many; by name.
    """

    name: str
    loss: Callable[[Batch, RandomStreams], Losses]
    variables: Sequence[Model | Variable]
    optimizer: Optimizer
    repeats: int = 1
    every: int = 1
    average: ExponentialMovingAverage | None = None
    gradient_options: GradientOptions = attrs.field(factory=GradientOptions)
    lazy: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def batches(self) -> int:
        """Batches that all repeats read together."""
        return self.repeats * self.gradient_options.accumulate

    @property
    def scale(self) -> LossScale | None:
        """The scale of its loss, if it has one."""
        return LossScale.of(self.optimizer)

    @property
    def models(self) -> list[Model]:
        """The models among what is moved."""
        return [part for part in self.variables if isinstance(part, Model)]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that are moved, each once."""
        found: dict[int, Variable] = {}
        for part in self.variables:
            for variable in part.trainable_variables if isinstance(part, Model) else [part]:
                found.setdefault(id(variable), variable)
        return list(found.values())

    def losses(self, batch: Batch, rng: RandomStreams, due: Collection[str] | None = None) -> Losses:
        """The terms of the loss, with what the models' layers added under "added".

        Args:
            batch: What the loss consumes.
            rng: The random streams of this update.
            due: The lazy terms that the loss has this time; all of them by default.
        """
        losses = self.loss(batch, rng)
        if not isinstance(losses, Losses):
            raise LossError(
                "an update's loss returns gantape.Losses.",
                where=f'Update "{self.name}", {getattr(self.loss, "__qualname__", repr(self.loss))}',
                got=type(losses).__name__,
                do='name the terms: return gantape.Losses({"reconstruction": value}).',
            )
        terms = self._in_turn(losses.terms, self.lazy if due is None else due)
        added = [loss for model in self.models for loss in model.losses]
        return Losses({**terms, "added": sum(added)} if added else terms, losses.metrics)

    def _in_turn(self, terms: Mapping[str, Any], due: Collection[str]) -> Mapping[str, Any]:
        unknown = sorted(set(self.lazy) - set(terms))
        if unknown:
            raise LossError(
                "a lazy term is not among the terms of the loss.",
                where=f'Update "{self.name}", argument `lazy`',
                got=f"{', '.join(unknown)}, for terms {', '.join(terms)}",
                do="name the terms as the loss does.",
            )
        # What is left out is used by nobody: compiled code does not compute it.
        return {name: self.lazy.get(name, 1) * term for name, term in terms.items() if name in due or name not in self.lazy}

    def apply(self, batch: Batch, rng: RandomStreams, step: Tensor) -> tuple[Losses, list[Tensor]]:
        """Do the update once, with one batch: its `gradients`, then `move`. This is what a loop by hand needs of it."""
        losses, gradients = self.gradients(batch, rng)
        self.move(gradients, step, examples_in(batch))
        return losses, gradients

    def gradients(self, batch: Batch, rng: RandomStreams, due: Collection[str] | None = None) -> tuple[Losses, list[Tensor]]:
        """The terms of the loss, and the gradient of their sum with respect to each variable.

        Args:
            batch: What the loss consumes.
            rng: The random streams of this update.
            due: The lazy terms that the loss has this time; all of them by default.

        Raises:
            GradientError: If a variable gets no gradient.
        """
        variables = self.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            losses = self.losses(batch, rng, due)
            total = losses.total if self.scale is None else self.scale.scaled(losses.total)
        gradients = tape.gradient(total, [variable.value for variable in variables])
        self._check(gradients, variables)
        # Of embeddings TensorFlow gives the rows that were looked up.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return losses, gradients if self.scale is None else self.scale.unscaled(gradients)

    def move(self, gradients: list[Tensor], step: Tensor, examples: int) -> None:
        """Move the variables once; of several replicas, those of all, outside of them.

        Args:
            gradients: One for each variable.
            step: The number of the step, from 0, an integer scalar.
            examples: How many examples the gradients come from.
        """
        variables = self.trainable_variables
        optimizer = self.optimizer if self.scale is None else self.scale.inner
        with cross_replica():
            optimizer.apply(self.gradient_options.clip(gradients), variables)
        run_per_replica(self._follow_up, step, examples)

    def _follow_up(self, step: Tensor, examples: int) -> None:
        self.gradient_options.limit(self.trainable_variables)
        if self.average is not None:
            self.average.follow(step, examples)

    def _check(self, gradients: Sequence[Any], variables: Sequence[Variable]) -> None:
        missing = [variable.path for variable, gradient in zip(variables, gradients, strict=True) if gradient is None]
        if missing:
            raise GradientError(
                "the loss does not depend on some of the variables that it is to move.",
                where=f'Update "{self.name}"',
                got=f"no gradient for {', '.join(missing)}",
                do="move only the models that the loss calls, and call them inside the loss; look for "
                "tf.stop_gradient, .numpy(), tf.argmax and casts to integers on the way.",
            )


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

    def all_finite(self, due: tuple[str, ...]) -> Tensor:
        """Whether all variables that these updates move are finite, a scalar. One look at them all costs less than norms."""
        moved = [variable.value for update in self.updates if update.name in due for variable in update.trainable_variables]
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in moved] or [True])

    def _repeat(self, update: Update, batches: Sequence[Batch], step: Tensor, terms: Collection[str]) -> dict[str, Tensor]:
        prefix = f"{update.name}/" if len(self.updates) > 1 else ""
        sums: dict[str, Any] = {}
        for first in range(0, len(batches), update.gradient_options.accumulate):
            guard = Guard(self.variables) if update.gradient_options.skip_nonfinite or update.scale else None
            taken = {place: batches[place] for place in range(first, first + update.gradient_options.accumulate)}
            if tf.distribute.has_strategy():
                accumulate = functools.partial(self._accumulate, update, terms)
                values, gradients = mean_of_replicas(accumulate, (taken, step), update.trainable_variables, self.variables)
            else:
                values, gradients = self._accumulate(update, terms, taken, step)
            if self.gradient_norms:
                values["gradient_norm"] = tf.linalg.global_norm(gradients)
            update.move(gradients, step, len(taken) * examples_in(batches[first]))
            _add(sums, values if guard is None else _settle(update, guard, gradients, values))
        counts = dict.fromkeys(("gradient_norm", "skipped"), update.repeats)
        return {
            f"{prefix}{name}": tf.cast(value, tf.float32) / counts.get(name, update.batches) for name, value in sums.items()
        }

    def _accumulate(
        self, update: Update, terms: Collection[str], batches: Mapping[int, Batch], step: Tensor
    ) -> tuple[dict[str, Any], list[Any]]:
        """Sums of the scalars to report, and the mean gradients, over batches given by their places in the step."""
        values: dict[str, Any] = {}
        gathered: list[list[Any]] = []
        for place, batch in batches.items():
            losses, gradients = update.gradients(batch, RandomStreams(self.seed, step).stream(update.name, place), terms)
            gathered.append(gradients)
            self.update_metrics(losses.metrics)
            _add(values, {"loss": losses.total, **(losses.terms if len(losses.terms) > 1 or update.lazy else {})})
        if len(gathered) == 1:
            return values, gathered[0]
        return values, [sum(parts) / len(parts) for parts in zip(*gathered, strict=True)]


def _settle(update: Update, guard: Guard, gradients: list[Tensor], values: Mapping[str, Any]) -> dict[str, Any]:
    scale = update.scale
    if scale is None:
        return guard.settle(gradients, values)
    settled = guard.settle(gradients, values, update.gradient_options.skip_nonfinite or tf.logical_not(scale.exhausted))
    scale.adjust(settled["skipped"])
    return settled


def _add(sums: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value
