"""The measurements of a health check: scores, diversity, and the distance of samples from real examples."""

from typing import Any

import numpy as np
import scipy.stats
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.data import Batches
from gantape.errors import TaskError
from gantape.evaluation.measurement import FloatArray
from gantape.evaluation.memorisation import pair_distances
from gantape.evaluation.neighbours import nearest_squares, neighbour_radii
from gantape.evaluation.samples import some_examples
from gantape.inspection.weights import has_first_statistics
from gantape.random.rng import RandomStreams
from gantape.tasks import AdversarialTask, Task
from gantape.tasks.scorer import Scorer
from gantape.types import Model, Tensor

REAL_PER_SAMPLE = 16
"""Real examples per sample: as many as cost little compared to the networks."""

SIDE = 14
"""Images are averaged over blocks, to sides of about this length, before distances are computed. Noise in single pixels is
then far from every real image, while a shift by a pixel does not matter: on digits, samples of a failed run are 3 times as far
from the nearest real one as real ones are from one another, those of a healthy run 1.5 times."""


class VitalSigns:
    """Measures a few samples of an adversarial task, from the same latents each time, without changing any variable.

    Args:
        task: The task.
        real: Batches like those of the training. Samples get the conditioning of the real examples.
        count: Number of samples; with fewer real examples, their number, in full batches so that packs and groups are full too.
        seed: Seed of the latents.

    Raises:
        TaskError: If the task is not adversarial.
        DataError: If there is no real example.
    """

    def __init__(self, task: Task, real: Batches, count: int, seed: int) -> None:
        if not isinstance(task, AdversarialTask):
            raise TaskError(
                "a health check needs a task with latents, a generator and a discriminator.",
                where="gantape.evaluation.HealthCheck",
                got=type(task).__name__,
                do="remove the check; gantape.evaluation.diagnose reads the history of any task.",
            )
        self._task: Any = task
        self._seed = seed
        batch = some_examples(real, REAL_PER_SAMPLE * count, 0)  # stored data may be sorted by class
        known = np.asarray(task.real_examples(batch))
        if len(known) < count:
            count = len(known) - len(known) % min(real.batch_size, len(known))
        self._batch = tf.nest.map_structure(lambda leaf: leaf[:count], batch)
        self._real = known[:count]
        self._known = _blurred(known)
        self._spread = _spread(self._real)
        self._spacing = _spacing(_blurred(self._real))
        self._near = _spacing(self._known)
        self._far = _spread(self._known)

    def measure(self) -> dict[str, float]:
        """The columns of `HealthCheck`."""
        fake, real_scores, fake_scores, slopes = map(np.asarray, self._networks())
        blurred = _blurred(fake)
        nearest = float(np.median(np.sqrt(nearest_squares(blurred, self._known))))
        task: Any = self._task
        values = {
            "separation": auroc(real_scores, fake_scores),
            "diversity": _spread(fake) / max(self._spread, 1e-12),
            "spacing": _spacing(blurred) / max(self._spacing, 1e-12),
            "distance": (nearest - self._near) / max(self._far - self._near, 1e-12),
            "sample_gradient": len(fake) * float(np.linalg.norm(slopes.reshape(len(fake), -1), axis=1).mean()),
            "frozen_statistics": float(frozen_statistics(task.generator) + frozen_statistics(task.discriminator)),
        }
        if fake.ndim == 4:
            for name, images in (("real", self._real), ("fake", fake)):
                values |= {f"{name}_low": float(images.min()), f"{name}_high": float(images.max())}
        return values

    def _networks(self) -> tuple[Tensor, ...]:
        """Samples, scores of real examples and of samples, and the gradient of the generator's loss at the samples.

        They are computed eagerly: tracing would take as long as the twenty checks of a run of five minutes.
        """
        task, rng = self._task, RandomStreams(self._seed)
        batch = tf.nest.map_structure(tf.convert_to_tensor, self._batch)
        fake = task.sample(len(self._real), rng, batch)
        conditioning = task.condition.sample(len(self._real), batch, rng)
        judge = Scorer(_unchanging(task.discriminator), (), task.condition, conditioning, rng)
        with tf.GradientTape() as tape:
            tape.watch(fake)
            of_real, of_fake = judge.outputs(tf.convert_to_tensor(self._real), fake, joint=task.joint_batch)
            loss = sum(task.loss.generator(of_real.scores, of_fake.scores, rng).values())
        return fake, of_real.scores, of_fake.scores, tape.gradient(loss, fake)


def auroc(real_scores: Any, fake_scores: Any) -> float:
    """The probability that the scores of a real and a generated example are in the right order; ties count half.

    It is the area under the ROC curve: 0.5 for a discriminator at chance level, 1 for a perfect one, whatever the loss. If the
    loss gives real examples the lower score (as the Keras guide's does), the order is reversed.

    Args:
        real_scores: Any shape; for scores of patches, every patch counts.
        fake_scores: Any shape.
    """
    real, fake = np.ravel(real_scores), np.ravel(fake_scores)
    ranks = scipy.stats.rankdata(np.concatenate([real, fake]))
    area = (ranks[: len(real)].sum() - len(real) * (len(real) + 1) / 2.0) / (len(real) * len(fake))
    return float(max(area, 1.0 - area))


def frozen_statistics(model: Model) -> int:
    """The number of batch norm layers whose moving statistics still have their initial values."""
    return sum(map(has_first_statistics, sublayers(model)))


def _unchanging(model: Any) -> Any:
    """The model in training mode, with the statistics of the batch, but without updating its variables.

    With batch norm, scores by moving statistics are useless: these mix real and generated examples.
    """

    def call(seen: Any, training: bool = True) -> Any:
        groups = (model.trainable_variables, model.non_trainable_variables)
        outputs, _ = model.stateless_call(
            *([variable.value for variable in group] for group in groups), seen, training=training
        )
        return outputs

    return call


def _blurred(examples: Any) -> FloatArray:
    """Images averaged over square blocks, other examples unchanged; shape `examples features`."""
    values = np.asarray(examples, np.float64)
    if values.ndim == 4:
        count, height, width, channels = values.shape
        size = max(1, min(height, width) // SIDE)
        rows, columns = height // size, width // size
        values = values[:, : rows * size, : columns * size].reshape(count, rows, size, columns, size, channels).mean((2, 4))
    return values.reshape(len(values), -1)


def _spread(examples: Any) -> float:
    """The mean distance between two examples; 0 for a single one."""
    values = np.asarray(examples, np.float64).reshape(len(examples), -1)
    return float(pair_distances(values, seed=0).mean()) if len(values) > 1 else 0.0


def _spacing(examples: FloatArray) -> float:
    """The median distance from an example to the nearest other one; 0 for a single one."""
    return float(np.median(np.sqrt(neighbour_radii(examples, min(1, len(examples) - 1)))))
