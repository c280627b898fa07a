"""What a tracker is sent of a run, whatever becomes of the tracker."""

import json
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import Classifier, PointGan, labelled, make, points

import gantape as gt
from gantape import trackers
from gantape.errors import GantapeWarning, ScheduleError
from gantape.trackers.sender import MOST_OTHERS, MOST_STEPS, Sender, Sent

RECORD = gt.every(steps=2) | gt.at_end()


class Notes(trackers.Tracker):
    """Notes all calls."""

    def __init__(self, known: str = "7") -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self.known = known

    def start(self, run):
        self.calls.append(("start", run))
        return self.known

    def scalars(self, step, values):
        self.threads.add(threading.current_thread().name)
        self.calls.append(("scalars", step, dict(values)))

    def image(self, step, name, image):
        self.calls.append(("image", step, name, image))

    def histogram(self, step, name, counts, edges):
        self.calls.append(("histogram", step, name, counts, edges))

    def file(self, path):
        self.calls.append(("file", path))

    def finish(self, failed):
        self.calls.append(("finish", failed))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == kind]

    def values(self, name: str) -> list[tuple[int, float]]:
        return [(step, values[name]) for step, values in self.of("scalars") if name in values]


def loop_with(*callbacks: gt.Callback, task: Any = None, **options: Any) -> gt.Loop:
    return gt.Loop(task or make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False, **options)


def test_a_tracker_gets_the_run_its_rows_and_its_end(tmp_path: Path) -> None:
    notes = Notes()
    loop = loop_with(trackers.track(notes), run_dir=tmp_path / "mine")
    history = loop.run(labelled(), validation=labelled(16), steps=5, record=RECORD)
    (run,) = notes.calls[0][1:]
    assert (run.name, run.task, run.directory, run.id) == ("mine", "Classifier", tmp_path / "mine", "")
    assert run.settings["learning_rate"] == 0.05
    for split in ("train", "validation"):
        expected = [(row["step"], row["loss"]) for row in history if row["split"] == split]
        assert notes.values(f"{split}/loss") == expected
    rates = notes.values("train/learning_rate")
    assert {step for step, _ in rates} >= {0, 5}
    assert [rate for _, rate in rates] == pytest.approx([0.05] * len(rates))
    assert {path.name for (path,) in notes.of("file")} == {"metrics.csv", "run.json"}
    assert notes.calls[-1] == ("finish", False)
    assert len(notes.threads) == 1
    assert threading.current_thread().name not in notes.threads


def test_files_are_sent_as_they_are_when_the_run_is_over(tmp_path: Path) -> None:
    class Reads(Notes):
        def file(self, path):
            self.calls.append(("file", path.name, path.read_text()))

    def measure(progress: gt.Progress) -> None:
        progress.record("validation", {"sharpness": 3.5})

    notes = Reads()
    loop = loop_with(trackers.track(notes), gt.Callback(measure, gt.at_end()), run_dir=tmp_path)
    loop.run(labelled(), steps=2)
    texts = dict(notes.of("file"))
    assert json.loads(texts["run.json"])["status"] == "finished"
    assert texts["metrics.csv"] == (tmp_path / "metrics.csv").read_text()
    assert "3.5" in texts["metrics.csv"]
    assert notes.values("validation/sharpness") == [(2, 3.5)]


def test_learning_rates_of_several_updates_stand_beside_their_losses() -> None:
    notes = Notes()
    loop_with(trackers.track(notes), task=make(PointGan)).run(points(), steps=2)
    names = {name for _, values in notes.of("scalars") for name in values}
    assert {"train/generator/loss", "train/generator/learning_rate", "train/discriminator/learning_rate"} <= names


