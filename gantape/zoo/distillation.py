"""Knowledge distillation: a small model learns from the labels and from the outputs of a large model."""

import keras
import tensorflow as tf

from gantape.losses import upcast
from gantape.metrics import MetricSet
from gantape.random.rng import RandomStreams
from gantape.steps import Losses, Update
from gantape.tasks import Part, Task
from gantape.types import Batch, LossFunction, Model, Optimizer
from gantape.zoo.networks import dense_classifier


class Distillation(Task):
    """A teacher and a student that learn at the same time: the student from the teacher's softened outputs too.

    The student's loss is (1-α) · cross-entropy to the label + α T² · cross-entropy to softmax(teacher / T), with no gradient
    through the teacher's logits. A batch is `(images, labels)`.

    Args:
        teacher_units: Units of the teacher's hidden layer.
        student_units: Units of the student's.
        temperature: T.
        teacher_share: α.
        learning_rate: Learning rate of both Adams.

    References:
        Hinton et al. 2015, arXiv 1503.02531, section 2.
    """

    teacher_units: int = 256
    student_units: int = 16
    temperature: float = 4.0
    teacher_share: float = 0.7
    learning_rate: float = 1e-3

    teacher = Part[Model]()
    student = Part[Model]()
    teacher_optimizer = Part[Optimizer]()
    student_optimizer = Part[Optimizer]()
    labelling = Part[LossFunction]()

    def build_teacher(self) -> Model:
        return dense_classifier(self.teacher_units, "teacher")

    def build_student(self) -> Model:
        return dense_classifier(self.student_units, "student")

    def build_teacher_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate)

    def build_student_optimizer(self) -> Optimizer:
        return keras.optimizers.Adam(self.learning_rate)

    def build_labelling(self) -> LossFunction:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def build_metrics(self) -> MetricSet:
        return MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())

    def updates(self) -> tuple[Update, ...]:
        return (
            Update("teacher", self.teacher_loss, (self.teacher,), self.teacher_optimizer),
            Update("student", self.evaluate, (self.student,), self.student_optimizer),
        )

    def teacher_loss(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The cross-entropy of the teacher's logits to the labels."""
        return Losses({"labels": self.labelling(batch[1], self.teacher(batch[0]))})

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        images, labels = batch
        logits, taught = upcast(self.student(images)), tf.stop_gradient(upcast(self.teacher(images)))
        soft = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(taught / self.temperature), logits / self.temperature)
        terms = {
            "labels": (1.0 - self.teacher_share) * self.labelling(labels, logits),
            "teacher": self.teacher_share * self.temperature**2 * tf.reduce_mean(soft),
        }
        return Losses(terms, {"accuracy": (labels, logits)})
