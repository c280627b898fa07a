"""What a run says of itself while it goes on: on a terminal, in a notebook, in a pipe, and switched off."""

import contextlib
import io
import logging
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import Classifier, PointGan, labelled, make, points

import gantape as gt
from gantape.callbacks import ProgressDisplay, show_progress, views


class Terminal:
    """A pseudo-terminal in place of the standard streams."""

    def __init__(self) -> None:
        self._reader, writer = os.openpty()
        self.stream = open(writer, "w", buffering=1)  # noqa: PTH123, SIM115  a descriptor has no path

    def lines(self) -> list[str]:
        """What a person sees: of each line what was written last."""
        self.stream.flush()
        read = b""
        while select.select([self._reader], [], [], 0.1)[0]:
            read += os.read(self._reader, 2**16)
        text = read.decode()
        return [line.rstrip("\r").split("\r")[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n")]


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    found = Terminal()
    with found.stream, contextlib.redirect_stdout(found.stream), contextlib.redirect_stderr(found.stream):
        yield found


def loop(task_class: type[gt.Task] = Classifier, **options: Any) -> gt.Loop:
    return gt.Loop(make(task_class), compiler=gt.StepCompiler(steps_per_call=4), **options)


def say(progress: gt.Progress) -> None:
    print(f"callback at {progress.step}")


def fail(progress: gt.Progress) -> None:
    raise RuntimeError("in the middle")


def test_in_a_pipe_a_run_prints_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    loop().run(labelled(), steps=20)
    shown = capsys.readouterr()
    first, *_, last = shown.err.splitlines()
    assert shown.out == ""
    assert first == "  0%  Classifier, 20 steps: preparing the first step"
    assert re.fullmatch(r"100%  done in \d\d:\d\d  step 20  \S+ steps/s  loss \d\.\d{3}  accuracy \d\.\d{3}", last)


def test_losses_of_several_parts_stand_together(capsys: pytest.CaptureFixture[str]) -> None:
    loop(PointGan).run(points(), steps=8)
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"  loss: discriminator \d\.\d{3}, generator \d\.\d{3}", last)
    assert len(last) <= views.WIDTH


def test_the_newest_validation_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    history = loop().run(labelled(), validation=labelled(), steps=8)
    accuracy = history.last("validation")["accuracy"]
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"  validation: accuracy {accuracy:.3f}")


def test_progress_can_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    loop(progress=False).run(labelled(), steps=8)
    assert capsys.readouterr() == ("", "")


def test_progress_is_true_or_false() -> None:
    with pytest.raises(gt.errors.HyperparameterError, match="argument `progress`"):
        loop(progress="bar")


def test_a_display_among_the_callbacks_takes_the_place_of_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    loop(callbacks=[show_progress("critic")]).run(labelled(), steps=8)
    lines = capsys.readouterr().err.splitlines()
    assert [line.count("critic: ") for line in lines] == [1] * len(lines)
    assert len([line for line in lines if "preparing" in line]) == 1


def test_two_runs_of_a_loop_begin_at_zero_each(capsys: pytest.CaptureFixture[str]) -> None:
    trained = loop()
    for _ in range(2):
        trained.run(labelled(), steps=8)
    lines = capsys.readouterr().err.splitlines()
    assert [line[:4] for line in lines if "preparing" in line] == ["  0%", "  0%"]
    assert "step 16" in lines[-1]


