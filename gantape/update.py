"""One optimizer moving one group of variables down one loss: the one place of the outer tape. Follows `metrics`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape.errors import GradientError, LossError, TaskError
from gantape.guard import Guard
from gantape.losses import Losses
from gantape.noise import Noise
from gantape.types import Batch, Model, Optimizer, Tensor, Variable


@attrs.frozen(eq=False)
class MovingAverage:
    """A copy of a model whose weights follow it slowly: θ̄ ← β θ̄ + (1-β) θ, batch-norm statistics too.

    In the first steps β is at most (1 + step) / (10 + step), so that the average does not remember the initial weights.

    Args:
        model: The model that is trained.
        copy: A model with the same variables, which the average is kept in.
        decay: β.

    References:
        Karras et al. 2018, arXiv 1710.10196, section 4.2 of the appendix on the generator's average.
    """

    model: Model
    copy: Model
    decay: float = 0.999

    def follow(self, step: Tensor) -> None:
        """Move the copy towards the model."""
        done = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self.decay, (1.0 + done) / (10.0 + done))
        for average, current in zip(self.copy.variables, self.model.variables, strict=True):
            if "float" in str(average.value.dtype):
                difference = current.value - average.value
                average.assign(average.value + tf.cast(share, difference.dtype) * difference)


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
        skip_nonfinite: Leave the update out where its loss or a gradient is infinite or not a number, instead of ending the
            run. The history has the share of updates that were left out, as `skipped`; means are over the others.
    """

    name: str
    loss: Callable[[Batch, Noise], Losses]
    variables: Sequence[Model | Variable]
    optimizer: Optimizer
    repeats: int = 1
    every: int = 1
    average: MovingAverage | None = None
    skip_nonfinite: bool = False

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

    def losses(self, batch: Batch, noise: Noise) -> Losses:
        """The terms of the loss, with what the models' layers added under "added"."""
        losses = self.loss(batch, noise)
        if not isinstance(losses, Losses):
            raise LossError(
                "an update's loss returns gantape.Losses.",
                where=f'Update "{self.name}", {getattr(self.loss, "__qualname__", repr(self.loss))}',
                got=type(losses).__name__,
                do='name the terms: return gantape.Losses({"reconstruction": value}).',
            )
        added = [loss for model in self.models for loss in model.losses]
        if not added:
            return losses
        return Losses({**losses.terms, "added": sum(added)}, losses.metrics)

    def apply(self, batch: Batch, noise: Noise, step: Tensor) -> tuple[Losses, list[Tensor]]:
        """Do the update once.

        Args:
            batch: What the loss consumes.
            noise: The random streams of this update.
            step: The number of the step, from 0, an integer scalar.

        Returns:
            The terms of the loss, and the gradient of their sum with respect to each variable.

        Raises:
            GradientError: If a variable gets no gradient.
        """
        variables = self.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            losses = self.losses(batch, noise)
            total = losses.total
        gradients = tape.gradient(total, [variable.value for variable in variables])
        self._check(gradients, variables)
        self.optimizer.apply(gradients, variables)
        if self.average is not None:
            self.average.follow(step)
        return losses, gradients

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


def check_updates(updates: Sequence[Update], where: str) -> None:
    """Build the optimizers, and raise a `TaskError` for updates that cannot be trained.

    Raises:
        TaskError: If there is no update, a name or an optimizer is shared, nothing is moved, or an interval is not positive.
    """
    if not isinstance(updates, Sequence) or not updates or not all(isinstance(update, Update) for update in updates):
        raise TaskError(
            "a task has at least one update.",
            where=f"{where}.updates",
            got=repr(updates),
            do="return a tuple of gantape.Update.",
        )
    for kind, values in (
        ("name", [update.name for update in updates]),
        ("optimizer", [id(update.optimizer) for update in updates]),
    ):
        if len(set(values)) < len(values):
            raise TaskError(
                f"two updates share one {kind}.",
                where=f"{where}.updates",
                got=", ".join(f'Update "{update.name}" with {type(update.optimizer).__name__}' for update in updates),
                do=f"give each update {'an' if kind == 'optimizer' else 'a'} {kind} of its own"
                + ("; an optimizer's moments belong to its variables." if kind == "optimizer" else "."),
            )
    for update in updates:
        problem = _problem(update)
        if problem:
            raise TaskError(problem[0], where=f'{where}.updates, Update "{update.name}"', got=problem[1], do=problem[2])
        update.optimizer.build(update.trainable_variables)


