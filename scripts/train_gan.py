"""Train a GAN: the command `gantape train-gan`."""

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow

from gantape.commands.command_line import run_program
from gantape.commands.train_gan import main

if __name__ == "__main__":
    run_program(main)
