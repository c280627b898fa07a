"""Models in files that Keras loads without gantape."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gantape.callbacks.progress import Progress
from gantape.errors import TaskError
from gantape.layers import in_float32, plain


@attrs.frozen
class SavedModels:
    """Saves parts of a task as `.keras` files, in float32 and with Keras' own layers instead of gantape's: an action.

    To save a generator, name the part `averaged_generator`, from which samples come. It is the generator itself if the task
    keeps no average.

    Args:
        files: The file of each part, as in `{"averaged_generator": Path("generator.keras")}`.
    """

    files: Mapping[str, Path]

    def __call__(self, progress: Progress) -> None:
        for part, path in self.files.items():
            model: Any = getattr(progress.task, part, None)
            if not hasattr(model, "save"):
                raise TaskError(
                    "there is no such model to save.",
                    where=f'gantape.report.SavedModels, part "{part}"',
                    got=f"a {type(progress.task).__name__} with the parts {', '.join(progress.task.part_names())}",
                    do="name a part that is a model.",
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(TaskError):  # a model class of the user's is saved as it is
                model = in_float32(plain(model)) if "mixed" in progress.task.precision else plain(model)
            model.save(path)
