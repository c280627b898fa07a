"""The command `gantape`: its programs, by what they are called in help, errors and advice."""

import json
import sys
from pathlib import Path

import pytest
from tiny import PointGan, make, points

import gantape as gt
from gantape.commands import dispatch, main
from gantape.commands.command_line import Options
from gantape.commands.flags_of_runs import flags_to_parse, flags_to_record, value_of, with_hyphens
from gantape.commands.program import program_name, program_words, whole_command


@pytest.mark.parametrize(
    ("started", "words", "other", "name"),
    [
        ("scripts/train_gan.py", "python scripts/train_gan.py", "python scripts/train_classifier.py", "train_gan.py"),
        ("gantape train-gan", "gantape train-gan", "gantape train-classifier", "gantape train-gan"),
        (
            "python -m gantape train-gan",
            "python -m gantape train-gan",
            "python -m gantape train-classifier",
            "python -m gantape train-gan",
        ),
    ],
)
def test_programs_are_started_as_this_one_was(
    started: str, words: str, other: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "--run-dir", "a run"])
    assert program_words() == tuple(words.split(" "))
    assert program_words("train-classifier") == tuple(other.split(" "))
    assert program_name() == name
    assert whole_command() == f"{words} --run-dir 'a run'"


def test_what_auto_measures_is_kept_for_later_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path / "cache"))
    chosen = []
    for _ in range(2):
        loop = gt.Loop(make(PointGan), compiler=Options().compiler(), progress=False)
        loop.run(points(), steps=3)
        chosen.append(loop.explain())
    assert all("compile s" in text for text in chosen)
    tables = [text[text.index("compile s") :] for text in chosen]
    assert tables[0].splitlines()[:2] == tables[1].splitlines()[:2]  # the second has the figures of the first
    assert (tmp_path / "cache" / "modes.json").is_file()


def test_flags_may_be_written_with_underscores() -> None:
    given = ["runs/my_run", "--run_dir", "my_run", "--changed=learning_rate", "--steps_per_call=4", "-h"]
    assert with_hyphens(given) == ["runs/my_run", "--run-dir", "my_run", "--changed=learning_rate", "--steps-per-call=4", "-h"]


def test_of_a_flag_that_is_repeated_the_last_value_counts() -> None:
    assert value_of("--data", ["--data", "old", "--seed", "1", "--data=new"]) == "new"
    assert value_of("--data", ["--seed", "1"]) is None


def test_what_is_asked_of_one_command_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["--profile", "5", "--inspect", "--width=4", "--run-dir", "run", "--no-health-checks", "--steps", "9"]
    monkeypatch.setattr(sys, "argv", ["gantape train-gan", *asked])
    assert flags_to_parse() == asked
    recorded = flags_to_record()
    assert recorded == ["--width=4", "--run-dir", "run", "--no-health-checks", "--steps", "9"]

    (tmp_path / "run.json").write_text(json.dumps({"task": "DCGAN", "arguments": recorded}))
    again = [f"--resume={tmp_path}", "--changed", "width", "--width", "8", "--steps=20", "--profile=3"]
    monkeypatch.setattr(sys, "argv", ["gantape train-gan", *again])
    assert flags_to_parse() == ["--width=4", "--no-health-checks", *again]
    assert flags_to_record() == ["--width=4", "--no-health-checks", "--width", "8", "--steps=20"]


@pytest.mark.parametrize(
    ("started", "words"),
    [("/bin/gantape", "gantape"), ("gantape/__main__.py", "python -m gantape")],
    ids=["command", "module"],
)
def test_a_program_gets_the_flags_after_its_name(started: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(dispatch, "run_program", lambda _: seen.append(list(sys.argv)))
    for name in dispatch.PROGRAMS:
        monkeypatch.setattr(sys, "argv", [started, name, "--help", "sample"])
        main()
    assert seen == [[f"{words} {name}", "--help", "sample"] for name in dispatch.PROGRAMS]


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [(["--help"], 0, "train-classifier"), (["--version"], 0, "."), ([], 2, "PROGRAM"), (["train_gan"], 2, "train-gan")],
    ids=["help", "version", "nothing", "unknown"],
)
def test_help_and_errors_list_the_programs(
    arguments: list[str], code: int, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gantape", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    printed = capsys.readouterr()
    assert shown in (printed.err if code else printed.out)
