"""Losses that layers add: a layer calls `add_loss`, and the term enters the loss by itself, once, under its own name."""

import argparse

import keras

import gantape as gt


@keras.saving.register_keras_serializable("guide")
class ActivityRegularization(keras.layers.Layer):
    """Adds a ten-thousandth of the sum of its inputs to the loss."""

    def call(self, inputs):
        self.add_loss(1e-4 * keras.ops.sum(inputs))
        return inputs


class DigitClassifier(gt.SupervisedTask):
    """A classifier of handwritten digits."""

    learning_rate: float = 0.1

    def build_model(self):
        return keras.Sequential(
            [
                keras.Input(shape=(28, 28, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(64, activation="relu"),
                ActivityRegularization(),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10),
            ]
        )

    def build_optimizer(self):
        return keras.optimizers.SGD(self.learning_rate)

    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def main():
    """Train and print the history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    digits = gt.data.mnist_or_digits(batch_size=64)
    print(f"Training on {digits.name}.")
    loop = gt.Loop(DigitClassifier())
    for row in loop.run(digits, steps=arguments.steps, record=gt.every(steps=200) | gt.at_end()):
        print(f"step {row['step']}: loss {row['loss']:.4f} = data {row['data']:.4f} + added {row['added']:.4f}")


if __name__ == "__main__":
    main()
