"""Whatever happens to the process or to the disk, the run goes on exactly where its newest checkpoint was saved."""

import ast
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from tiny import MODES, Classifier, identical, labelled, make, weights

import gantape as gt
from gantape.errors import RunDirectoryError
from gantape.testing import assert_resumes_exactly

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


def loop_in(run_dir: Path, every: int = 4, **options: Any) -> gt.Loop:
    settings = gt.Checkpoints(every=gt.every(steps=every))
    return gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), run_dir=run_dir, checkpoints=settings, **options)


def checkpoints(run_dir: Path) -> list[str]:
    return sorted(path.name for path in (run_dir / "checkpoints").iterdir() if path.is_dir())


@contextmanager
def warnings_of_gantape() -> Iterator[list[str]]:
    messages: list[str] = []
    logger.enable("gantape")
    sink = logger.add(lambda message: messages.append(str(message)), level="WARNING")
    try:
        yield messages
    finally:
        logger.remove(sink)
        logger.disable("gantape")


@POSIX
def test_a_run_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """SIGKILL at random times; `scripts/reliability/soak_kills.py` does it more often."""
    figures = tmp_path / "figures.json"
    flags = ["--kills", "4", "--steps", "60", "--longest", "3", "--mode", "eager", "--output", str(figures)]
    command = [sys.executable, str(ROOT / "scripts/reliability/soak_kills.py"), *flags]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert found["kills"] >= 4
    assert (found["runs_that_differ"], found["processes_that_failed"]) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_call_and_saves(tmp_path: Path, number: signal.Signals) -> None:
    def interrupt(progress: gt.Progress) -> None:
        signal.raise_signal(number)

    loop = loop_in(tmp_path / "run", every=1000, callbacks=[gt.Callback(interrupt, gt.at(6))])
    assert loop.run(labelled(), steps=1000).stopped_by == number.name
    resumed = gt.Loop.resume(tmp_path / "run", Classifier())
    assert resumed.state.step == loop.state.step >= 6
    resumed.run(labelled(), steps=20 - resumed.state.step)
    whole = gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"))
    whole.run(labelled(), steps=20)
    assert identical(weights(whole.task)[:16], weights(resumed.task)[:16])


def test_a_callback_that_fails_loses_nothing_and_is_asked_again(tmp_path: Path) -> None:
    asked = []

    def fail(progress: gt.Progress) -> None:
        asked.append(progress.step)
        if len(asked) == 1:
            raise ConnectionError("the tracker is away")

    callback = gt.Callback(fail, gt.every(steps=5))
    with pytest.raises(ConnectionError):
        loop_in(tmp_path, every=1000, callbacks=[callback]).run(labelled(), steps=10)
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["status"], record["stopped_by"]) == ("failed", "ConnectionError")
    loop = gt.Loop.resume(tmp_path, Classifier(), callbacks=[callback])
    assert loop.state.step == 5
    loop.run(labelled(), steps=5)
    assert asked == [5, 5, 10]


def test_an_action_of_the_end_that_fails_is_not_part_of_what_goes_on(tmp_path: Path) -> None:
    def fail(progress: gt.Progress) -> None:
        raise ConnectionError("the tracker is away")

    with pytest.raises(ConnectionError):
        loop_in(tmp_path, every=1000, callbacks=[gt.Callback(fail, gt.at_end())]).run(labelled(), steps=5)
    loop = gt.Loop.resume(tmp_path, Classifier())
    assert (loop.state.step, len(loop.history)) == (5, 0)
    assert [row["step"] for row in loop.finish(labelled())] == [5]


