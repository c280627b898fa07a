"""How this program was started, and how the others are started in the same way."""

import shlex
import sys
from pathlib import Path


def program_words(name: str | None = None) -> tuple[str, ...]:
    """The words that start a program in the way in which this one was started.

    That is `python scripts/sample.py` for a script of a clone, `gantape sample` for the installed command, and
    `python -m gantape sample` for the module.

    Args:
        name: The program, such as "train-gan"; by default this one.
    """
    this = sys.argv[0]
    if this.endswith(".py"):
        return ("python", this if name is None else str(Path(this).with_name(f"{name.replace('-', '_')}.py")))
    words = tuple(this.split(" "))
    return words if name is None else (*words[:-1], name)


def program_name() -> str:
    """The name of this program in its help and in errors, such as "train_gan.py" or "gantape train-gan"."""
    return Path(sys.argv[0]).name if sys.argv[0].endswith(".py") else sys.argv[0]


def whole_command() -> str:
    """The command of this process, as it is typed."""
    return shlex.join([*program_words(), *sys.argv[1:]])
