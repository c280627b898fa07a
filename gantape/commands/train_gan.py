"""Train a GAN on digits or on a folder of images, and save pictures, curves and networks in the run's directory.

The flags below "task options" are the hyper-parameters of the chosen task and preset.
"""

import functools
from typing import Annotated, Any, Literal

import attrs
import tyro
from loguru import logger

import gantape as gt
from gantape import evaluation, zoo
from gantape.commands.announcements import (
    REPORT,
    NextCommand,
    closing_lines,
    newest_samples,
    opening_lines,
    resume_command,
    say,
)
from gantape.commands.checking import Advice, check_run
from gantape.commands.choosing import choose_for_folder
from gantape.commands.command_line import EXIT_CODES, OptionalInt, parse
from gantape.commands.flags_of_runs import errors_of
from gantape.commands.inspecting import Inspecting
from gantape.commands.judging import BEST, BestGenerator, check_judging, judging
from gantape.commands.program import program_words
from gantape.commands.recipes import FOLDER_RECIPES, RECIPES, FolderName, Name, Recipe, task_help
from gantape.commands.results import Result
from gantape.commands.training_data import name_of
from gantape.errors import GantapeError, HyperparameterError

ADVICE = Advice(3_000, "3,000 steps; digits need 1,300 to 4,400 of them (docs/outcomes.md), larger images more")


@attrs.frozen
class GANChoice:
    """The task and its evaluation.

    Args:
        task: The kind of GAN, by the name of its recipe.
        preset: "light" makes digits in minutes on a CPU; "guide" (dcgan only) has the Keras guide's networks, and needs a GPU.
        seed: The seed of initial weights, random numbers, the order of the data and the latents of the pictures.
        judge_every: Steps between two evaluations of 1,000 samples: figures go to metrics.csv, and the best generator to
            best.keras. The judge is trained first, once, which takes a minute or two: a classifier, or, for a folder of images
            and photographs, a network that learns features of the images without labels.
        health_checks: Check a few samples regularly, in less than 1 % of the time, and report failures in the log and in
            run.json. Not for cyclegan, which has no latents.
        inspect: Say before the first step what each update calls, watches and moves, and what is probably not meant; draw it
            into report.html.
    """

    task: Annotated[Name | FolderName, tyro.conf.arg(help=task_help())] = "dcgan"
    preset: Literal["light", "guide"] = "light"
    seed: int = 0
    judge_every: OptionalInt = None
    health_checks: bool = True
    inspect: bool = False

    @property
    def recipe(self) -> Recipe:
        """The task and its data."""
        if self.preset == "light":
            known: dict[Any, Recipe] = {**RECIPES, **FOLDER_RECIPES}
            return known[self.task]
        if self.task != "dcgan":
            raise HyperparameterError(
                "this task has one preset only.",
                where="--preset",
                got=f"--task {self.task} --preset {self.preset}",
                do="leave --preset out; the guide's networks are those of --task dcgan.",
            )
        return Recipe(zoo.GuideDCGAN)

    @property
    def task_class(self) -> type[gt.Task]:
        """The class to train."""
        return self.recipe.task_class


def judged(recipe: Recipe, task: Any, data: gt.data.Batches) -> evaluation.Outcome | None:
    """The outcome of the task; `None`, with a warning, if it cannot be judged with this data."""
    name = name_of(getattr(data, "name", ""))
    try:
        return recipe.judged(task, name) if name else evaluation.judge_outcome(task, data)
    except GantapeError as error:
        logger.warning("the result is not judged: {} ({})", error.what, error.got)
        return None


def main() -> int:
    """Train, report, and return the exit code."""
    choose_for_folder()
    choice, options, task = parse(GANChoice, __doc__)
    recipe = choice.recipe.fitted(task)
    shape = recipe.image_shape(task)
    data = recipe.batches(functools.partial(options.batches, shape=shape))
    run_dir = options.directory(choice.task)
    callbacks = recipe.callbacks(run_dir, data, choice.seed)
    if choice.judge_every is not None and options.check:
        check_judging(recipe, options.data, shape)
    elif choice.judge_every is not None:
        with errors_of("--judge-every"):
            when = gt.every(steps=choice.judge_every) | gt.at_end()
        callbacks = (gt.Callback(BestGenerator(run_dir), gt.at_end()), *callbacks, judging(recipe, options.data, shape, when))
    if choice.health_checks and isinstance(task, gt.AdversarialTask):
        callbacks = (*callbacks, evaluation.watch_health(data, seed=choice.seed))
    if choice.inspect:
        callbacks = (gt.Callback(Inspecting(data, choice.seed), gt.at_start()), *callbacks)

    def facts() -> dict[str, Any]:
        outcome = judged(recipe, task, data)
        found = {"preset": choice.preset, "latent_seed": choice.seed, "pixels": task.pixels}
        return {**found, "outcome": None if outcome is None else attrs.asdict(outcome)}

    if not options.check:
        callbacks = (*callbacks, gt.Callback(Result(facts), gt.at_end()))
    loop = options.loop(task, choice.seed, run_dir, callbacks, BEST if choice.judge_every else None)
    if options.check:
        return EXIT_CODES.get(
            check_run(choice.task, data, options, loop, lambda: options.train(loop, data), ADVICE).stopped_by, 0
        )
    if options.devices.chief:
        say(opening_lines(choice.task, data, options, loop))
    history = options.train(loop, data)
    if not options.devices.chief:
        return EXIT_CODES.get(history.stopped_by, 0)
    files = {
        "report": REPORT,
        "samples": newest_samples(run_dir),
        "how it grew": "samples.gif",
        "generator": "generator.keras",
        "best generator": "best.keras",
    }
    commands = (
        NextCommand("more images", (*program_words("sample"), str(run_dir)), "generator.keras"),
        NextCommand("judge it", (*program_words("evaluate"), str(run_dir)), "generator.keras"),
        resume_command(options, run_dir),
    )
    say(closing_lines(run_dir, files, commands))
    return EXIT_CODES.get(history.stopped_by, 0)
