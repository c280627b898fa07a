"""One optimizer moving one group of variables down one loss: the one place of the outer tape. Follows `descent`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import attrs
import tensorflow as tf

from gantape.descent import Descent, MovingAverage
from gantape.distribution import examples_in, in_replicas, outside_of_replicas
from gantape.errors import GradientError, LossError, TaskError
from gantape.losses import Losses
from gantape.noise import Noise
from gantape.precision import LossScale
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
        descent: How gradients become a move: over how many batches they are averaged, and how they are clipped.
        lazy: Terms of the loss that it has in every so many steps only, from the first step on, times so many; by name.
    """

    name: str
    loss: Callable[[Batch, Noise], Losses]
    variables: Sequence[Model | Variable]
    optimizer: Optimizer
    repeats: int = 1
    every: int = 1
    average: MovingAverage | None = None
    descent: Descent = attrs.field(factory=Descent)
    lazy: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def batches(self) -> int:
        """Batches that all repeats read together."""
        return self.repeats * self.descent.batches

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

    def losses(self, batch: Batch, noise: Noise, due: Collection[str] | None = None) -> Losses:
        """The terms of the loss, with what the models' layers added under "added".

        Args:
            batch: What the loss consumes.
            noise: The random streams of this update.
            due: The lazy terms that the loss has this time; all of them by default.
        """
        losses = self.loss(batch, noise)
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

    def apply(self, batch: Batch, noise: Noise, step: Tensor) -> tuple[Losses, list[Tensor]]:
        """Do the update once, with one batch: its `gradients`, then `move`. This is what a loop by hand needs of it."""
        losses, gradients = self.gradients(batch, noise)
        self.move(gradients, step, examples_in(batch))
        return losses, gradients

    def gradients(self, batch: Batch, noise: Noise, due: Collection[str] | None = None) -> tuple[Losses, list[Tensor]]:
        """The terms of the loss, and the gradient of their sum with respect to each variable.

        Args:
            batch: What the loss consumes.
            noise: The random streams of this update.
            due: The lazy terms that the loss has this time; all of them by default.

        Raises:
            GradientError: If a variable gets no gradient.
        """
        variables = self.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([variable.value for variable in variables])
            losses = self.losses(batch, noise, due)
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
        with outside_of_replicas():
            optimizer.apply(self.descent.clip(gradients), variables)
        in_replicas(self._follow_up, step, examples)

    def _follow_up(self, step: Tensor, examples: int) -> None:
        self.descent.limit(self.trainable_variables)
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
    intervals = {"repeats": update.repeats, "every": update.every} | {
        f"lazy[{term!r}]": every for term, every in update.lazy.items()
    }
    for field, value in intervals.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            return (f"`{field}` is a positive whole number.", f"{field}={value!r}", "give 1 or more.")
    return None
