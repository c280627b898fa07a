"""Metrics: accuracy in training, and on validation data at the end of every epoch.

A metric sees the predictions that the loss was made from, so that nothing is computed twice, and is reset by itself.
"""

import argparse

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

    def build_metrics(self):
        return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())


def main():
    """Train and print the history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    train, validation = gt.data.mnist_or_digits(batch_size=64).split(validation=1 / 6)
    print(f"Training on {train.name}.")
    loop = gt.Loop(DigitClassifier())
    for row in loop.run(train, validation=validation, epochs=arguments.epochs):
        print(f"epoch {row['epoch']}, {row['split']}: loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}")


if __name__ == "__main__":
    main()
