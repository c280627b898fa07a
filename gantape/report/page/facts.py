"""The facts of a run in words and tables: how it is, how good, how fast, with what settings, and how to go on."""

import shlex
import time
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import attrs

from gantape.errors import listed
from gantape.report.page.curves import JUDGED, PLACES, TOGETHER, readable
from gantape.report.page.messages import Tone
from gantape.report.page.run import RunFiles, Status
from gantape.report.page.words import as_number, duration, figure, plain, texts

LABELS: dict[Status, tuple[str, Tone]] = {
    "running": ("Running", "neutral"),
    "finished": ("Finished", "neutral"),
    "interrupted": ("Stopped by hand", "neutral"),
    "failed": ("Failed", "bad"),
    "killed": ("Ended without a word", "warning"),
}
MOST_TILES = 8
SHOWN_ELSEWHERE = (
    *(
        "run",
        "status",
        "stopped_by",
        "task",
        "hyperparameters",
        "data",
        "validation",
        "versions",
        "command_line",
        "program",
        "arguments",
        "health",
        "outcome",
        "test",
    ),
    *("steps", "epochs", "updates", "examples", "seconds", "compile_seconds", "steps_per_second", "checkpoints"),
    *("mode", "steps_per_call", "modes_tried"),
)
"""Keys of `run.json` that have a place of their own on the page; all others are in the table of the run."""


@attrs.frozen
class Tile:
    """A figure.

    Args:
        label: What it is.
        value: The figure.
        beside: What stands beside it: the same of validation data, say.
    """

    label: str
    value: str
    beside: str = ""


@attrs.frozen
class Command:
    """Something to type.

    Args:
        title: What it is for.
        text: The command or the program.
    """

    title: str
    text: str


def summary(run: RunFiles) -> str:
    """Where the run is, in one line."""
    seconds = run.notes.seconds or as_number(run.record.get("seconds")) or 0.0
    parts = [f"step {run.step:,}", duration(seconds)]
    epochs = run.notes.epoch or run.record.get("epochs")
    if epochs:
        parts.insert(1, f"epoch {epochs}")
    stopped_by = run.record.get("stopped_by")
    if run.status == "running" and not run.step:
        parts = ["preparing the first step"]
    elif run.status == "running" and 0.0 < run.notes.fraction_done < 1.0:
        # Compiling counts as done: it does not come again.
        parts.append(f"about {duration(run.notes.seconds * (1.0 / run.notes.fraction_done - 1.0))} left")
    elif run.status == "finished" and stopped_by:
        parts.append(f"stopped by: {stopped_by}")
    return " · ".join(parts)


def tiles(run: RunFiles) -> tuple[Tile, ...]:
    """The newest figures: judged ones, metrics, losses, scores."""
    newest: dict[str, dict[str, float]] = {}
    for row in run.rows:
        for name, value in row.items():
            if name not in PLACES and isinstance(value, int | float):
                newest.setdefault(name, {})[str(row.get("split", "train"))] = float(value)
    if run.status == "running":
        for name, value in run.notes.current.items():
            newest.setdefault(name, {})["train"] = value
    tested = run.section("test")
    apart = {name for names in TOGETHER.values() for name in names}
    judged = [name for name in newest if name in JUDGED]
    losses = [name for name in newest if name.split("/")[-1] == "loss"]
    apart |= {"gradient_norm", "skipped", "loss_scale"}
    rest = [name for name in newest if "/" not in name and "train" in newest[name] and name not in (*losses, *apart)]
    found = []
    for name in [*judged, *rest, *losses]:
        values = newest[name]
        beside = [f"{split} {figure(values[split])}" for split in values if split != "train" and len(values) > 1]
        beside += [f"test {figure(tested[name])}"] if as_number(tested.get(name)) is not None else []
        found.append(Tile(readable(name), figure(values.get("train", next(iter(values.values())))), ", ".join(beside)))
    return tuple(found[:MOST_TILES])


def judged(run: RunFiles) -> list[tuple[str, ...]]:
    """The figures of `evaluation.json`: metric, value, interval, the same of real examples, number of samples, remark."""
    rows: list[tuple[str, ...]] = []
    found = run.evaluation.get("measurements")
    for item in found if isinstance(found, list) else []:
        if isinstance(item, Mapping):
            interval = item.get("interval")
            ends = " to ".join(map(figure, interval)) if isinstance(interval, list) else ""
            baseline = "" if item.get("baseline") is None else figure(item["baseline"])
            count = item.get("count")
            number = f"{count:,}" if isinstance(count, int) else ""
            name = readable(str(item.get("name", "")))
            rows.append((name, figure(item.get("value")), ends, baseline, number, str(item.get("warning") or "")))
    return rows


def judge(run: RunFiles) -> str:
    """The network that the judged figures come from, in words; empty if the record does not say it."""
    found = run.evaluation.get("judge")
    words = found.get("words") if isinstance(found, Mapping) else None
    return words if isinstance(words, str) else ""