def test_pictures_of_other_actions_are_sent_once(tmp_path: Path) -> None:
    def draw(progress: gt.Progress) -> None:
        (tmp_path / "samples").mkdir(exist_ok=True)
        Image.fromarray(np.full((3, 4), progress.step, np.uint8)).save(tmp_path / "samples" / f"step-{progress.step:06d}.png")
        Image.fromarray(np.zeros((3, 4, 3), np.uint8)).save(tmp_path / "samples" / "all.png")

    notes = Notes()
    callbacks = (trackers.track(notes, when=gt.every(steps=1)), gt.Callback(draw, gt.every(steps=2) | gt.at_end()))
    loop_with(*callbacks, run_dir=tmp_path).run(labelled(), steps=5)
    assert [(step, name, image.shape, int(image[0, 0, 0])) for step, name, image in notes.of("image")] == [
        (step, "samples", (3, 4, 1), step) for step in (2, 4, 5)
    ]


def test_histograms_are_those_of_the_weights_that_updates_move() -> None:
    notes, task = Notes(), make(Classifier)
    loop_with(trackers.track(notes, when=gt.at_end(), weights=gt.at(2) | gt.at_end()), task=task).run(labelled(), steps=3)
    found = notes.of("histogram")
    assert {step for step, *_ in found} == {2, 3}
    last = {name: (counts, edges) for step, name, counts, edges in found if step == 3}
    trained = task.model.trainable_variables
    assert len(last) == len(trained)
    expected = {np.histogram(np.asarray(variable.numpy(), np.float64), 64)[0].tobytes() for variable in trained}
    assert {counts.tobytes() for counts, _ in last.values()} == expected


def test_an_image_of_ones_own_is_sent() -> None:
    notes = Notes()
    callback = trackers.track(notes)
    picture = np.zeros((2, 2, 1), np.uint8)
    show = gt.Callback(lambda progress: callback.action.image(progress.step, "mine", picture), gt.at(1))
    loop_with(callback, show).run(labelled(), steps=2)
    assert [(step, name) for step, name, _ in notes.of("image")] == [(1, "mine")]


def test_a_failed_run_is_ended_as_failed() -> None:
    def fail(progress: gt.Progress) -> None:
        raise RuntimeError("of the user")

    notes = Notes()
    with pytest.raises(RuntimeError, match="of the user"):
        loop_with(trackers.track(notes), gt.Callback(fail, gt.at(3))).run(labelled(), steps=5, record=RECORD)
    assert notes.calls[-1] == ("finish", True)
    assert [step for step, _ in notes.values("train/loss")] == [2]


def test_a_second_call_of_run_continues_the_tracked_run() -> None:
    notes = Notes()
    loop = loop_with(trackers.track(notes))
    for _ in range(2):
        loop.run(labelled(), steps=2, record=RECORD)
    assert [run.id for (run,) in notes.of("start")] == ["", "7"]
    assert [step for step, _ in notes.values("train/loss")] == [2, 4]


@pytest.mark.parametrize("known", ["7", "8"])
def test_a_resumed_run_continues_the_tracked_run_or_sends_all_of_it_to_a_new_one(tmp_path: Path, known: str) -> None:
    def interrupt(progress: gt.Progress) -> None:
        raise KeyboardInterrupt

    first, second = Notes("7"), Notes(known)
    callbacks = (trackers.track(first, when=gt.every(steps=1)), gt.Callback(interrupt, gt.at(5)))
    with pytest.raises(KeyboardInterrupt):
        loop_with(*callbacks, run_dir=tmp_path, checkpoints=gt.Checkpoints(every=gt.at(3))).run(
            labelled(), steps=8, record=RECORD
        )
    assert json.loads((tmp_path / "trackers" / "Notes.json").read_text()) == {"id": "7", "step": 5}
    loop = gt.Loop.resume(tmp_path, make(Classifier), callbacks=[trackers.track(second)], progress=False)
    assert loop.state.step == 3
    history = loop.run(labelled(), steps=5, record=RECORD)
    assert second.of("start")[0][0].id == "7"
    assert [step for step, _ in second.values("train/loss")] == ([6, 8] if known == "7" else [2, 4, 6, 8])
    together = dict(first.values("train/loss")) | dict(second.values("train/loss"))
    assert together == {row["step"]: pytest.approx(row["loss"]) for row in history}


