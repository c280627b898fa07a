"""The scripts as their users run them: in processes of their own, judged by what they leave behind."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from programs import ROOT, environment, finish, read_picture, rows, run

SIDE_OF_GRID = 2 * 8 * (28 + 4)
KEPT = {".lock", "checkpoints", "metrics.csv", "report.html", "report.json", "run.json", "tensorboard", "trackers"}
ARTIFACTS = {
    *KEPT,
    "discriminator.keras",
    "generator.keras",
    "interpolation.png",
    "samples",
    "samples.gif",
}


@pytest.fixture(scope="module")
def gan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a short run of the GAN."""
    folder = tmp_path_factory.mktemp("gan")
    finish(
        "train_gan.py",
        *("--data", "digits", "--steps", "110", "--mode", "graph", "--seed", "3"),
        *("--latent-size", "8", "--width", "2", "--run-dir", "run"),
        folder=folder,
    )
    return folder / "run"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of a short run of the classifier, and what the script printed."""
    folder = tmp_path_factory.mktemp("classifier")
    flags = ("--data", "digits", "--epochs", "6", "--mode", "graph", "--run-dir", "run", "--hidden-units", "16")
    return folder / "run", finish("train_classifier.py", *flags, folder=folder)


def test_a_run_of_the_gan_leaves_every_artifact(gan: Path) -> None:
    assert {path.name for path in gan.iterdir()} == ARTIFACTS
    assert [path.name for path in sorted((gan / "samples").iterdir())] == [f"step-{step:06d}.png" for step in (0, 50, 100, 110)]
    for path in (gan / "samples").iterdir():
        assert read_picture(path).shape[:2] == (SIDE_OF_GRID, SIDE_OF_GRID)
    with Image.open(gan / "samples.gif") as animation:
        assert animation.n_frames == 4
        assert animation.size == (SIDE_OF_GRID, SIDE_OF_GRID)
    assert read_picture(gan / "interpolation.png").shape[:2] == (2 * 8 * 32, 2 * 10 * 32)
    page = (gan / "report.html").read_text()
    assert all(text in page for text in ("DCGAN on digits", ">Finished<", "step 110", "scripts/sample.py run", "--resume run"))
    assert len(re.findall(r"data:image/png;base64,[A-Za-z0-9+/]{100}", page)) == 5
    assert list((gan / "tensorboard" / "train").glob("events.*"))


def test_a_script_says_what_will_happen_and_what_was_made(tmp_path: Path) -> None:
    flags = ("--data", "digits", "--steps", "3", "--mode", "graph", "--width", "2", "--run-dir", "run", "--inspect")
    done = run("train_gan.py", *flags, folder=tmp_path)
    first, length, runs, results, *_ = done.stdout.splitlines()
    assert first == "Training dcgan on digits train: 1,500 examples, 64 in a batch."
    assert re.match(r"Length +3 steps in all; Ctrl-C", length)
    assert re.match(r"Runs +on the CPU \(\d+ cores?\), compiled to a graph", runs)
    assert re.match(r"Results +in run: watch report.html", results)
    assert 'update "discriminator"  moves discriminator' in done.stdout
    assert "data:image/svg+xml;base64," in (tmp_path / "run" / "report.html").read_text()
    assert "Done: 3 steps in" in done.stdout
    assert re.search(r"^  samples +run/samples/step-000003.png$", done.stdout, re.MULTILINE)
    assert re.search(r"^  train on +python \S+/scripts/train_gan.py --resume run --steps 6$", done.stdout, re.MULTILINE)
    begun, opened, *later, last = done.stderr.splitlines()
    assert re.search(r"INFO +watch the run in a browser: file://.*/run/report.html$", begun)
    assert opened == "  0%  DCGAN, 3 steps: preparing the first step"
    # Health checks look, and say so, when the clock allows it.
    assert any(re.match(r"100%  done in \d\d:\d\d  step 3 ", line) for line in later)
    assert re.search(r"INFO +report: file://.*/run/report.html", last)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_help_may_be_cut_short_by_its_reader(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "train_gan.py"), "--help"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, written = process.communicate(timeout=120)
    assert written == ""


def test_the_record_of_a_run_says_how_to_repeat_it(gan: Path) -> None:
    record = json.loads((gan / "run.json").read_text())
    assert record["hyperparameters"]["latent_size"] == 8
    assert record["hyperparameters"]["width"] == 2
    assert record["data"]["name"] == "digits train"
    assert record["data"]["checksum"].startswith("blake2b:")
    assert (record["task"], record["preset"], record["seed"], record["latent_seed"]) == ("DCGAN", "light", 3, 3)
    assert (record["mode"], record["steps"], record["stopped_by"]) == ("graph", 110, "110 steps")
    assert "--latent-size 8" in record["command_line"]
    assert {"tensorflow", "keras", "python"} <= set(record["versions"])
    assert record["steps_per_second"] > 0


def test_the_history_has_a_row_every_hundred_steps(gan: Path) -> None:
    written = [row for row in rows(gan) if row["split"] == "train"]
    assert [int(row["step"]) for row in written] == [100, 110]
    assert {"epoch", "seconds", "discriminator/loss", "generator/loss", "real_score", "fake_score"} <= set(written[0])
    assert all(np.isfinite(float(row["generator/loss"])) for row in written)


def test_samples_are_made_from_a_finished_run(gan: Path, tmp_path: Path) -> None:
    finish("sample.py", gan, "--seed", "3", "--output", tmp_path / "again.png", folder=tmp_path)
    finish("sample.py", gan, "--count", "5", folder=tmp_path)
    assert read_picture(gan / "samples-seed-0.png").shape[:2] == (2 * 2 * 32, 2 * 3 * 32)
    (gan / "samples-seed-0.png").unlink()
    # The seed of the run gives the latents of its own pictures: generator.keras is the averaged generator that drew them.
    again, last = (read_picture(path) for path in (tmp_path / "again.png", gan / "samples" / "step-000110.png"))
    np.testing.assert_array_equal(again, last)


def test_a_run_too_short_to_make_digits_does_not_pass_the_gate(gan: Path, tmp_path: Path) -> None:
    done = run("reliability/gate.py", "--runs", gan, folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == f"{gan}: Bad: 0 % of the images resemble real ones, where 96 % of real images do."


def test_a_class_conditional_run_is_sampled_by_class(tmp_path: Path) -> None:
    flags = ("--data", "digits", "--steps", "3", "--mode", "graph", "--latent-size", "8", "--width", "2", "--run-dir", "run")
    finish("train_gan.py", "--task", "cgan", *flags, folder=tmp_path)
    run_dir = tmp_path / "run"
    assert {path.name for path in run_dir.iterdir()} == ARTIFACTS
    finish("sample.py", run_dir, "--output", tmp_path / "again.png", folder=tmp_path)
    again, last = (read_picture(path) for path in (tmp_path / "again.png", run_dir / "samples" / "step-000003.png"))
    assert last.shape[:2] == (2 * 7 * 32, 2 * 10 * 32)
    np.testing.assert_array_equal(again, last)
    finish("evaluate.py", run_dir, "--count", "100", "--judge-steps", "20", folder=tmp_path)
    measured = {entry["name"]: entry for entry in json.loads((run_dir / "evaluation.json").read_text())["measurements"]}
    assert measured["label accuracy"]["count"] == 100


def test_a_translation_shows_where_it_came_from(tmp_path: Path) -> None:
    flags = ("--data", "digits", "--steps", "2", "--mode", "graph", "--width", "2", "--run-dir", "run")
    finish("train_gan.py", "--task", "cyclegan", *flags, folder=tmp_path)
    found = {path.name for path in (tmp_path / "run").iterdir()}
    assert found >= {"to_a.keras", "to_b.keras", "discriminator_a.keras", "discriminator_b.keras", "samples.gif", "report.html"}
    assert read_picture(tmp_path / "run" / "samples" / "step-000002.png").shape[:2] == (2 * 6 * 32, 2 * 8 * 32)


def test_a_finished_run_is_judged(gan: Path, tmp_path: Path) -> None:
    printed = finish("evaluate.py", gan, "--count", "1000", "--judge-steps", "60", folder=tmp_path)
    report = json.loads((gan / "evaluation.json").read_text())
    measured = {entry["name"]: entry for entry in report["measurements"]}
    # A generator of 110 steps is far from the digits, whose own distance is the baseline.
    distance = measured["Fréchet distance"]
    assert distance["value"] > 3.0 * distance["baseline"]
    assert distance["count"] == 1000
    assert measured["training distance"]["count"] == 297
    assert sum(report["classes"]) == pytest.approx(1.0)
    assert f"judge {report['judge']['identity']} of digits train" in printed
    assert re.search(r"^Fréchet distance +\d", printed, re.MULTILINE)
    assert read_picture(gan / "neighbours.png").shape[:2] == (2 * 5 * 32, 2 * (3 * 8 - 1) * 32)
    for name in ("evaluation.json", "neighbours.png", "classes.png"):
        (gan / name).unlink()


def test_a_run_of_a_classifier_has_no_generator_to_judge(classifier: tuple[Path, str], tmp_path: Path) -> None:
    done = run("evaluate.py", classifier[0], folder=tmp_path)
    assert done.returncode == 2
    assert "RunDirectoryError: this run has no generator" in done.stderr


def test_a_run_of_the_classifier_leaves_curves_model_and_test_accuracy(classifier: tuple[Path, str]) -> None:
    run_dir, printed = classifier
    assert {path.name for path in run_dir.iterdir()} == {
        *KEPT,
        "model.keras",
    }
    record = json.loads((run_dir / "run.json").read_text())
    accuracy = record["test"]["accuracy"]
    assert re.search(rf"^Quality +Test accuracy: {accuracy:.4f}", printed, re.MULTILINE)
    assert "Training digit-classifier on digits train" in printed
    assert re.search(r"^  model +run/model.keras$", printed, re.MULTILINE)
    assert accuracy > 0.7
    assert (record["data"]["examples"], record["validation"]["examples"]) == (1250, 250)
    assert [row["split"] for row in rows(run_dir)] == ["train", "validation"] * 2


def test_a_classifier_makes_no_samples(classifier: tuple[Path, str], tmp_path: Path) -> None:
    done = run("sample.py", classifier[0], folder=tmp_path)
    assert done.returncode == 2
    assert "RunDirectoryError: this run has no generator" in done.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--steps", "3", "--epochs", "2"), "ScheduleError: a run has one rule for stopping."),
        (("--steps", "0"), "ScheduleError: a run has a positive length"),
        (("--steps", "3", "--data", "mnist"), "DataNotFoundError: mnist is not available."),
        (("--steps", "3", "--data", "digits", "--width", "0"), "HyperparameterError: a hyper-parameter has to be positive."),
        (("--mode", "slow"), "invalid choice 'slow'"),
        (("--task", "wgan", "--preset", "guide"), "HyperparameterError: this task has one preset only."),
        (("--task", "cyclegan", "--data", "digits", "--judge-every", "2"), "HyperparameterError: only samples can be judged."),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_mistake_on_the_command_line_is_one_clear_error(flags: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run("train_gan.py", *flags, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_directory_of_another_run_is_refused(gan: Path, tmp_path: Path) -> None:
    before = (gan / "run.json").read_text()
    done = run("train_gan.py", "--steps", "1", "--run-dir", gan, folder=tmp_path)
    assert done.returncode == 2
    assert "RunDirectoryError: this directory holds a run already." in done.stderr
    assert (gan / "run.json").read_text() == before


def test_without_mnist_auto_says_that_it_falls_back(tmp_path: Path) -> None:
    done = run("train_gan.py", "--steps", "2", "--width", "2", "--mode", "graph", folder=tmp_path)
    assert done.returncode == 0
    assert "MNIST is not available; using the 1,797 embedded digits." in done.stderr
    (run_dir,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"dcgan-\d{4}-\d\d-\d\d-\d{6}", run_dir.name)
    assert json.loads((run_dir / "run.json").read_text())["data"]["name"] == "digits train"


def test_a_run_that_was_stopped_is_resumed_with_its_own_flags(gan: Path, tmp_path: Path) -> None:
    """With other steps in all; it ends as the run that was not stopped: rows and pictures, byte for byte."""
    flags = ("--data", "digits", "--steps", "40", "--mode", "graph", "--seed", "3", "--latent-size", "8", "--width", "2")
    finish("train_gan.py", *flags, "--run-dir", "run", folder=tmp_path)
    finish("train_gan.py", "--resume", "run", "--steps", "110", "--checkpoint-seconds", "60", folder=tmp_path)

    def timeless(run_dir: Path) -> list[dict[str, str]]:
        # Health checks look when the clock allows it.
        timed = [row for row in rows(run_dir) if not row["separation"]]
        return [{name: value for name, value in row.items() if name != "seconds"} for row in timed]

    assert timeless(tmp_path / "run") == timeless(gan)
    pictures = {path.relative_to(gan) for path in gan.rglob("*.png")}
    assert {path.relative_to(tmp_path / "run") for path in (tmp_path / "run").rglob("*.png")} == pictures
    assert all((tmp_path / "run" / path).read_bytes() == (gan / path).read_bytes() for path in pictures)
    assert (tmp_path / "run/samples.gif").read_bytes() == (gan / "samples.gif").read_bytes()

    refused = run("train_gan.py", "--resume", "run", "--learning-rate", "0.1", folder=tmp_path)
    assert refused.returncode == 2
    assert "learning_rate=0.1, the run has 0.002" in refused.stderr
    done = finish("train_gan.py", "--resume", "run", "--learning-rate", "0.1", "--changed", "learning-rate", folder=tmp_path)
    assert "Run: run" in done
    assert json.loads((tmp_path / "run/run.json").read_text())["stopped_by"] == "nothing left to do"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_all_that_was_trained(number: signal.Signals, code: int, tmp_path: Path) -> None:
    flags = ["--data", "digits", "--minutes", "5", "--mode", "graph", "--width", "2", "--run-dir", "run"]
    command = [sys.executable, str(ROOT / "scripts" / "train_gan.py"), *flags]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60.0
        # The record is first written after the first call.
        while not (tmp_path / "run" / "run.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
        _, written = process.communicate(timeout=60)
    assert process.returncode == code, written
    assert "Traceback" not in written
    assert {path.name for path in (tmp_path / "run").iterdir()} == ARTIFACTS
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["stopped_by"]) == ("finished", number.name)
    assert int(rows(tmp_path / "run")[-1]["step"]) == record["steps"] > 0


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        ((), ("--latent-size INT", "Size of a latent vector.", "--width INT", "--learning-rate FLOAT", "--steps-per-call INT")),
        (("--preset", "guide"), ("--label-noise FLOAT", "Width of the uniform noise", "(default: 128)")),
    ],
)
def test_help_shows_the_hyper_parameters_of_the_chosen_task(
    flags: tuple[str, ...], shown: tuple[str, ...], tmp_path: Path
) -> None:
    text = finish("train_gan.py", *flags, "--help", folder=tmp_path)
    assert [part for part in shown if part not in text] == []
    assert ("--width INT" in text) != ("guide" in flags)
