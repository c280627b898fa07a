"""Which worker tracks, and when files are complete."""

import contextlib

import attrs
from test_tracked_run import Notes
from tiny import Classifier, make

import gantape as gt
from gantape import trackers
from gantape.callbacks import Opening
from gantape.callbacks.runner import CallbackRunner
from gantape.compiler.trials import RunLength
from gantape.distribute.workers import Workers


@attrs.frozen(eq=False)
class Closes:
    """Notes that it is closed."""

    name: str
    closed: list[str]

    def __call__(self, progress: gt.Progress) -> None: ...

    def close(self) -> None:
        self.closed.append(self.name)


def opened(workers: Workers, *callbacks: gt.Callback) -> None:
    task = make(Classifier)
    runner = CallbackRunner(task, gt.History(), None, dict, workers)
    with contextlib.ExitStack() as stack:
        runner.open(callbacks, stack, Opening(task, "", RunLength(), gt.RunState()))


def test_actions_are_closed_in_the_order_of_the_callbacks() -> None:
    closed: list[str] = []
    opened(Workers(), *(gt.Callback(Closes(name, closed), gt.at_end()) for name in "abc"))
    assert closed == ["a", "b", "c"]


def test_only_the_chief_tracks() -> None:
    chief, other = Workers(), Workers()
    other.several, other.chief = True, False
    for workers, calls in ((chief, ["start", "finish"]), (other, [])):
        notes = Notes()
        opened(workers, trackers.track(notes))
        assert [name for name, *_ in notes.calls] == calls
