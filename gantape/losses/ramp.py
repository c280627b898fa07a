"""A number that changes over the steps of a run."""

import attrs
import keras
import tensorflow as tf

from gantape.losses.checks import ANY, COUNT, Number
from gantape.shapes import Scalar
from gantape.types import Tensor


@attrs.frozen
class Ramp:
    """A number that goes from one value to another in a straight line, for the weight of a term.

    In a loss, `ramp(rng.step)` is its value at the current step; in evaluation, that at the step of training that comes next.
    The learning-rate schedules of Keras, called with `rng.step`, do the same for other curves.

    Args:
        start: The value until `delay`.
        end: The value from `delay + steps` on.
        steps: The steps between them.
        delay: The steps before the value changes.

    Raises:
        HyperparameterError: If a number is not finite, or `steps` or `delay` is not a possible number of steps.
    """

    start: float = attrs.field(default=0.0, validator=ANY)
    end: float = attrs.field(default=1.0, validator=ANY)
    steps: int = attrs.field(default=1000, validator=COUNT)
    delay: int = attrs.field(default=0, validator=Number(low=0, whole=True))

    def __call__(self, step: int | Tensor) -> Scalar:
        """The value at a step, a scalar.

        Args:
            step: The number of the step, from 0, an integer scalar.
        """
        done = tf.cast(step, keras.config.floatx()) - self.delay
        return self.start + (self.end - self.start) * tf.clip_by_value(done / self.steps, 0.0, 1.0)
