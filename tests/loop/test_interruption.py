"""Ctrl-C and SIGTERM end a run cleanly; a second one ends it at once."""

import signal
import threading
from collections.abc import Iterator

import pytest
from tiny import MODES, Classifier, labelled, make

import gantape as gt
from gantape.loop.signals import catch_signals


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """A process that a shell has put into the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def raise_in_callback(number: signal.Signals, times: int = 1):
    def action(progress: gt.Progress) -> None:
        for _ in range(times):
            signal.raise_signal(number)

    return gt.Callback(action, gt.at(3))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_ends_the_run_in_good_order(tmp_path, mode, number):
    ends = []
    callbacks = [raise_in_callback(number), gt.Callback(lambda progress: ends.append(progress.step), gt.at_end())]
    loop = gt.Loop(
        make(Classifier), compiler=gt.StepCompiler(mode, steps_per_call=2), callbacks=callbacks, run_dir=tmp_path / "run"
    )

    history = loop.run(labelled(), steps=1000)

    assert history.stopped_by == number.name
    assert 3 <= history.last()["step"] <= 5
    assert ends == [history.last()["step"]]
    assert f'"stopped_by": "{number.name}"' in (tmp_path / "run" / "run.json").read_text()


def test_a_signal_at_the_last_step_is_told_too():
    class Closing:
        def __call__(self, progress: gt.Progress) -> None:
            signal.raise_signal(signal.SIGINT)

    history = gt.Loop(make(Classifier), callbacks=[gt.Callback(Closing(), gt.at(3))]).run(labelled(), steps=3)
    assert history.stopped_by in ("SIGINT", "3 steps")
    assert history.last()["step"] == 3


def test_second_signal_leaves_at_once():
    closed = []

    class Closing:
        def __call__(self, progress: gt.Progress) -> None: ...

        def close(self) -> None:
            closed.append(True)

    callbacks = [raise_in_callback(signal.SIGINT, times=2), gt.Callback(Closing(), gt.at_end())]
    with pytest.raises(KeyboardInterrupt):
        gt.Loop(make(Classifier), callbacks=callbacks).run(labelled(), steps=1000)
    assert closed == [True]


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with catch_signals() as interruption:
        assert interruption.signal_name == ""
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    with pytest.raises(ValueError, match="inside"), catch_signals():
        raise ValueError("inside")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_another_thread_changes_no_handler():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with catch_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