def test_a_resumed_run_begins_where_it_stands(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    loop(run_dir=tmp_path / "run").run(labelled(), steps=12)
    capsys.readouterr()
    resumed = gt.Loop.resume(tmp_path / "run", make(Classifier))
    resumed.run(labelled(), steps=4)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith(" 75%  Classifier")
    assert last.startswith("100%  done in")
    resumed.run(labelled(), steps=4)
    assert capsys.readouterr().err.startswith("  0%")


def test_on_a_terminal_a_bar_is_shown_and_prints_stand_above_it() -> None:
    with terminal() as shown:
        loop(callbacks=[gt.Callback(say, gt.every(steps=10))]).run(labelled(), steps=20)
        print("after the run")
        first, second, bar, after, end = shown.lines()
    assert (first, second, after, end) == ("callback at 10", "callback at 20", "after the run", "")
    assert re.match(r"100% \|█+\| done in \d\d:\d\d  step 20  \S+ steps/s  loss \d", bar)


def test_the_error_of_a_run_follows_its_bar() -> None:
    with terminal() as shown:
        with pytest.raises(RuntimeError):
            loop(callbacks=[gt.Callback(fail, gt.at(10))]).run(labelled(), steps=20)
        assert sys.stderr is sys.stdout is shown.stream
        print("Traceback", file=sys.stderr)
        bar, traceback, end = shown.lines()
    assert re.match(r" *\d+% \|", bar)
    assert (traceback, end) == ("Traceback", "")


def interrupt(times: int) -> gt.Callback:
    def action(progress: gt.Progress) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    return gt.Callback(action, gt.at(10))


def test_ctrl_c_ends_the_bar() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with terminal() as shown:
            loop(callbacks=[interrupt(1)]).run(labelled(), steps=1000)
            bar, end = shown.lines()
            assert re.match(r" +1% \|.*\| ended after 00:\d\d  step 1\d", bar)
            with pytest.raises(KeyboardInterrupt):
                loop(callbacks=[interrupt(2)]).run(labelled(), steps=1000)
            bar, end = shown.lines()
            assert re.match(r" +0% \|", bar)
            assert end == ""
    finally:
        signal.signal(signal.SIGINT, before)


def test_bars_can_be_nested() -> None:
    def train(progress: gt.Progress) -> None:
        loop(callbacks=[show_progress("inner")]).run(labelled(), steps=8)

    with terminal() as shown:
        loop(callbacks=[gt.Callback(train, gt.at(10))]).run(labelled(), steps=20)
        assert sys.stderr is shown.stream
        assert any("100% |" in line and "step 20" in line for line in shown.lines())


def test_a_pipe_that_nobody_reads_does_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        assert loop().run(labelled(), steps=8).stopped_by == "8 steps"


def test_lines_come_at_growing_intervals() -> None:
    seconds = [0.0]
    while seconds[-1] < 720.0:
        seconds.append(views.next_line(seconds[-1]))
    assert seconds[1:8] == [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 40.0]
    assert seconds[-3:] == [600.0, 660.0, 720.0]


@given(st.floats(0.0, 1e6))
def test_the_next_line_lies_ahead(elapsed: float) -> None:
    assert elapsed < views.next_line(elapsed) <= elapsed + 60.0


@given(st.lists(st.text("ab", min_size=1, max_size=20), min_size=1, max_size=9), st.integers(1, 120))
def test_a_line_keeps_the_first_fields_that_fit(fields: list[str], width: int) -> None:
    line = views.fit(fields, width)
    count = len(line.split("  "))
    assert line == "  ".join(fields[:count])
    assert count == 1 or len(line) <= width
    assert count == len(fields) or len("  ".join(fields[: count + 1])) > width


def progress_at(step: int, seconds: float, **changes: Any) -> gt.Progress:
    values = {"history": gt.History(), "run_dir": None, "current": dict, "fraction_done": 0.0, "steps_per_second": 10.0}
    return gt.Progress(task=make(Classifier), state=gt.RunState(step, seconds=seconds), **(values | changes))


@pytest.mark.parametrize(
    ("length", "moments", "expected"),
    [
        (gt.compiler.autotune.RunLength(steps=100), [(10, 9.0)], " 10%  00:09 left  step 10  10 steps/s"),
        (gt.compiler.autotune.RunLength(steps=100), [(10, 9.0), (20, 19.0)], " 20%  01:20 left  step 20  10 steps/s"),
        (gt.compiler.autotune.RunLength(seconds=60.0), [(10, 15.0)], " 15%  00:45 left  step 10  10 steps/s"),
        (gt.compiler.autotune.RunLength(), [(10, 15.0)], "00:00  step 10  10 steps/s"),
    ],
    ids=["by the speed of steps", "by what was measured, callbacks included", "by the clock", "unknown"],
)
def test_the_time_left_follows_from_the_length(
    length: Any, moments: list[tuple[int, float]], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(views.LineView, "due", lambda view, elapsed: True)
    monkeypatch.setattr(gt.callbacks.display, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    display = ProgressDisplay()
    display.open(gt.callbacks.Opening(make(Classifier), "", length, gt.RunState()))
    for step, seconds in moments:
        display(progress_at(step, seconds, fraction_done=0.15 if length.seconds else 0.0))
    assert capsys.readouterr().err.splitlines()[-1] == expected


def test_many_loops_in_a_process_raise_no_warning_of_retracing() -> None:
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    try:
        for _ in range(6):
            loop(progress=False).run(labelled(), validation=labelled(), steps=4)
    finally:
        logger.removeHandler(handler)
    assert not [message for message in messages if "retracing" in message]
