"""The flags of a run: saved in its directory, and combined with those of the command that resumes it."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import gantape as gt
from gantape._files import read_json, write_whole
from gantape.errors import ResumeError, RunDirectoryError

COMMAND = "command.json"
DEVICE_FLAGS = ("--replicas", "--workers", "--worker-index")
"""Not kept when a run is resumed, which may happen on other devices."""


class CommandFile:
    """Saves the flags of a run, with which it is resumed: an action for the start of the run.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, progress: gt.Progress) -> None:
        self.write()

    def write(self) -> None:
        """Write the flags, including those of the resumed run."""
        write_whole(self._path, json.dumps({"program": sys.argv[0], "arguments": whole_command_line()}, indent=1) + "\n")


def whole_command_line() -> list[str]:
    """The flags of the resumed run, if any, followed by those of this command, without --resume and --changed."""
    now = sys.argv[1:]
    resumed = value_of("--resume", now)
    kept = without(without(now, "--resume"), "--changed")
    if resumed is None:
        return kept
    if value_of("--run-dir", now) is not None:
        raise ResumeError(
            "a run that is resumed has its directory.",
            where="--resume and --run-dir",
            got=f"{resumed} and {value_of('--run-dir', now)}",
            do="give one of them.",
        )
    path = Path(resumed, COMMAND)
    try:
        before = read_json(path, 2**16)["arguments"]
        if not isinstance(before, list) or not all(isinstance(argument, str) for argument in before):
            raise ValueError("no list of arguments")
    except (OSError, ValueError, KeyError) as error:
        raise RunDirectoryError(
            "this is not the directory of a run that can be resumed.",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            do="name the directory of a run that this script made.",
        ) from None
    for flag in DEVICE_FLAGS:
        before = without(before, flag)
    lengths = ("--steps", "--epochs", "--minutes")
    if any(value_of(flag, now) is not None for flag in lengths):
        for flag in lengths:
            before = without(before, flag)
    return [*without(before, "--run-dir"), *kept]


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of a flag, or `None` if it is not among the arguments."""
    for place, argument in enumerate(arguments):
        if argument == flag and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith(f"{flag}="):
            return argument.removeprefix(f"{flag}=")
    return None


def without(arguments: Sequence[str], flag: str) -> list[str]:
    """The arguments without a flag and its value."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and argument != flag and not argument.startswith(f"{flag}="):
            kept.append(argument)
        skip = argument == flag and not skip
    return kept


def resume_if_restarted() -> None:
    """Add --resume to the command line of a worker that is restarted with its original command."""
    now = sys.argv[1:]
    run_dir = value_of("--run-dir", now)
    if (value_of("--workers", now) or os.environ.get("TF_CONFIG")) and run_dir and Path(run_dir, "run.json").exists():
        sys.argv[1:] = [*without(now, "--run-dir"), f"--resume={run_dir}"]
