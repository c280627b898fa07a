"""Run the training steps that write_steps.py has written, on whatever device JAX finds. This program needs NumPy and JAX only.

    python run_steps.py FOLDER --steps 1000

The folder holds a training step as XLA compiles it, the variables of the task, and some batches. Nothing in it is executed but
the program, and no pickles are read. losses.csv (a line for each step), final.npz (the variables after the last step) and
result.json (device, seconds to compile, steps per second) are written into it.
"""

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax._src.lib import xla_client

FORMAT = 1

jax.config.update("jax_enable_x64", True)  # the programs count steps with 64-bit integers


class Program:
    """A compiled program, whose outputs replace some of its inputs.

    Args:
        folder: The folder.
        name: "step" or "loop".
        facts: What the manifest says of it.
    """

    def __init__(self, folder: Path, name: str, facts: dict[str, Any]) -> None:
        device = jax.devices()[0]
        module = xla_client._xla.mlir.hlo_to_stablehlo((folder / f"{name}.hlo").read_bytes())
        started = time.perf_counter()
        devices = xla_client.DeviceList((device,))
        self._executable = device.client.compile_and_load(module, devices, xla_client.CompileOptions())
        self.compile_seconds = time.perf_counter() - started
        self._state = facts["state"]
        self._replaces = {int(output): place for output, place in facts["replaces"].items()}

    def __call__(self, given: list[Any], state: list[Any]) -> Any:
        """Run it with explicit inputs and the state, in which new values replace the old ones. Returns the first output."""
        inputs = [*given, *(state[place] for place in self._state)]
        outputs = self._executable.execute(inputs)
        for output, place in self._replaces.items():
            state[place] = outputs[output]
        return outputs[0]


def run(folder: Path, steps: int, by: str) -> dict[str, Any]:
    """Run steps, and write what comes of them.

    Args:
        folder: The folder that write_steps.py wrote.
        steps: The number of steps.
        by: "loop" for many steps in a program, "step" for one.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest["format"] != FORMAT:
        raise SystemExit(f"{folder} has format {manifest['format']}; this program reads {FORMAT}.")
    program = Program(folder, by, manifest["programs"][by])
    most = manifest["steps_per_call"] if by == "loop" else 1
    state = _on_device(folder / "state.npz", manifest["state"])
    batches = _on_device(folder / "batches.npz", manifest["batches"])
    rows, timed, done = [], [], 0
    while done < steps:
        count = min(most, steps - done)
        numbers = [jax.device_put(np.int64(done))] + [jax.device_put(np.int32(count))] * (by == "loop")
        started = time.perf_counter()
        reported = np.asarray(program([*batches, *numbers], state)).reshape(-1, len(manifest["reported"]))[:count]
        timed.append((count, time.perf_counter() - started))
        rows += reported.tolist()
        done += count
    with (folder / "losses.csv").open("w", newline="") as file:
        csv.writer(file).writerows([manifest["reported"], *rows])
    np.savez(folder / "final.npz", **{name: np.asarray(value) for name, value in zip(manifest["state"], state, strict=True)})
    warm = timed[1:] or timed
    result = {
        "task": manifest["task"],
        "device": jax.devices()[0].device_kind,
        "platform": jax.devices()[0].platform,
        "jax": jax.__version__,
        "program": by,
        "steps": steps,
        "compile_seconds": round(program.compile_seconds, 3),
        "steps_per_second": round(sum(count for count, _ in warm) / sum(seconds for _, seconds in warm), 3),
        "last": dict(zip(manifest["reported"], rows[-1], strict=True)),
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def _on_device(path: Path, names: list[str]) -> list[Any]:
    with np.load(path, allow_pickle=False) as arrays:
        return [jax.device_put(arrays[name]) for name in names]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--by", choices=["loop", "step"], default="loop", help="many steps in a program, or one")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.folder, arguments.steps, arguments.by), indent=1))
