"""The tape: the update of one group of variables by one optimizer, and the step that runs all updates of a task."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape._tensorflow import with_autograph
from gantape.distribute.replicas import cross_replica, examples_in, mean_of_replicas, run_per_replica
from gantape.errors import GradientError, LossError, listed
from gantape.random.rng import RandomStreams
from gantape.steps.added import added_losses
from gantape.steps.averaging import ExponentialMovingAverage
from gantape.steps.cuts import why_no_gradient
from gantape.steps.gradients import GradientOptions
from gantape.steps.loss_scale import LossScale, applied_optimizer
from gantape.steps.losses import Losses, check_columns, check_returned
from gantape.steps.shared import sharing
from gantape.steps.trained import cover, python_state
from gantape.steps.undo import SKIPPED, Guard, means_of_kept
from gantape.types import Batch, Model, Optimizer, Tensor, Variable


@attrs.frozen(eq=False)
class Update:
    """One optimizer that minimises one loss over one group of variables.

    Args:
        name: The name of the update in the history.
        loss: `loss(batch, rng)`, the named terms to minimise.
        variables: The variables to update, or models: these stand for their trainable variables, and the losses that their
            layers add are minimised too, those of each call in the loss, and each regularised weight once.
        optimizer: The optimizer, of this update alone.
        repeats: How often the update is done in a step, each time with a new batch.
        every: Do the update only in every n-th step, from the first step on.
        average: A moving average to update after each update.
        gradient_options: How gradients are accumulated and clipped.
        lazy: Terms of the loss, by name, that are computed only in every n-th step, from the first step on, and multiplied by
            n there.
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
        """The number of batches that all repeats read together."""
        return self.repeats * self.gradient_options.accumulate

    @property
    def scale(self) -> LossScale | None:
        """The scale of the loss, if it has one."""
        return LossScale.of(self.optimizer)

    @property
    def models(self) -> list[Model]:
        """The models among `variables`."""
        return [part for part in self.variables if isinstance(part, Model)]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables to update, each once."""
        found: dict[int, Variable] = {}
        for part in self.variables:
            for variable in part.trainable_variables if isinstance(part, Model) else [part]:
                found.setdefault(id(variable), variable)
        return list(found.values())

    def losses(self, batch: Batch, rng: RandomStreams, due: Collection[str] | None = None) -> Losses:
        """The terms of the loss, and in `added` the losses that the models' layers add.

        Args:
            batch: The input of the loss.
            rng: The random streams of this update.
            due: The lazy terms to include; all of them by default.
        """
        with added_losses(self.models) as added:
            losses = with_autograph(self.loss)(batch, rng)
            check_returned(losses, f'Update "{self.name}", {getattr(self.loss, "__qualname__", repr(self.loss))}')
            terms = self._due_terms(losses.terms, self.lazy if due is None else due)
        return attrs.evolve(losses, terms=terms, added=added.total())

    def _due_terms(self, terms: Mapping[str, Any], due: Collection[str]) -> Mapping[str, Any]:
        unknown = sorted(set(self.lazy) - set(terms))
        if unknown:
            raise LossError(
                "a lazy term is not among the terms of the loss.",
                where=f'Update "{self.name}", argument `lazy`',
                got=f"{', '.join(unknown)}, for terms {', '.join(terms)}",
                do="name the terms as the loss does.",
            )
        kept = Losses({name: term for name, term in terms.items() if name in due or name not in self.lazy}).computed()
        return {name: self.lazy.get(name, 1) * term for name, term in kept.items()}

    def apply(self, batch: Batch, rng: RandomStreams, step: Tensor) -> tuple[Losses, list[Tensor]]:
        """Do the update once, with one batch: compute `gradients`, then `move`. For training loops written by hand."""
        losses, gradients = self.gradients(batch, rng)
        self.move(gradients, step, examples_in(batch))
        return losses, gradients

    def gradients(self, batch: Batch, rng: RandomStreams, due: Collection[str] | None = None) -> tuple[Losses, list[Tensor]]:
        """The terms of the loss, and the gradient of their sum with respect to each variable.

        Args:
            batch: The input of the loss.
            rng: The random streams of this update.
            due: The lazy terms to include; all of them by default.

        Raises:
            GradientError: If a variable gets no gradient.
        """
        variables = self.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            losses = self.losses(batch, rng, due)
            total = losses.total if self.scale is None else self.scale.scaled(losses.total)
        gradients = tape.gradient(total, [variable.value for variable in variables])
        self._check(gradients, variables, lambda: self.losses(batch, rng, due).total)
        # The gradient of an embedding is an `IndexedSlices` of the rows that were looked up.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return losses, gradients if self.scale is None else self.scale.unscaled(gradients)

    def move(self, gradients: list[Tensor], step: Tensor, examples: int) -> None:
        """Apply gradients to the variables; with several replicas, in cross-replica context.

        Args:
            gradients: One for each variable.
            step: The number of the step, from 0, an integer scalar.
            examples: The number of examples behind the gradients.
        """
        variables = self.trainable_variables
        with cross_replica():
            applied_optimizer(self.optimizer).apply(self.gradient_options.clip(gradients), variables)
        run_per_replica(self._follow_up, step, examples)

    def _follow_up(self, step: Tensor, examples: int) -> None:
        self.gradient_options.limit(self.trainable_variables)
        if self.average is not None:
            self.average.follow(step, examples)

    def _check(self, gradients: Sequence[Any], variables: Sequence[Variable], loss: Callable[[], Tensor]) -> None:
        missing = [variable for variable, gradient in zip(variables, gradients, strict=True) if gradient is None]
        if missing:
            raise GradientError(
                "the loss does not depend on some of the variables that it is to move.",
                where=f'Update "{self.name}"',
                got=f"no gradient for {listed([variable.path for variable in missing])}: {why_no_gradient(loss, missing)}",
                do="move only the models that the loss calls, and call them inside the loss; look for "
                "tf.stop_gradient, .numpy(), tf.argmax and casts to integers on the way.",
            )


@attrs.frozen(eq=False)
class Step:
    """All updates of a task, in order: the function that `StepCompiler` compiles.

    With several replicas, losses and gradients are computed from each replica's part of the batches, and averaged over the
    replicas once for each update; everything else is done as on one device. For losses that are means over examples, N replicas
    with B / N examples each are equivalent to one device with batches of B.

    A step reads as many batches as its most repeated update needs; an update that needs n of them gets the last n.

    Args:
        updates: The updates, in order.
        seed: The run's seed.
        update_metrics: Called with the arguments of metrics that a loss returns.
        gradient_norms: Whether to report the norm of each update's gradient.
        name: The task with its hyper-parameters, as text.
        variables: All variables that an update may change. They are restored when an update is skipped.
        columns: The names of other values that the history has beside those of the step.
        measured: The metrics that the loss of each update gave arguments, of those updates that were traced or run.
    """

    updates: tuple[Update, ...]
    seed: int
    update_metrics: Callable[[Mapping[str, tuple[Any, ...]]], None]
    gradient_norms: bool = False
    name: str = "step"
    variables: Sequence[Variable] = ()
    columns: Collection[str] = ()
    measured: dict[str, set[str]] = attrs.field(factory=dict)

    @property
    def batches_per_step(self) -> int:
        """The number of batches that a step reads."""
        return max(update.batches for update in self.updates)

    def due(self, step: int) -> tuple[str, ...]:
        """The names of the updates and lazy terms that are due in the step with this number, from 0."""
        names: list[str] = []
        for update in self.updates:
            if step % update.every == 0:
                names.append(update.name)
                names += [f"{update.name}/{term}" for term, every in update.lazy.items() if step % every == 0]
        return tuple(names)

    def updates_due(self, step: int) -> int:
        """The number of updates in a step, repeats included."""
        return sum(update.repeats for update in self.updates if step % update.every == 0)

    def python_state(self) -> dict[str, Any]:
        """The Python values that a trace of the step contains: which variables are trained, and settings of its parts."""
        return python_state(self.updates)

    def prepare(self) -> None:
        """Give the optimizers state for variables that are trained since they were built."""
        for update in self.updates:
            cover(update)

    def run(self, batches: Sequence[Batch], step: Tensor, due: tuple[str, ...]) -> dict[str, Tensor]:
        """Run one step.

        Args:
            batches: As many batches as `batches_per_step`; with several replicas, each is cut into their parts.
            step: The number of the step, from 0, an integer scalar.
            due: The names of the updates and lazy terms to include.

        Returns:
            Scalars by name: each loss, its terms if there are several, logged values, and gradient norms if requested. For a
            repeated update, the means over its repeats.
        """
        report: dict[str, Tensor] = {}
        with sharing():
            for update in self.updates:
                if update.name in due:
                    terms = [term for term in update.lazy if f"{update.name}/{term}" in due]
                    report |= self._repeat(update, batches[len(batches) - update.batches :], step, terms)
        check_columns(report, self.columns, self.name)
        return report

    def means(self, sums: Mapping[str, float], steps: Mapping[str, int]) -> dict[str, float]:
        """The means of reported scalars, from sums and numbers of steps, without skipped updates."""
        return means_of_kept(sums, steps)

    def all_finite(self, due: tuple[str, ...]) -> Tensor:
        """Whether all variables that these updates move by gradients are finite, a scalar. Norms would cost more."""
        moved = [variable.value for update in self.updates if update.name in due for variable in update.trainable_variables]
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in moved] or [True])

    def _repeat(self, update: Update, batches: Sequence[Batch], step: Tensor, terms: Collection[str]) -> dict[str, Tensor]:
        prefix = f"{update.name}/" if len(self.updates) > 1 else ""
        sums: dict[str, Any] = {}
        for first in range(0, len(batches), update.gradient_options.accumulate):
            changing = [*self.variables, *update.optimizer.variables]
            guard = Guard(changing) if update.gradient_options.skip_nonfinite or update.scale else None
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
        counts = dict.fromkeys(("gradient_norm", SKIPPED), update.repeats)
        return {
            f"{prefix}{name}": tf.cast(value, tf.float32) / counts.get(name, update.batches) for name, value in sums.items()
        }

    def _accumulate(
        self, update: Update, terms: Collection[str], batches: Mapping[int, Batch], step: Tensor
    ) -> tuple[dict[str, Any], list[Any]]:
        """Sums of the scalars to report, and the mean gradients, over batches given by their positions in the step."""
        values: dict[str, Any] = {}
        gathered: list[list[Any]] = []
        for place, batch in batches.items():
            losses, gradients = update.gradients(batch, RandomStreams(self.seed, step).stream(update.name, place), terms)
            gathered.append(gradients)
            self.update_metrics(losses.metrics)
            self.measured.setdefault(update.name, set()).update(losses.metrics)
            _add(values, losses.report(with_terms=bool(update.lazy)))
        if len(gathered) == 1:
            return values, gathered[0]
        return values, [sum(parts) / len(parts) for parts in zip(*gathered, strict=True)]


def _settle(update: Update, guard: Guard, gradients: list[Tensor], values: Mapping[str, Any]) -> dict[str, Any]:
    scale = update.scale
    if scale is None:
        return guard.settle(gradients, values)
    settled = guard.settle(gradients, values, update.gradient_options.skip_nonfinite or tf.logical_not(scale.exhausted))
    scale.adjust(settled[SKIPPED])
    return settled


def _add(sums: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        sums[name] = sums[name] + value if name in sums else value
