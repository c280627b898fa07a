"""The compiled step: the same training in eager Python, in a graph, in XLA, and as a whole loop in XLA.

How a step runs is the compiler's business: the task is the same in all modes.
"""

import argparse
import time

import keras

import gantape as gt


class DigitClassifier(gt.SupervisedTask):
    """A classifier of handwritten digits."""

    learning_rate: float = 0.1

    def build_model(self):
        return keras.Sequential(
            [
                keras.Input(shape=(28, 28, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(64, activation="relu"),
                keras.layers.Dense(10),
            ]
        )

    def build_optimizer(self):
        return keras.optimizers.SGD(self.learning_rate)

    def build_loss(self):
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def main():
    """Train in each mode and print its speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()

    digits = gt.data.mnist_or_digits(batch_size=64)
    print(f"Training on {digits.name}.")
    for mode in ("eager", "graph", "xla", "xla-loop"):
        keras.utils.set_random_seed(0)
        loop = gt.Loop(DigitClassifier(), compiler=gt.StepCompiler(mode))
        loop.run(digits, steps=1)  # traces and compiles
        started = time.perf_counter()
        history = loop.run(digits, steps=arguments.steps)
        speed = arguments.steps / (time.perf_counter() - started)
        print(f"{mode}: loss {history.last()['loss']:.4f}, {speed:.0f} steps per second")


if __name__ == "__main__":
    main()
