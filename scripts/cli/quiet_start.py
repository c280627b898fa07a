"""Imports TensorFlow without its start-up messages, if imported before it; `TF_CPP_MIN_LOG_LEVEL=0` shows them."""

import runpy
from pathlib import Path

# By its path: `import gantape` imports TensorFlow.
runpy.run_path(str(Path(__file__).parents[2] / "gantape" / "_quiet_start.py"))["import_quietly"]()
