"""The command `python -m gantape.eject`: a task written out as a loop by hand."""

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from gantape.data import digits
from gantape.ejection import eject
from gantape.tasks import SupervisedTask, Task

if __name__ != "__main__":
    sys.modules[__name__] = eject  # type: ignore[assignment]  # `gantape.eject` is the function, also once this is imported


def main(
    task: Annotated[str, tyro.conf.Positional],
    to: Path,
    data: str = "digits",
    hyperparameters: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = (),
    batch_size: int = 64,
    seed: int = 0,
) -> None:
    """Write a task as a training loop by hand.

    Args:
        task: Where its class is, as in gantape.zoo:WGANGP.
        to: The file to write.
        data: The examples; "digits" are those of scikit-learn.
        hyperparameters: Hyper-parameters, as in width=8.
        batch_size: Examples in a batch.
        seed: The seed of random numbers and of the order of examples.
    """
    if data != "digits":
        raise SystemExit(f'--data: there is no "{data}"; "digits" is available. Call gantape.eject for your own data.')
    cls = _task_class(task)
    made = cls(**{key: _number(value) for key, _, value in (pair.partition("=") for pair in hyperparameters)})
    pixels = getattr(made, "pixels", (0.0, 1.0))
    labels = isinstance(made, SupervisedTask)
    written = eject(made, digits(batch_size=batch_size, labels=labels, pixels=pixels), to, seed=seed)
    print(f"{to}: {len(written.text.splitlines())} lines. {written.check}")


def _task_class(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SystemExit(f"{path}: {error}. Give a module and a class in it, as in gantape.zoo:WGANGP.") from None
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise SystemExit(f"{path} is no class of tasks. Give one, as in gantape.zoo:WGANGP.")
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"True": True, "False": False}.get(text, text)


if __name__ == "__main__":
    tyro.cli(main)
