"""The command `gantape`: the first word of its command line is the name of a program, the others are its flags."""

import argparse
import importlib
import sys
from pathlib import Path

import gantape as gt
from gantape.commands.command_line import run_program

PROGRAMS = {
    "train-gan": "Train a GAN on digits or on a folder of images.",
    "train-classifier": "Train a classifier of digits.",
    "sample": "Make images with the generator of a finished run.",
    "evaluate": "Judge the generator of a finished run.",
}


def main() -> None:
    """Run the program that the command line names, and exit with its code.

    This is the installed command `gantape`, and `python -m gantape`.
    """
    start = "python -m gantape" if Path(sys.argv[0]).name == "__main__.py" else "gantape"
    listed = "\n".join(f"  {name:<18}{text}" for name, text in PROGRAMS.items())
    parser = argparse.ArgumentParser(
        prog=start,
        description=gt.__doc__,
        epilog=f"programs:\n{listed}\n\n`{start} PROGRAM --help` shows the flags of a program.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("program", choices=PROGRAMS, metavar="PROGRAM", help="one of those below, followed by its flags")
    parser.add_argument("--version", action="version", version=gt.__version__)
    name = parser.parse_args(sys.argv[1:2]).program
    sys.argv = [f"{start} {name}", *sys.argv[2:]]
    # Only the program that is asked for is imported.
    run_program(importlib.import_module(f"gantape.commands.{name.replace('-', '_')}").main)
