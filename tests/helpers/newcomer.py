"""Two first programs, and mistakes that a newcomer makes in them."""

from typing import Any

import attrs
from tiny import COMPILED, MODES

from gantape import errors

SUPERVISED = """\
import keras
import tensorflow as tf
import gantape as gt

class Classifier(gt.SupervisedTask):
    learning_rate: float = 0.1
    def build_model(self):
        return keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    def build_optimizer(self):
        return keras.optimizers.SGD(self.learning_rate)
    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

loop = gt.Loop(Classifier(), compiler=gt.StepCompiler(MODE))
history = loop.run(gt.data.digits(batch_size=64), steps=3)
"""

ADVERSARIAL = """\
import keras
import tensorflow as tf
import gantape as gt

class Gan(gt.AdversarialTask):
    latent_size: int = 8
    def build_generator(self):
        return keras.Sequential([
            keras.Input((self.latent_size,)),
            keras.layers.Dense(784, activation="tanh"),
            keras.layers.Reshape((28, 28, 1)),
        ])
    def build_discriminator(self):
        return keras.Sequential([
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ])
    def build_generator_optimizer(self):
        return keras.optimizers.Adam(0.001)
    def build_discriminator_optimizer(self):
        return keras.optimizers.Adam(0.001)
images = gt.data.digits(batch_size=64, labels=False, pixels=Gan.pixels)
loop = gt.Loop(Gan(), compiler=gt.StepCompiler(MODE))
history = loop.run(images, steps=3)
"""

LOSS = "return keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
RUN = "loop.run(images, steps=3)"
DIGITS = "gt.data.digits(batch_size=64)"
IMAGES = "images = gt.data.digits(batch_size=64, labels=False, pixels=Gan.pixels)\n"
ARRAYS = "gt.data.digits(batch_size=64, labels=False).arrays"
FROM_ARRAYS = "images = gt.data.from_arrays({}, batch_size=64)\n"


def own_loss(line: str) -> str:
    return f"return self.own_loss\n    def own_loss(self, targets, predictions):\n        {line}"


def own_generator_loss(line: str) -> str:
    return f"    def generator_loss(self, batch, rng):\n        losses = super().generator_loss(batch, rng)\n        {line}\n"


@attrs.frozen
class Mistake:
    """A change to a program, and the error that it ends in."""

    program: str
    old: str
    new: str
    error: type[errors.GantapeError]
    where: str
    """A part of `where`."""
    says: str
    """A part of the message."""
    modes: tuple[str, ...] = ("graph",)
    before_the_loop: bool = False


def construction(*arguments: Any) -> Mistake:
    return Mistake(*arguments, before_the_loop=True)


def own_line(*arguments: Any) -> Mistake:
    return Mistake(*arguments, modes=COMPILED)


ANY = ("eager", "graph", "xla-loop")

