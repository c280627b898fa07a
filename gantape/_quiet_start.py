"""Imports TensorFlow without its start-up messages, in a program; `TF_CPP_MIN_LOG_LEVEL=0` shows them.

As the first import of the package it does so for `python -m gantape` and the installed command. A script runs this file by its
path, since importing the package imports TensorFlow.
"""

import os
import sys
import tempfile
from pathlib import Path


def import_quietly() -> None:
    """Import TensorFlow, and show its messages only if that fails or if the environment asks for them."""
    if sys.platform == "linux":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") == "0":
        return
    # TensorFlow 2.21 writes its first lines before it looks at TF_CPP_MIN_LOG_LEVEL, so that they have to be caught.
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            caught.seek(0)
            os.write(terminal, caught.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _is_program() -> bool:
    """Whether this process is `python -m gantape` or the installed command, which import the package before they run."""
    started = sys.argv[0] if sys.argv else ""
    return "gantape" in sys.orig_argv if started == "-m" else Path(started).stem == "gantape"


if _is_program():
    import_quietly()
