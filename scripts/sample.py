"""Make images with the generator of a finished run: the command `gantape sample`."""

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow

from gantape.commands.command_line import run_program
from gantape.commands.sample import main

if __name__ == "__main__":
    run_program(main)