def _problem(update: Update) -> tuple[str, str, str] | None:
    if isinstance(update.optimizer, type) or not isinstance(update.optimizer, Optimizer):
        return (
            "this is not an optimizer of Keras.",
            repr(update.optimizer),
            "give an instance, such as keras.optimizers.Adam(1e-3).",
        )
    strangers = [part for part in update.variables if not isinstance(part, Model) and not hasattr(part, "assign")]
    if strangers:
        return (
            "what is moved are models and variables.",
            ", ".join(type(part).__name__ for part in strangers),
            "give models, such as keras.Sequential([...]), or their variables.",
        )
    unbuilt = [model.name for model in update.models if not getattr(model, "built", True)]
    if unbuilt:
        return (
            "a model has no weights yet.",
            ", ".join(unbuilt),
            "begin it with keras.Input(shape=...), or call it once where it is built.",
        )
    if not update.trainable_variables:
        return ("there is nothing to move.", "no trainable variables", "name models or variables that can be trained.")
    for field in ("repeats", "every"):
        value = getattr(update, field)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return (f"`{field}` is a positive whole number.", f"{field}={value!r}", "give 1 or more.")
    return None


@attrs.frozen(eq=False)
class Step:
    """One pass over all of a task's updates: what `StepCompiler` compiles.

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
        return max(update.repeats for update in self.updates)

    def due(self, step: int) -> tuple[str, ...]:
        """The names of the updates that are done in the step with this number, from 0."""
        return tuple(update.name for update in self.updates if step % update.every == 0)

    def updates_due(self, step: int) -> int:
        """How many updates a step does, repeats counted."""
        return sum(update.repeats for update in self.updates if step % update.every == 0)

    def run(self, batches: Sequence[Batch], step: Tensor, due: tuple[str, ...]) -> dict[str, Tensor]:
        """Do one step.

        Args:
            batches: As many batches as `batches_per_step`.
            step: Its number, from 0, an integer scalar.
            due: The names of the updates to do.

        Returns:
            Scalars by name: each loss, its terms where there are several, and gradient norms where asked for; of an update
            that is repeated, the mean over its repeats.
        """
        report: dict[str, Tensor] = {}
        for update in self.updates:
            if update.name in due:
                report |= self._repeat(update, batches[len(batches) - update.repeats :], step)
        return report

    def sound(self, due: tuple[str, ...]) -> Tensor:
        """Whether all variables that these updates move are finite, a scalar. One look at them all costs less than norms."""
        moved = [variable.value for update in self.updates if update.name in due for variable in update.trainable_variables]
        return tf.reduce_all([tf.reduce_all(tf.math.is_finite(value)) for value in moved] or [True])

    def _repeat(self, update: Update, batches: Sequence[Batch], step: Tensor) -> dict[str, Tensor]:
        prefix = f"{update.name}/" if len(self.updates) > 1 else ""
        sums: dict[str, Any] = {}
        for repeat, batch in enumerate(batches):
            guard = Guard(self.variables) if update.skip_nonfinite else None
            losses, gradients = update.apply(batch, Noise(self.seed, step).stream(update.name, repeat), step)
            self.update_metrics(losses.metrics)
            values = {"loss": losses.total}
            if len(losses.terms) > 1:
                values |= losses.terms
            if self.gradient_norms:
                values["gradient_norm"] = tf.linalg.global_norm(gradients)
            if guard is not None:
                values = guard.settle(gradients, values)
            for name, value in values.items():
                sums[name] = sums[name] + value if name in sums else value
        return {f"{prefix}{name}": tf.cast(value, tf.float32) / update.repeats for name, value in sums.items()}
