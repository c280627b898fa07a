"""Several processes that train together are one that trains alone."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantape as gt
from gantape.distribute.workers import Workers, join
from gantape.errors import HyperparameterError, WorkerLostError

ROOT = Path(__file__).parents[2]
from benchmarks.machine import free_addresses


class Team:
    """Processes that train together in a folder."""

    def __init__(self, folder: Path, count: int, **config: Any) -> None:
        folder.mkdir()
        self.folder, self.count = folder, count
        self._config = folder / "config.json"
        run_dir = folder / "run"
        run_dir.mkdir()
        self._config.write_text(json.dumps({"addresses": free_addresses(count), "run_dir": str(run_dir), **config}))
        self.processes = [self.start(index) for index in range(count)]

    def start(self, index: int) -> subprocess.Popen[str]:
        with (self.folder / f"log-{index}.txt").open("a") as log:
            return subprocess.Popen(
                [sys.executable, ROOT / "tests/helpers/worker.py", self._config, str(index)], stdout=log, stderr=log, text=True
            )

    def wait_for_step(self, step: int, seconds: float = 120.0) -> None:
        """Wait until the chief has done so many steps."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            lines = self.folder / "run" / "progress-0.txt"
            if lines.exists() and any(int(line.split()[0]) >= step for line in lines.read_text().splitlines()):
                return
            time.sleep(0.1)
        raise AssertionError(self.logs())

    def results(self, seconds: float = 240.0) -> list[Any]:
        """What each wrote down in the end."""
        for process in self.processes:
            assert process.wait(seconds) == 0, self.logs()
        return [json.loads((self.folder / f"result-{index}.json").read_text()) for index in range(self.count)]

    def logs(self) -> str:
        return "\n".join((self.folder / f"log-{index}.txt").read_text()[-3000:] for index in range(self.count))

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def assert_alike(one: dict[str, Any], other: dict[str, Any], tolerance: float) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "workers"), [("gan", 2), ("supervised", 3)])
def test_workers_learn_what_one_process_learns(tmp_path: Path, task: str, workers: int) -> None:
    found = []
    for count in (1, workers):
        team = Team(tmp_path / str(count), count, task=task, steps=10, record=4)
        try:
            found.append(team.results())
        finally:
            team.end()
    (alone,), together = found
    for result in together:
        assert_alike(result["weights"], together[0]["weights"], 0.0)
        assert [row["step"] for row in result["rows"]] == [row["step"] for row in alone["rows"]]
        for row, expected in zip(result["rows"], alone["rows"], strict=True):
            # What is reported is summed up in float32.
            assert_alike({**expected, "seconds": 0, "split": 0}, {**row, "seconds": 0, "split": 0}, 1e-5)
        assert_alike(alone["evaluated"], result["evaluated"], 1e-5)
    # Noise is drawn in float32, whose logarithm TensorFlow rounds in another way at the end of an array.
    assert_alike(alone["weights"], together[0]["weights"], 1e-7 if task == "gan" else 1e-9)
    assert together[0]["noted"] == alone["noted"]
    assert all(result["noted"] == [] for result in together[1:])
    assert alone["files"] == together[0]["files"]


@pytest.mark.slow
def test_what_the_chief_decides_holds_for_all(tmp_path: Path) -> None:
    team = Team(tmp_path / "team", 2, task="gan", steps=400, record=10, stop_at=6)
    try:
        results = team.results()
    finally:
        team.end()
    assert [result["stopped_by"] for result in results] == ["enough", "the chief's action"]
    assert_alike(results[0]["weights"], results[1]["weights"], 0.0)


@pytest.mark.slow
def test_a_signal_to_one_ends_all(tmp_path: Path) -> None:
    team = Team(tmp_path / "team", 2, task="gan", steps=4000, record=1000, pause=0.05)
    try:
        team.wait_for_step(4)
        team.processes[1].send_signal(signal.SIGTERM)
        assert [result["stopped_by"] for result in team.results()] == ["SIGTERM", "SIGTERM"]
    finally:
        team.end()


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_worker_that_is_killed_and_started_again(tmp_path: Path, killed: int) -> None:
    found = []
    for kill in (False, True):
        team = Team(tmp_path / str(kill), 2, task="supervised", steps=60, record=10, save_every=4, steps_per_call=2, pause=0.1)
        try:
            if kill:
                team.wait_for_step(20)
                team.processes[killed].kill()
                team.processes[killed].wait()
                time.sleep(3.0)
                team.processes[killed] = team.start(killed)
            found.append(team.results())
            if kill:
                other = (team.folder / f"log-{1 - killed}.txt").read_text()
                assert "another worker has ended" in other
                assert "waiting for all workers" in other.split("restarting")[1]
                assert "resuming from" in other
        finally:
            team.end()
    whole, broken = found
    for one, other in zip(whole, broken, strict=True):
        assert_alike(one["weights"], other["weights"], 1e-9)
        assert [row["step"] for row in one["rows"]] == [row["step"] for row in other["rows"]]