@POSIX
def test_a_full_disk_is_told_and_training_goes_on_in_memory(tmp_path: Path) -> None:
    """No file may be larger than 2,000 bytes for a while: the tensors do not fit."""
    loop = loop_in(tmp_path, every=1000)
    loop.run(labelled(), steps=4)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(RunDirectoryError, match="cannot be written") as caught:
            loop.run(labelled(), steps=4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "a disk with room" in caught.value.do
    for path in (path for path in kept if "checkpoints" in path.parts):
        assert path.read_bytes() == kept[path]
    assert checkpoints(tmp_path) == ["000001-step-1", "000002-step-4"]
    assert loop.state.step == 5
    loop.run(labelled(), steps=4)
    assert gt.Loop.resume(tmp_path, Classifier()).state.step == loop.state.step == 9


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 kB of its own, where one may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
def test_a_disk_that_fills_up(small_disk: Path) -> None:
    loop = loop_in(small_disk / "run", every=2)
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        loop.run(labelled(), steps=10**6, record=gt.every(steps=1))
    whole = loop.state.step
    resumed = gt.Loop.resume(small_disk / "run", Classifier())
    assert 0 < resumed.state.step <= whole


@pytest.mark.skipif(shutil.which("mount") is None, reason="there is no mount")
def test_a_disk_that_becomes_read_only(small_disk: Path) -> None:
    loop = loop_in(small_disk / "run")
    loop.run(labelled(), steps=1)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        loop.run(labelled(), steps=1)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    loop.run(labelled(), steps=1)
    assert gt.Loop.resume(small_disk / "run", Classifier()).state.step == loop.state.step


def test_a_directory_that_is_removed_in_mid_run(tmp_path: Path) -> None:
    def remove(progress: gt.Progress) -> None:
        shutil.rmtree(tmp_path / "run")

    loop = loop_in(tmp_path / "run", callbacks=[gt.Callback(remove, gt.at(6))])
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        loop.run(labelled(), steps=20)
    assert loop.state.step == 8
    assert not (tmp_path / "run").exists()


def test_a_second_loop_is_refused(tmp_path: Path) -> None:
    """While a run goes on: in this process, in another, and after it by an object that knows nothing of it."""
    errors = []

    def intrude(progress: gt.Progress) -> None:
        with pytest.raises(RunDirectoryError, match="another loop is using") as caught:
            gt.Loop.resume(tmp_path, Classifier())
        errors.append(caught.value)
        code = (
            "import sys; from pathlib import Path; import gantape as gt\n"
            "from gantape.checkpoints.run_directory import RunDirectory\n"
            "try:\n"
            "    with RunDirectory(Path(sys.argv[1])).locked(): pass\n"
            "except gt.errors.RunDirectoryError: sys.exit(7)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False
        )
        assert done.returncode == 7

    loop = loop_in(tmp_path, callbacks=[gt.Callback(intrude, gt.at(2))])
    loop.run(labelled(), steps=3)
    assert len(errors) == 1
    other = gt.Loop.resume(tmp_path, Classifier())
    other.run(labelled(), steps=2)
    with pytest.raises(RunDirectoryError, match="not as this loop left them"):
        loop.run(labelled(), steps=1)


def test_two_threads_begin_one_run(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def work() -> None:
        try:
            loop_in(tmp_path / "run").run(labelled(), steps=3)
            outcomes.append("ran")
        except RunDirectoryError as error:
            outcomes.append(error.what)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-1] == "ran"
    assert len(outcomes) == 2
    assert outcomes.count("ran") == 1


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    loop_in(tmp_path).run(labelled(), steps=9)
    assert checkpoints(tmp_path) == ["000002-step-4", "000003-step-8", "000004-step-9"]
    damaged = tmp_path / "checkpoints/000004-step-9/tensors.data-00000-of-00001"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with warnings_of_gantape() as messages:
        loop = gt.Loop.resume(tmp_path, Classifier())
    assert loop.state.step == 8
    assert len(messages) == 1
    assert "000004-step-9" in messages[0]
    assert "tensors.data-00000-of-00001" in messages[0]
    loop.run(labelled(), steps=1)
    assert gt.Loop.resume(tmp_path, Classifier()).state.step == 9


def test_what_a_killed_process_left_half_done_is_removed(tmp_path: Path) -> None:
    loop_in(tmp_path).run(labelled(), steps=3)
    half = tmp_path / "checkpoints/.new-000009-step-7"
    half.mkdir()
    (half / "state.json").write_text("{")
    loop = gt.Loop.resume(tmp_path, Classifier())
    assert loop.state.step == 3
    loop.run(labelled(), steps=1)
    assert not half.exists()


def test_clocks_of_the_wall_are_not_read() -> None:
    """A clock that is set, or a time zone, changes nothing: only clocks that cannot be set are read.

    Left out are the page of a run, which shows when it was written, the programs, which name directories by the time, and
    MLflow's tracker, since a server wants the time of each value.
    """
    found = []
    shown = {path for folder in ("report/page", "commands") for path in (ROOT / "gantape" / folder).rglob("*.py")}
    shown.add(ROOT / "gantape" / "trackers" / "mlflow.py")
    for path in set((ROOT / "gantape").rglob("*.py")) - shown:
        for node in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if name in ("time.time", "time.localtime", "datetime.now", "datetime.datetime.now", "time.ctime", "time.strftime"):
                found.append(f"{path.name}: {name}")
    assert found == []


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_time_of_day_has_no_effect(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setattr("time.time", lambda: -1e9)
    assert_resumes_exactly(lambda: Classifier(), labelled(), steps=6, stops=(3,), compiler=gt.StepCompiler(MODES[0]))
