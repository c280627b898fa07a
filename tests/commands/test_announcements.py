"""The last lines of a training script, from the record and the files of a run."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gantape.commands.announcements import NextCommand, closing_lines, length_in_words, newest_samples, resume_command


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    finding = {"name": "won", "words": "The discriminator has won", "advice": "a lower learning rate", "step": 1200}
    outcome = {"good": True, "reason": "Good: 95 % of the images resemble real ones."}
    ended = {"steps": 1234, "seconds": 300.0, "stopped_by": "5 minutes"}
    record = {"task": "DCGAN", **ended, "health": [finding], "outcome": outcome}
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / "samples").mkdir()
    for step in (0, 50, 1234):
        (tmp_path / "samples" / f"step-{step:06d}.png").touch()
    return tmp_path


def options(**length: Any) -> Any:
    return SimpleNamespace(mode="graph", length=length)


def test_the_last_lines_name_steps_quality_health_files_and_commands(run_dir: Path) -> None:
    files = {"samples": newest_samples(run_dir), "report": "report.html"}
    command = NextCommand("more images", ("python", "scripts/sample.py", "a run"), "run.json")
    missing = NextCommand("judge it", ("python", "scripts/evaluate.py", "a run"), "generator.keras")
    assert closing_lines(run_dir, files, (command, missing)) == [
        "",
        "Done: 1,234 steps in 5.0 minutes.",
        "Quality        Good: 95 % of the images resemble real ones.",
        "Warning        The discriminator has won (step 1,200). Try a lower learning rate.",
        "",
        f"Run: {run_dir}",
        f"  samples      {run_dir}/samples/step-001234.png",
        "",
        "Next:",
        "  more images  python scripts/sample.py 'a run'",
    ]


@pytest.mark.parametrize(
    ("stopped_by", "words"),
    [("SIGINT", ", ended by Ctrl-C."), ("EarlyStopping of Keras", ", ended by EarlyStopping of Keras."), ("10 steps", ".")],
)
def test_why_a_run_ended_early_is_said(run_dir: Path, stopped_by: str, words: str) -> None:
    (run_dir / "run.json").write_text(json.dumps({"task": "DCGAN", "steps": 10, "seconds": 7.0, "stopped_by": stopped_by}))
    assert closing_lines(run_dir, {}, ())[1] == f"Done: 10 steps in 7 seconds{words}"


@pytest.mark.parametrize(
    ("length", "words", "flags"),
    [
        ({"minutes": 0.5}, "0.5 minutes", ("--minutes", "1")),
        ({"epochs": 1}, "1 epoch", ("--epochs", "2")),
        ({"steps": 2000}, "2,000 steps", ("--steps", "4000")),
    ],
)
def test_a_run_is_resumed_for_as_long_again(
    length: dict[str, Any], words: str, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert length_in_words(options(**length)) == words
    monkeypatch.setattr("sys.argv", ["scripts/train_gan.py", "--seed", "1"])
    command = resume_command(options(**length), Path("runs/first")).command
    assert command == ("python", "scripts/train_gan.py", "--resume", "runs/first", *flags)
