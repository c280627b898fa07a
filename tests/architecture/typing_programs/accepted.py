"""Programs that a type checker has to accept."""

import keras

import gantape as gt
from gantape.types import LossFunction, Model, Optimizer


class Classifier(gt.SupervisedTask):
    hidden_units: int = 64
    learning_rate: float = 1e-3

    def build_model(self) -> Model:
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(self.hidden_units)])

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD(self.learning_rate)

    def build_loss(self) -> LossFunction:
        return keras.losses.MeanSquaredError()

    def build_metrics(self) -> gt.MetricSet:
        return gt.MetricSet(error=keras.metrics.MeanAbsoluteError())


class ByClass(gt.AdversarialTask):
    def build_generator(self) -> Model:
        return keras.Sequential([keras.Input((4,))])

    def build_discriminator(self) -> Model:
        return keras.Sequential([keras.Input((4,))])

    def build_generator_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD()

    def build_discriminator_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD()

    def build_condition(self) -> gt.conditioning.Condition:
        return gt.conditioning.ClassLabels(10)

    def build_augmentations(self) -> tuple[gt.augment.Augmentation, ...]:
        return (gt.augment.Adaptive((gt.augment.Translation(), gt.augment.Cutout())),)

    def build_discriminator_gradient_options(self) -> gt.GradientOptions:
        return gt.GradientOptions(accumulate=2, clip_norm=1.0)


task = Classifier(hidden_units=8)
units: int = task.hidden_units
train, validation = gt.data.digits(batch_size=64).split(validation=100)
loop = gt.Loop(task, compiler=gt.StepCompiler("xla-loop"), callbacks=[gt.Callback(print, gt.every(steps=10) | gt.at_end())])
history: gt.History = loop.run(train, validation=validation, epochs=1)
values: list[float] = history.values("loss")
result: dict[str, float] = loop.evaluate(validation)