MISTAKES = {
    "a class without build_loss": construction(
        SUPERVISED, f"    def build_loss(self):\n        {LOSS}\n", "", errors.TaskError, "Classifier", "no build_loss"
    ),
    "a build_ method that returns nothing": construction(
        SUPERVISED, LOSS, LOSS.removeprefix("return "), errors.TaskError, "Classifier.build_loss", "None"
    ),
    "a misspelt hyper-parameter": construction(
        SUPERVISED, "Classifier()", "Classifier(learning_rat=1.0)", errors.HyperparameterError, "Classifier", "`learning_rate`"
    ),
    "a hyper-parameter of another type": construction(
        SUPERVISED, "Classifier()", 'Classifier(learning_rate="fast")', errors.HyperparameterError, "learning_rate", "str"
    ),
    "an unknown mode": construction(SUPERVISED, "MODE", '"fastest"', errors.HyperparameterError, "StepCompiler", "xla-loop"),
    "a class for a task": construction(SUPERVISED, "Classifier()", "Classifier", errors.TaskError, "Loop", "Classifier()"),
    "no data": construction(
        SUPERVISED,
        DIGITS,
        "gt.data.from_arrays(tf.zeros([0, 28, 28, 1]).numpy(), batch_size=64)",
        errors.DataError,
        "from_arrays",
        "empty",
    ),
    "inputs of another shape": Mistake(
        SUPERVISED,
        "keras.Input((28, 28, 1)), keras.layers.Flatten()",
        "keras.Input((784,))",
        errors.ShapeError,
        "Classifier.model",
        "(64, 28, 28, 1)",
        ANY,
    ),
    "integer images": Mistake(
        SUPERVISED,
        DIGITS,
        f"gt.data.from_arrays({DIGITS}.arrays, batch_size=64)",
        errors.DtypeError,
        "Classifier.model",
        "uint8",
        ANY,
    ),
    "a loss that is a vector": Mistake(
        SUPERVISED, "from_logits=True", "from_logits=True, reduction=None", errors.LossError, "build_loss", "shape (64,)", ANY
    ),
    "a batch that is no pair": Mistake(
        SUPERVISED,
        DIGITS,
        "gt.data.digits(batch_size=64, labels=False)",
        errors.DataError,
        "Classifier",
        "a pair",
        ANY,
    ),
    "arrays for batches": Mistake(SUPERVISED, DIGITS, f"{DIGITS}.arrays", errors.DataError, "Loop", "from_arrays"),
    "two rules for stopping": Mistake(
        SUPERVISED, "steps=3", "steps=3, epochs=1", errors.ScheduleError, "run", "steps=3, epochs=1"
    ),
    "no rule for stopping": Mistake(SUPERVISED, ", steps=3", "", errors.ScheduleError, "run", "exactly one"),
    "a shape error in a loss": own_line(
        SUPERVISED,
        LOSS,
        own_loss("return tf.reduce_mean(predictions - tf.ones([3, 7]))"),
        errors.CompileError,
        "program.py:14, in own_loss",
        "shapes that meet",
    ),
    ".numpy() in a loss": own_line(
        SUPERVISED,
        LOSS,
        own_loss("return tf.reduce_mean(predictions) * predictions.numpy().max()"),
        errors.CompileError,
        "program.py:14, in own_loss",
        "a traced tensor has no value yet",
    ),
    "a metric that takes other shapes": own_line(
        SUPERVISED,
        LOSS,
        LOSS + "\n    def build_metrics(self):\n        return gt.MetricSet(error=keras.metrics.MeanSquaredError())",
        errors.MetricError,
        'metric "error", a MeanSquaredError',
        "shape (64, 10)",
    ),
    "a variable made in a loss": own_line(
        SUPERVISED,
        LOSS,
        own_loss("return tf.reduce_mean(predictions) * tf.Variable(1.0)"),
        errors.CompileError,
        "program.py:14, in own_loss",
        "no variable may be created inside a step",
    ),
    "a class without build_discriminator": construction(
        ADVERSARIAL, "build_discriminator(", "make_discriminator(", errors.TaskError, "Gan", "no build_discriminator"
    ),
    "a shared optimizer": construction(
        ADVERSARIAL,
        "def build_discriminator_optimizer(self):\n        return keras.optimizers.Adam(0.001)",
        "def build_discriminator_optimizer(self):\n        return self.generator_optimizer",
        errors.TaskError,
        "Gan.updates",
        "share one optimizer",
    ),
    "a discriminator that ends in ten numbers": construction(
        ADVERSARIAL, "Dense(1)", "Dense(10)", errors.ShapeError, "Gan.build_discriminator", "('batch', 10)"
    ),
    "a generator for other latents": construction(
        ADVERSARIAL, "Input((self.latent_size,))", "Input((100,))", errors.TaskError, "Gan.build_generator", "shape (12, 8)"
    ),
    "networks of different images": construction(
        ADVERSARIAL, "Input((28, 28, 1))", "Input((32, 32, 1))", errors.TaskError, "Gan.build_discriminator", "(12, 28, 28, 1)"
    ),
    "a generator without input": construction(
        ADVERSARIAL,
        "return keras.Sequential([\n            keras.Input((self.latent_size,)),",
        "return ([",
        errors.TaskError,
        "Gan",
        "",
    ),
    "a latent size of zero": construction(
        ADVERSARIAL, "latent_size: int = 8", "latent_size: int = 0", errors.HyperparameterError, "latent_size", "above zero"
    ),
    "bytes": Mistake(
        ADVERSARIAL, IMAGES, IMAGES + FROM_ARRAYS.format(ARRAYS), errors.DtypeError, "Gan, argument `real`", "uint8", ANY
    ),
    "floats from 0 to 255": Mistake(
        ADVERSARIAL,
        IMAGES,
        FROM_ARRAYS.format(f"{ARRAYS}.astype('float32')"),
        errors.RangeError,
        "Gan, argument `real`",
        "0 to 255",
        ANY,
    ),
    "images without a channel axis": Mistake(
        ADVERSARIAL,
        IMAGES,
        FROM_ARRAYS.format(f"{ARRAYS}[..., 0].astype('float32') / 255"),
        errors.ShapeError,
        "Gan, argument `real`",
        "images[..., None]",
        ANY,
    ),
    "images of another size": Mistake(
        ADVERSARIAL,
        IMAGES,
        FROM_ARRAYS.format(f"{ARRAYS}[:, 2:, 2:].astype('float32') / 255"),
        errors.ShapeError,
        "Gan, argument `real`",
        "batch 28 28 1",
        ANY,
    ),
    "a loss that stops the gradient": Mistake(
        ADVERSARIAL,
        IMAGES,
        own_generator_loss("return gt.Losses({'adversarial': tf.stop_gradient(losses.total)})") + IMAGES,
        errors.GradientError,
        'Update "generator"',
        "dense",
        MODES,
    ),
    "a loss without names": Mistake(
        ADVERSARIAL,
        IMAGES,
        own_generator_loss("return losses.total") + IMAGES,
        errors.LossError,
        "Gan.generator_loss",
        "Tensor",
        MODES,
    ),
    "a term that is a vector": Mistake(
        ADVERSARIAL,
        IMAGES,
        own_generator_loss("return gt.Losses({'pair': tf.stack([losses.total, losses.total])})") + IMAGES,
        errors.LossError,
        'term "pair"',
        "shape (2,)",
        MODES,
    ),
}