class Broken(Notes):
    """Fails in one of its methods, at first or always."""

    def __init__(self, method: str, times: float = float("inf"), error: type[BaseException] = OSError) -> None:
        super().__init__()
        self.left = times

        def fail(*_: Any) -> None:
            self.left -= 1
            if self.left >= 0:
                raise error("no answer from tracker.example")
            del self.__dict__[method]
            getattr(self, method)(*_)

        setattr(self, method, fail)


@pytest.mark.parametrize("error", [OSError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("method", ["start", "scalars", "file", "finish"])
def test_a_tracker_that_fails_gives_one_warning_and_the_run_goes_on(
    tmp_path: Path, method: str, error: type[BaseException]
) -> None:
    loop = loop_with(trackers.track(Broken(method, error=error), when=gt.every(steps=1)), run_dir=tmp_path)
    with pytest.warns(GantapeWarning) as given:
        history = loop.run(labelled(), steps=5, record=RECORD)
    assert history.stopped_by == "5 steps"
    (warning,) = [found for found in given if issubclass(found.category, GantapeWarning)]
    assert "Broken" in str(warning.message)
    assert error is not OSError or "no answer from tracker.example" in str(warning.message)


@pytest.mark.parametrize("method", ["start", "scalars"])
def test_what_a_service_missed_it_gets_when_it_answers_again(method: str) -> None:
    broken = Broken(method, times=1)
    callback = trackers.track(broken, when=gt.every(steps=1))
    with pytest.warns(GantapeWarning):
        loop_with(callback, gt.Callback(lambda _: time.sleep(0.02), gt.every(steps=1))).run(labelled(), steps=6, record=RECORD)
    assert [step for step, _ in broken.values("train/loss")] == [2, 4, 6]
    assert broken.calls[-1] == ("finish", False)


def test_a_run_that_is_rarely_sent_ends_well() -> None:
    notes = Notes()
    loop_with(trackers.track(notes, when=gt.every(steps=4))).run(labelled(), steps=6)
    assert notes.calls[-1] == ("finish", False)


def test_a_run_does_not_end_where_warnings_are_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop = loop_with(trackers.track(Broken("start")))
        assert loop.run(labelled(), steps=2).stopped_by == "2 steps"


def test_a_run_waits_for_a_tracker_that_hangs_only_for_its_patience() -> None:
    release = threading.Event()

    class Hangs(Notes):
        def scalars(self, step, values):
            release.wait(60.0)

    loop = loop_with(trackers.track(Hangs(), when=gt.every(steps=1), patience=0.2))
    began = time.monotonic()
    with pytest.warns(GantapeWarning, match=r"no answer within 0\.2 seconds"):
        loop.run(labelled(), steps=20)
    loop.run(labelled(), steps=20)  # beside the thread that still hangs
    assert time.monotonic() - began < 20.0
    release.set()


def test_what_waits_for_a_tracker_is_bounded() -> None:
    release, notes = threading.Event(), Notes()
    notes.start = lambda run: release.wait(60.0) and "7"
    sender = Sender(notes, trackers.RunInfo("", "", {}), Sent(), lambda sent: None)
    sender.send()
    for step in range(MOST_STEPS + 5):
        sender.scalars(step, {"a": 1.0})
    for step in range(MOST_OTHERS + 5):
        sender.later(lambda tracker, step=step: tracker.image(step, "a", None), step)
    release.set()
    assert sender.finish(False, 60.0)
    assert [step for step, _ in notes.values("a")] == list(range(5, MOST_STEPS + 5))
    assert [step for step, *_ in notes.of("image")] == list(range(5, MOST_OTHERS + 5))


def test_training_is_the_same_with_and_without_a_tracker() -> None:
    losses = [
        loop_with(*callbacks).run(labelled(), steps=6, record=RECORD).values("loss")
        for callbacks in ((), (trackers.track(Notes(), when=gt.every(steps=1), weights=gt.every(steps=1)),))
    ]
    assert losses[0] == losses[1]


def test_only_a_tracker_tracks() -> None:
    with pytest.raises(ScheduleError, match="a run is tracked by a tracker"):
        trackers.track(Notes)
