"""The first end-to-end loop: a classifier of digits, trained step by step in Python.

A task says what is learnt; a loop trains it. In the mode "eager" every step runs line by line, as plain Python does.
"""

import argparse

import keras

import gantape as gt


class DigitClassifier(gt.SupervisedTask):
    """A classifier of handwritten digits."""

    hidden_units: int = 64
    learning_rate: float = 0.1

    def build_model(self):
        return keras.Sequential(
            [
                keras.Input(shape=(28, 28, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(self.hidden_units, activation="relu"),
                keras.layers.Dense(self.hidden_units, activation="relu"),
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
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    digits = gt.data.mnist_or_digits(batch_size=64)
    print(f"Training on {digits.name}.")
    loop = gt.Loop(DigitClassifier(), compiler=gt.StepCompiler("eager"))
    for row in loop.run(digits, steps=arguments.steps, record=gt.every(steps=100) | gt.at_end()):
        print(f"step {row['step']}: loss {row['loss']:.4f}")


if __name__ == "__main__":
    main()
