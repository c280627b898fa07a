"""The flags of a run: kept in its record, and combined with those of the command that resumes it."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

import gantape as gt
from gantape.checkpoints.run_directory import RunDirectory
from gantape.commands.program import program_words, whole_command
from gantape.errors import GantapeError, ResumeError, RunDirectoryError

DEVICE_FLAGS = ("--replicas", "--workers", "--worker-index")
"""Not kept when a run is resumed, which may happen on other devices."""

FLAGS_OF_A_COMMAND, SWITCHES_OF_A_COMMAND = ("--resume", "--changed", "--profile"), ("--check", "--inspect")
"""What is asked of one command, and not of those that resume its run; switches take no value."""


@attrs.frozen
class CommandLine:
    """The command line of this process, for the record of the run, which is resumed with it: an action that does nothing.

    Args:
        command: The command.
        program: The words of it that start the program.
        arguments: The flags of the whole run: those of the resumed run, if any, and of this command.
    """

    command: str = attrs.field(factory=whole_command)
    program: tuple[str, ...] = attrs.field(factory=program_words)
    arguments: tuple[str, ...] = attrs.field(factory=lambda: tuple(flags_to_record()))

    def __call__(self, progress: gt.Progress) -> None: ...

    def facts(self) -> dict[str, Any]:
        """The command as text, the program, and the flags."""
        return {"command_line": self.command, "program": list(self.program), "arguments": list(self.arguments)}


def flags_to_parse() -> list[str]:
    """The flags of the resumed run, if any, followed by those of this command, which override them."""
    return [*_flags_of_resumed_run(), *sys.argv[1:]]


def flags_to_record() -> list[str]:
    """The flags with which the run can be resumed: those to parse, without what is asked of this command alone."""
    now = [argument for argument in sys.argv[1:] if argument not in SWITCHES_OF_A_COMMAND]
    for flag in FLAGS_OF_A_COMMAND:
        now = without(now, flag)
    return [*_flags_of_resumed_run(), *now]


def _flags_of_resumed_run() -> list[str]:
    """The recorded flags of the run that this command resumes; none if it resumes no run."""
    now = sys.argv[1:]
    resumed = value_of("--resume", now)
    if resumed is None:
        return []
    if value_of("--run-dir", now) is not None:
        raise ResumeError(
            "a run that is resumed has its directory.",
            where="--resume and --run-dir",
            got=f"{resumed} and {value_of('--run-dir', now)}",
            do="give one of them.",
        )
    directory = RunDirectory(Path(resumed))
    before = directory.read().get("arguments")
    if not isinstance(before, list) or not all(isinstance(argument, str) for argument in before):
        raise RunDirectoryError(
            "this is not the directory of a run that can be resumed.",
            where=str(directory.record_path),
            got="no list of arguments",
            do="name the directory of a run that this program made.",
        )
    for flag in DEVICE_FLAGS:
        before = without(before, flag)
    lengths = ("--steps", "--epochs", "--minutes")
    if any(value_of(flag, now) is not None for flag in lengths):
        for flag in lengths:
            before = without(before, flag)
    return without(before, "--run-dir")


def with_hyphens(arguments: Sequence[str]) -> list[str]:
    """The arguments with hyphens in the names of flags, which may be written with underscores, too."""
    parts = (argument.partition("=") for argument in arguments)
    return [f"{name.replace('_', '-') if name.startswith('--') else name}{equals}{value}" for name, equals, value in parts]


@contextlib.contextmanager
def errors_of(flag: str) -> Iterator[None]:
    """Let errors name a flag as their place, which is all that a user of the command line knows."""
    try:
        yield
    except GantapeError as error:
        raise type(error)(error.what, where=flag, got=error.got, do=error.do) from None


def value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value of a flag, or `None` if it is not among the arguments; the last one counts, as in the parser."""
    for place, argument in reversed(list(enumerate(arguments))):
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