def test_one_process_tells_itself() -> None:
    workers = Workers()
    assert workers.chief
    assert not workers.several
    assert workers.broadcast([1.5, 2.0], [True, False]) == ([1.5, 2.0], [True, False])
    assert workers.lost(RuntimeError("anything")) is None
    workers.chief_only(running=True)
    workers.check_together("evaluation")


def test_an_error_of_our_own_says_who_is_missing() -> None:
    import tensorflow as tf

    workers = Workers()
    workers.several, workers.addresses = True, ("a:1", "b:2")
    try:
        try:
            raise tf.errors.UnavailableError(None, None, "Socket closed\nmore")
        except tf.errors.OpError as error:
            raise gt.errors.CompileError("x", where="", got="", do="") from error
    except gt.GantapeError as error:
        lost = workers.lost(error)
    assert isinstance(lost, WorkerLostError)
    assert "a:1, b:2" in str(lost)
    assert "Socket closed" in str(lost)
    workers.chief_only(running=True)
    with pytest.raises(gt.errors.ScheduleError, match="needs all workers"):
        workers.check_together("evaluation")


@pytest.mark.parametrize(
    ("addresses", "index"), [(["a"], 0), (["a:x"], 0), (["a:1", "a:1"], 0), (["a:1", "b:1"], 2), (["a:1"], -1), ([], 0)]
)
def test_wrong_addresses_are_refused(addresses: list[str], index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(HyperparameterError, match="workers"):
        join(addresses, index)


@pytest.mark.slow
def test_the_scripts_start_workers_that_survive_a_kill(tmp_path: Path) -> None:
    run_dir, addresses = tmp_path / "run", free_addresses(2)
    script = ROOT / "scripts/train_classifier.py"
    length = ["--data", "digits", "--steps", "3000", "--steps-per-call", "4", "--checkpoint-seconds", "1"]

    def start(index: int) -> subprocess.Popen[str]:
        where = ["--run-dir", run_dir, "--workers", ",".join(addresses), "--worker-index", str(index)]
        with (tmp_path / f"log-{index}.txt").open("a") as log:
            return subprocess.Popen([sys.executable, script, *length, *where], stdout=log, stderr=log, text=True)

    def logs() -> str:
        return "\n".join((tmp_path / f"log-{index}.txt").read_text()[-3000:] for index in range(2))

    processes = [start(0), start(1)]
    try:
        until = time.monotonic() + 120.0
        while not list(run_dir.glob("checkpoints/*-step-*")):
            assert time.monotonic() < until, logs()
            time.sleep(0.1)
        processes[1].kill()
        processes[1].wait()
        time.sleep(25.0)  # longer than it takes to start anew, and to say again who is awaited
        processes[1] = start(1)
        assert [process.wait(240.0) for process in processes] == [0, 0], logs()
    finally:
        for process in processes:
            process.kill()
            process.wait()
    record = json.loads((run_dir / "run.json").read_text())
    assert (record["status"], record["steps"]) == ("finished", 3000)
    assert "restarting" in (tmp_path / "log-0.txt").read_text()
    assert "still waiting for all workers" in (tmp_path / "log-0.txt").read_text().split("restarting")[1]
    assert "Run:" not in (tmp_path / "log-1.txt").read_text()
    steps = [int(line.split(",")[0]) for line in (run_dir / "metrics.csv").read_text().splitlines()[1:]]
    assert sorted(set(steps)) == list(range(100, 3001, 100))
    more = [sys.executable, script, "--resume", run_dir, "--steps", "3010", "--replicas", "2"]
    done = subprocess.run(more, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((run_dir / "run.json").read_text())["steps"] == 3010
