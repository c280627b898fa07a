"""The state of a run."""

import attrs


@attrs.frozen
class RunState:
    """How far a run has come.

    Args:
        step: Steps done.
        epoch: Epochs finished.
        seconds: Seconds since the run began.
        ended: Whether the run is over.
        batch: Batches read in this epoch.
        examples: Examples read.
        updates: Updates done.
    """

    step: int = 0
    epoch: int = 0
    seconds: float = 0.0
    ended: bool = False
    batch: int = 0
    examples: int = 0
    updates: int = 0
