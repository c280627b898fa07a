"""What the updates of a task call and move: printed, and drawn into the run's directory, for report.html."""

import attrs

import gantape as gt

DRAWING = "updates.svg"


@attrs.frozen(eq=False)
class Inspecting:
    """Looks through the updates of a task: an action, to be called before the first step.

    Args:
        data: The data, of which the first batch is used.
        seed: The seed of random numbers.
    """

    data: gt.data.Batches
    seed: int

    def __call__(self, progress: gt.Progress) -> None:
        seen = gt.inspect(progress.task, self.data, self.seed)
        print(f"{seen}\n", flush=True)
        if progress.run_dir is not None:
            seen.save(progress.run_dir / DRAWING)
