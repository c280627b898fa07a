"""MLflow: a server on this machine, and what its own client reads back from it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_tensorboard import draw
from tiny import Classifier, labelled, make

import gantape as gt
from gantape import trackers
from gantape.errors import GantapeWarning

mlflow = pytest.importorskip("mlflow")
RECORD = gt.every(steps=2) | gt.at_end()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


class Server:
    """A server of MLflow with a database in a folder."""

    def __init__(self, folder: Path) -> None:
        self.uri = f"http://localhost:{free_port()}"
        database = f"sqlite:///{folder}/mlflow.db"
        places = ["--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
        self.command = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--port",
            self.uri.rpartition(":")[2],
            "--workers",
            "1",
            *places,
        ]
        self.environment = {**os.environ, "DO_NOT_TRACK": "true"}

    def __enter__(self) -> "Server":
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=quiet, stderr=quiet, start_new_session=True)
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=1.0):
                    return self
            except OSError:
                time.sleep(0.2)
        raise TimeoutError

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("fastapi", reason="mlflow-skinny has no server")
    with Server(tmp_path_factory.mktemp("mlflow")) as running:
        yield running


def loop_with(*callbacks: gt.Callback, **options: Any) -> gt.Loop:
    return gt.Loop(make(Classifier), compiler=gt.StepCompiler("eager"), callbacks=callbacks, progress=False, **options)


def test_the_server_has_metrics_parameters_pictures_and_files(server: Server, tmp_path: Path) -> None:
    tracker = trackers.MLflowTracker(server.uri, "shapes")
    loop = loop_with(trackers.track(tracker), gt.Callback(draw, gt.at(2)), run_dir=tmp_path / "mine")
    history = loop.run(labelled(), validation=labelled(16), steps=4, record=RECORD)
    client = mlflow.MlflowClient(server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
    assert run.data.params == {"task": "Classifier", "learning_rate": "0.05", "precision": loop.task.precision}
    for split in ("train", "validation"):
        expected = [(row["step"], pytest.approx(row["loss"])) for row in history if row["split"] == split]
        found = client.get_metric_history(run.info.run_id, f"{split}/loss")
        assert [(metric.step, metric.value) for metric in found] == expected
    assert run.data.metrics["train/learning_rate"] == pytest.approx(0.05)
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"metrics.csv", "run.json", "images"} <= names
    local = Path(client.download_artifacts(run.info.run_id, "metrics.csv", str(tmp_path)))
    assert local.read_text() == (tmp_path / "mine" / "metrics.csv").read_text()
    pictures = [file.path for file in client.list_artifacts(run.info.run_id, "images") if file.path.endswith(".png")]
    (picture,) = [path for path in pictures if ("samples" in path and "step%2" in path) or "samples" in path]
    with Image.open(client.download_artifacts(run.info.run_id, picture, str(tmp_path))) as image:
        np.testing.assert_array_equal(np.asarray(image), np.full((3, 4, 3), 20))


def test_a_resumed_run_is_one_run_of_the_server(server: Server, tmp_path: Path) -> None:
    def tracked() -> gt.Callback:
        return trackers.track(trackers.MLflowTracker(server.uri, "resumed"))

    def fail(progress: gt.Progress) -> None:
        raise RuntimeError

    client = mlflow.MlflowClient(server.uri)
    with pytest.raises(RuntimeError):
        loop_with(tracked(), gt.Callback(fail, gt.at(4)), run_dir=tmp_path).run(labelled(), steps=6, record=RECORD)
    number = client.get_experiment_by_name("resumed").experiment_id
    assert [run.info.status for run in client.search_runs([number])] == ["FAILED"]
    gt.Loop.resume(tmp_path, make(Classifier), callbacks=[tracked()], progress=False).run(labelled(), steps=2, record=RECORD)
    (run,) = client.search_runs([number])
    assert run.info.status == "FINISHED"
    assert [metric.step for metric in client.get_metric_history(run.info.run_id, "train/loss")] == [2, 4, 6]
    client.delete_run(run.info.run_id)
    gt.Loop.resume(tmp_path, make(Classifier), callbacks=[tracked()], progress=False).run(labelled(), steps=2, record=RECORD)
    (new,) = client.search_runs([number])
    assert [metric.step for metric in client.get_metric_history(new.info.run_id, "train/loss")] == [2, 4, 6, 8]


def test_names_and_values_that_it_does_not_take_do_no_harm(server: Server) -> None:
    def measure(progress: gt.Progress) -> None:
        progress.record("validation", {"größe (px)": float("nan"), "ends": float("inf")})

    loop_with(trackers.track(trackers.MLflowTracker(server.uri, "odd")), gt.Callback(measure, gt.at(1))).run(
        labelled(), steps=2
    )
    client = mlflow.MlflowClient(server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("odd").experiment_id])
    assert "train/loss" in run.data.metrics
    assert run.info.status == "FINISHED"


def test_a_server_that_is_down_gives_a_warning(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    tracker = trackers.MLflowTracker(f"http://localhost:{free_port()}")
    with pytest.warns(GantapeWarning, match="localhost"):
        history = loop_with(trackers.track(tracker)).run(labelled(), steps=2)
    assert history.stopped_by == "2 steps"
    assert capfd.readouterr().err == ""


def test_a_server_that_is_late_gets_all(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="mlflow-skinny has no server")
    server = Server(tmp_path)
    begun: list[Server] = []
    start = gt.Callback(lambda progress: begun.append(server.__enter__()), gt.at(3))
    try:
        loop_with(trackers.track(trackers.MLflowTracker(server.uri, "late")), start).run(labelled(), steps=4, record=RECORD)
        client = mlflow.MlflowClient(server.uri)
        (run,) = client.search_runs([client.get_experiment_by_name("late").experiment_id])
        assert [metric.step for metric in client.get_metric_history(run.info.run_id, "train/loss")] == [2, 4]
    finally:
        server.__exit__()
