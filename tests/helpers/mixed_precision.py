"""Tasks in float16, and their optimizers with a scale."""

import keras


def scaled(task_class, initial, growth):
    class Scaled(task_class):
        def build_discriminator_optimizer(self):
            inner = super().build_discriminator_optimizer()
            return keras.optimizers.LossScaleOptimizer(inner, initial_scale=initial, dynamic_growth_steps=growth)

    return Scaled


def mixed_optimizer(task, update=0):
    return task.updates()[update].optimizer
