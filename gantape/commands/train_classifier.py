"""Train a classifier of digits, and save curves and the model in the run's directory.

The flags below "task options" are the hyper-parameters of the chosen task.
"""

from typing import Any, Literal

import attrs

import gantape as gt
from gantape import report, zoo
from gantape.commands.announcements import REPORT, closing_lines, opening_lines, resume_command, say
from gantape.commands.checking import Advice, check_run
from gantape.commands.command_line import EXIT_CODES, parse
from gantape.commands.results import Result

PASSES = 5
"""After so many passes over the data, digits are classified well."""

TASKS: dict[str, type[gt.SupervisedTask]] = {"digit-classifier": zoo.DigitClassifier}


@attrs.frozen
class ClassifierChoice:
    """The task and its data.

    Args:
        task: The classifier.
        validation: The fraction of the training data used for validation.
        seed: The seed of initial weights, random numbers and the order of the data.
    """

    task: Literal["digit-classifier"] = "digit-classifier"
    validation: float = 1 / 6
    seed: int = 0

    @property
    def task_class(self) -> type[gt.SupervisedTask]:
        """The class to train."""
        return TASKS[self.task]


def main() -> int:
    """Train, report, test, and return the exit code."""
    choice, options, task = parse(ClassifierChoice, __doc__)
    train, validation = options.batches().split(validation=choice.validation)
    run_dir = options.directory(choice.task)

    def facts() -> dict[str, Any]:
        test = loop.evaluate(options.batches(split="test"))
        return {"validation": validation.describe(), "test": test}

    measured = () if options.check else (gt.Callback(Result(facts, on_every_worker=True), gt.at_end()),)
    callbacks = (*report.report_supervised(run_dir), *measured)
    loop = options.loop(task, choice.seed, run_dir, callbacks)
    if options.check:
        advice = Advice(PASSES * train.batches_per_epoch, f"{PASSES} passes over the data")
        checked = check_run(choice.task, train, options, loop, lambda: options.train(loop, train, validation), advice)
        return EXIT_CODES.get(checked.stopped_by, 0)
    if options.devices.chief:
        say(opening_lines(choice.task, train, options, loop))
    history = options.train(loop, train, validation)
    if not options.devices.chief:
        return EXIT_CODES.get(history.stopped_by, 0)
    files = {"report": REPORT, "model": "model.keras"}
    say(closing_lines(run_dir, files, (resume_command(options, run_dir),)))
    return EXIT_CODES.get(history.stopped_by, 0)