def modes(run: RunFiles) -> list[tuple[str, str, str, str]]:
    """The modes that were tried: name, seconds to compile, steps in a second or why it fails, whether it was chosen."""
    rows = []
    for item in run.listed("modes_tried"):
        seconds = as_number(item.get("seconds_per_step"))
        speed = figure(1.0 / seconds) if seconds and not item.get("failure") else f"fails: {item.get('failure', '')}"[:200]
        chosen = "chosen" if item.get("chosen") else ""
        rows.append((str(item.get("mode", "")), figure(item.get("compile_seconds")), speed, chosen))
    return rows


def speed(run: RunFiles) -> list[tuple[str, str]]:
    """How fast it was."""
    record, notes = run.record, run.notes
    found: list[tuple[str, Any]] = [
        ("mode", record.get("mode")),
        ("steps per second, without compiling", notes.steps_per_second or record.get("steps_per_second")),
        ("steps per call, at most", record.get("steps_per_call")),
        ("seconds to compile", record.get("compile_seconds")),
        ("examples", record.get("examples")),
        ("updates", record.get("updates")),
        ("checkpoints", _checkpoints(run)),
        ("share of the time for this page", f"{notes.cost / notes.seconds:.2%}" if notes.cost and notes.seconds else None),
    ]
    return [(name, figure(value)) for name, value in found if value not in (None, "")]


def settings(run: RunFiles) -> list[tuple[str, list[tuple[str, str]]]]:
    """Tables of names and values: hyper-parameters, data, what else the record says, versions."""
    rest = {name: value for name, value in run.record.items() if name not in SHOWN_ELSEWHERE}
    starts = [f"step {step:,}, {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when))}" for step, when in run.notes.started]
    begun = {"begun": starts[0] if starts else None, "resumed": "; ".join(starts[1:])}
    tables = {
        "Hyper-parameters": run.hyperparameters,
        "Data": run.section("data"),
        "Validation data": run.section("validation"),
        "Run": {**begun, **rest},
        "Versions": run.section("versions"),
    }
    found = [
        (title, [(readable(str(name)), plain(value)) for name, value in table.items() if value not in (None, "")])
        for title, table in tables.items()
    ]
    return [(title, rows) for title, rows in found if rows]


def seen_at_failure(run: RunFiles) -> list[tuple[str, str]]:
    """What `failure.json` says, of a run that ended with numbers that are not finite."""
    if run.status != "failed" or not run.failure or run.record.get("stopped_by") not in (None, "NotFiniteError"):
        return []
    poisoned = run.failure.get("variables_not_finite")
    variables = [f"{name} of {update}" for update, names in _items(poisoned) for name in texts(names)]
    report = ", ".join(f"{name} = {value}" for name, value in _items(run.failure.get("report")))
    batches = run.failure.get("batch")
    shapes = [
        f"{leaf.get('dtype')}{leaf.get('shape')} from {leaf.get('least')} to {leaf.get('largest')}"
        for leaf in (batches if isinstance(batches, list) else [])
        if isinstance(leaf, Mapping)
    ]
    found = [
        ("step", run.failure.get("step")),
        ("updates", listed(texts(run.failure.get("updates")), 12)),
        ("reported by the step", report),
        ("variables that are not finite", listed(variables, 12)),
        ("the batch", "; ".join(shapes)),
        ("examples of the batch, by number", listed(texts(run.failure.get("rows")), 32)),
    ]
    return [(name, plain(value)) for name, value in found if value not in (None, "")]


def commands(run: RunFiles) -> tuple[Command, ...]:
    """How to go on with the run, to make more samples, and to judge them."""
    place, found = shlex.quote(str(run.folder)), []
    line = str(run.record.get("command_line") or "")
    program = texts(run.record.get("program"))
    if line:
        found.append(Command("It was trained by", line))
    if program:
        *start, last = program
        this = PurePath(last)  # a script, or the name of a program after `gantape`
        sample, evaluate = (shlex.join([*start, str(this.with_name(name + this.suffix))]) for name in ("sample", "evaluate"))
        found.append(Command("Go on with it", f"{shlex.join(program)} --resume {place}"))
        if this.stem in ("train_gan", "train-gan") and (run.folder / "generator.keras").is_file():
            found.append(Command("Make more samples", f"{sample} {place} --seed 1"))
            found.append(Command("Judge its samples", f"{evaluate} {place}"))
    elif run.record:
        task = f"{run.task}(...)"
        lines = [
            f"task = {task}  # as before: the hyper-parameters are below",
            f"loop = gt.Loop.resume({str(run.folder)!r}, task)",
        ]
        found.append(Command("Go on with it", "\n".join([*lines, "loop.run(data, steps=1_000)"])))
        if "latent_size" in run.hyperparameters:
            more = "images = task.generate(task.latents(64, gt.RandomStreams(1)))"
            found.append(Command("Make more samples", "\n".join([*lines, more])))
    return tuple(found)


def _checkpoints(run: RunFiles) -> str:
    found = run.section("checkpoints")
    if not found:
        return ""
    size = (as_number(found.get("bytes")) or 0.0) / 1e6
    return f"{plain(found.get('saved', 0))} of {size:.1f} MB, in {figure(found.get('seconds', 0))} s"


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()
