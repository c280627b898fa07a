"""Suppresses TensorFlow's start-up messages if imported before it; `TF_CPP_MIN_LOG_LEVEL=0` shows them."""

import os
import sys
import tempfile


def _import_quietly() -> None:
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


if sys.platform == "linux" and "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") != "0":
    _import_quietly()
