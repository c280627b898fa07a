"""Samples in the output of a notebook's cell."""

from typing import final

import attrs

from gantape.callbacks import Callback, Opening
from gantape.callbacks.progress import Progress
from gantape.callbacks.views import NotebookOutput, in_notebook
from gantape.report.grids import draw_samples, enlarged
from gantape.schedule import When, at_end, at_start, every
from gantape.types import Batch

WHEN = at_start() | every(seconds=5.0) | at_end()


def show_samples(*, when: When = WHEN, seed: int = 0, count: int = 64, examples: Batch | None = None) -> Callback:
    """Samples in the output of a notebook's cell: one picture, which is replaced by newer ones in place.

    ```python
    gt.Loop(task, callbacks=[report.show_samples()])
    ```

    Elsewhere than in a notebook, nothing is drawn.

    Args:
        when: When a new picture is shown; by default at the start, every five seconds, and at the end.
        seed: Seed of the random numbers, the same for each picture.
        count: Approximate number of images.
        examples: A prepared batch, for a task whose grids need examples.
    """
    return Callback(ShownSamples(seed, count, examples), when)


@final
@attrs.define(eq=False)
class ShownSamples:
    """Shows a task's `sample_grid` in a notebook: an action. `show_samples` makes a callback of it.

    Args:
        seed: Seed of the random numbers.
        count: Approximate number of images in a grid.
        examples: A prepared batch, for a task whose grids need examples.
    """

    seed: int = 0
    count: int = 64
    examples: Batch | None = None
    _output: NotebookOutput = attrs.field(init=False, factory=NotebookOutput)

    def open(self, opening: Opening) -> None:
        """Begin a new output: that of the cell in which this run was started."""
        self._output = NotebookOutput()

    def __call__(self, progress: Progress) -> None:
        if not in_notebook():
            return
        self._output.show(enlarged(draw_samples(progress.task, self.count, self.seed, self.examples)))
