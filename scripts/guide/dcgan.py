"""The DCGAN of the guide, end to end: a generator learns to make digits that a discriminator takes for real ones."""

import argparse
from pathlib import Path

import keras

import gantape as gt
from gantape.report import SampleGrids
from gantape.zoo import GuideDCGAN


def main():
    """Train, print the losses and draw what the generator makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path("generated"), help="where the pictures go")
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    task = GuideDCGAN()
    digits = gt.data.mnist_or_digits(batch_size=64, labels=False, pixels=task.pixels)
    print(f"Training on {digits.name}.")
    pictures = gt.Callback(SampleGrids(arguments.folder, count=16), gt.every(steps=50) | gt.at_end())
    loop = gt.Loop(task, callbacks=[pictures])
    for row in loop.run(digits, steps=arguments.steps, record=gt.every(steps=10) | gt.at_end()):
        print(f"step {row['step']}: discriminator {row['discriminator/loss']:.2f}, generator {row['generator/loss']:.2f}")
    print(f"The pictures are in {arguments.folder}.")


if __name__ == "__main__":
    main()
