"""Networks as files that Keras reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from gantape.progress import Progress


@attrs.frozen
class SavedModels:
    """Saves parts of a task as `.keras` files: an action.

    Of a generator, save the part `averaged_generator`: it is the one that samples come from. It is the generator itself
    where the task keeps no average.

    Args:
        files: The file for each part's name, as in `{"averaged_generator": Path("generator.keras")}`.
    """

    files: Mapping[str, Path]

    def __call__(self, progress: Progress) -> None:
        for part, path in self.files.items():
            model: Any = getattr(progress.task, part)
            path.parent.mkdir(parents=True, exist_ok=True)
            model.save(path)
