"""Modifiers: losses that wrap another loss and change one aspect of it. They can be nested."""

from typing import Any

import attrs
import tensorflow as tf

from gantape.errors import HyperparameterError
from gantape.losses.adversarial import AdversarialLoss, CrossEntropyLoss, SeparableLoss
from gantape.losses.checks import COUNT, POSITIVE_SHARE, SHARE
from gantape.random.rng import RandomStreams
from gantape.shapes import Scores
from gantape.steps.losses import Terms, upcast


@attrs.frozen
class Wraps:
    """An attrs validator of the loss that a modifier wraps.

    Args:
        kind: Base class of the losses that can be wrapped.
        reason: Why others cannot, for the error.
        do: The advice in the error.
    """

    kind: type[Any]
    reason: str
    do: str

    def __call__(self, modifier: Any, field: "attrs.Attribute[Any]", loss: Any) -> None:
        """Raise a `HyperparameterError` unless the loss can be wrapped."""
        if not isinstance(loss, self.kind):
            name = type(modifier).__name__
            raise HyperparameterError(
                f"{name} cannot wrap this loss: {self.reason}.",
                where=f"{name}, field `{field.name}`",
                got=repr(loss),
                do=self.do,
            )


_HAS_TARGETS = Wraps(
    CrossEntropyLoss,
    "it has no cross-entropy to targets of 1 and 0",
    "wrap Minimax or NonSaturating; LeastSquares has targets of its own, and NoisyLabels noise; TopK goes outermost.",
)
HAS_COSTS = Wraps(
    SeparableLoss,
    "its generator has no cost for each example",
    "wrap Minimax, NonSaturating, LeastSquares, Wasserstein, Hinge or NoisyLabels, once.",
)


@attrs.frozen
class OneSidedSmoothing(CrossEntropyLoss, SeparableLoss):
    """The target of real examples is t instead of 1: t·sp(-r) + (1-t)·sp(r) takes the place of sp(-r).

    The optimal score of a real example is then at most ln(t / (1-t)), 2.2 for t = 0.9. Generated examples keep their target of
    0: any other would reward the generator's current output.

    Args:
        loss: A loss with cross-entropies: `Minimax`, `NonSaturating`, or one of them with `LabelNoise`.
        target: t.

    Raises:
        HyperparameterError: If the loss has no targets to smooth.

    References:
        Salimans et al. 2016, arXiv 1606.03498, section 3.4.
    """

    loss: CrossEntropyLoss = attrs.field(validator=_HAS_TARGETS)
    target: float = attrs.field(default=0.9, validator=SHARE)

    def targets(self, real: Scores, fake: Scores, rng: RandomStreams) -> tuple[Scores, Scores]:
        for_real, for_fake = self.loss.targets(real, fake, rng)
        return self.target * for_real, for_fake

    def generator_costs(self, fake: Scores) -> Scores:
        return self.loss.generator_costs(fake)


@attrs.frozen
class LabelNoise(CrossEntropyLoss, SeparableLoss):
    """Moves each target towards the other by `width · U(0, 1)`: from 1 for real, from 0 for generated examples.

    The targets stay probabilities, so that, unlike with the Keras guide's `NoisyLabels`, the loss keeps its lower bound.

    Args:
        loss: A loss with cross-entropies: `Minimax`, `NonSaturating`, or one of them with `OneSidedSmoothing`.
        width: Largest change of a target.

    Raises:
        HyperparameterError: If the loss has no targets to move.

    References:
        Chollet, Writing a training loop from scratch in TensorFlow, keras.io, for the idea and the width.
    """

    loss: CrossEntropyLoss = attrs.field(validator=_HAS_TARGETS)
    width: float = attrs.field(default=0.05, validator=SHARE)

    def targets(self, real: Scores, fake: Scores, rng: RandomStreams) -> tuple[Scores, Scores]:
        for_real, for_fake = self.loss.targets(real, fake, rng)
        return for_real - self._moves("real_labels", for_real, rng), for_fake + self._moves("fake_labels", for_fake, rng)

    def generator_costs(self, fake: Scores) -> Scores:
        return self.loss.generator_costs(fake)

    def _moves(self, name: str, targets: Scores, rng: RandomStreams) -> Scores:
        return self.width * tf.cast(rng.uniform(name, tf.shape(targets)), targets.dtype)


@attrs.frozen
class TopK(AdversarialLoss):
    """The generator minimises the mean cost of the k highest generated scores only; the discriminator uses all.

    k = max(share, decay^⌊step / interval⌋) of all scores, rounded, at least 1: it falls from all scores to `share` of them.

    Args:
        loss: A loss whose generator has a cost for each score.
        share: ν, the fraction of scores that are used in the end.
        decay: γ, the factor of k after each interval; 0 for `share` from the first step, 1 for all scores.
        interval: Steps between two decays; an epoch in the paper.

    Raises:
        HyperparameterError: If the generator's loss is not a mean of costs.

    References:
        Sinha et al. 2020, arXiv 2002.06224, section 3: γ = 0.99, ν = 0.5.
    """

    loss: SeparableLoss = attrs.field(validator=HAS_COSTS)
    share: float = attrs.field(default=0.5, validator=POSITIVE_SHARE)
    decay: float = attrs.field(default=0.99, validator=SHARE)
    interval: int = attrs.field(default=500, validator=COUNT)

    def discriminator(self, real: Scores, fake: Scores, rng: RandomStreams) -> Terms:
        return self.loss.discriminator(real, fake, rng)

    def generator(self, real: Scores | None, fake: Scores, rng: RandomStreams) -> Terms:
        scores = tf.reshape(upcast(fake), [-1])
        ranks = tf.argsort(tf.argsort(scores, direction="DESCENDING", stable=True), stable=True)
        kept = tf.cast(ranks, tf.float64) < self._kept(tf.size(scores), rng.step)
        weights = tf.cast(kept, scores.dtype)
        return {"adversarial": tf.reduce_sum(weights * self.loss.generator_costs(scores)) / tf.reduce_sum(weights)}

    def _kept(self, count: Any, step: Any) -> Any:
        """Number of scores that are kept, as float64."""
        share: Any = tf.constant(self.share, tf.float64)
        if self.decay:
            intervals = tf.cast(step // self.interval, tf.float64)
            share = tf.maximum(share, tf.pow(tf.constant(self.decay, tf.float64), intervals))
        return tf.maximum(tf.round(share * tf.cast(count, tf.float64)), 1.0)
