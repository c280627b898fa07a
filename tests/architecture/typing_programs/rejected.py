"""Lines that a type checker has to reject, each with the code of its error."""

import keras

import gantape as gt
from gantape.types import LossFunction, Model, Optimizer


class Classifier(gt.SupervisedTask):
    hidden_units: int = 64

    def build_model(self) -> Model:
        return "a model"  # rejected: return-value

    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD(0.1)

    def build_loss(self) -> LossFunction:
        return keras.losses.MeanSquaredError()


class WithoutModel(gt.SupervisedTask):
    def build_optimizer(self) -> Optimizer:
        return keras.optimizers.SGD(0.1)

    def build_loss(self) -> LossFunction:
        return keras.losses.MeanSquaredError()


Classifier(hiden_units=8)  # rejected: call-arg
Classifier(hidden_units="many")  # rejected: arg-type
Classifier(8)  # rejected: call-arg
WithoutModel()  # rejected: abstract
task = Classifier()
task.hidden_units = 3  # rejected: misc
gt.Loop("a task")  # rejected: arg-type
gt.Loop(task).run([1, 2, 3], steps=1)  # rejected: arg-type
gt.StepCompiler("fast")  # rejected: arg-type
gt.every(steps="ten")  # rejected: arg-type
gt.Callback(print, 10)  # rejected: arg-type
