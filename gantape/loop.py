"""What drives a run: plan, call, observe, act. The last part of the core."""

import contextlib
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.autotune import Choice, Length, choose_mode
from gantape.callbacks import Callback, MetricsFile
from gantape.compiler import CompiledSteps, StepCompiler
from gantape.data import Batches, Lookahead, Position, Reader
from gantape.evaluator import Evaluator
from gantape.history import History
from gantape.interruption import heed_signals
from gantape.progress import Progress
from gantape.recorder import Recorder
from gantape.refusals import check_arguments, check_data, not_finite, too_few_batches
from gantape.run_directory import RunDirectory, machine
from gantape.schedule import Moment, When, at_end, every
from gantape.stopping import Speed, StoppingRule
from gantape.tasks import Task
from gantape.update import Step

SECONDS_PER_CALL = 0.5
TRIAL_STEPS = 32


class Loop:
    """Trains a task.

        while not over:
            plan    how many steps until something is due
            call    the compiled steps
            observe the moment: steps, epochs, seconds
            act     on what is due: record, validate, callbacks

    A call lasts about half a second at most, so that bars move and Ctrl-C is heeded, and nothing is read from compiled code
    before something is due. Ctrl-C ends the call, then the run, in good order; a second one ends it at once.

    Args:
        task: What is trained.
        compiler: How steps are run; a graph by default.
        run_dir: Where the record (`run.json`) and the history (`metrics.csv`) go; nothing is written without it.
        seed: The seed of the noise and of the order of the data. (Initial weights are drawn when the task is made: call
            `keras.utils.set_random_seed` before that.)
        callbacks: Actions and when they are due.
        gradient_norms: Whether to record the norm of each update's gradient.
    """

    def __init__(
        self,
        task: Task,
        *,
        compiler: StepCompiler | None = None,
        run_dir: str | Path | None = None,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        gradient_norms: bool = False,
    ) -> None:
        check_arguments(task, callbacks, seed)
        self.task = task
        self.compiler = compiler or StepCompiler()
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.seed = seed
        self.callbacks = tuple(callbacks)
        self.gradient_norms = gradient_norms
        self.history = History()
        self._moment = Moment()
        self._position = Position()
        self._data: Batches | None = None
        self._step = Step(task.updates(), seed, task.metrics.update, gradient_norms, repr(task))
        self._compiled: CompiledSteps | None = None
        self._choice: Choice | None = None
        self._evaluator = Evaluator(task, self.compiler, seed)
        self._examples = 0
        self._updates = 0

    def run(
        self,
        data: Batches,
        *,
        validation: Batches | None = None,
        steps: int | None = None,
        epochs: int | None = None,
        minutes: float | None = None,
        record: When | None = None,
    ) -> History:
        """Train. A further call goes on from where the one before ended.

        Args:
            data: Training batches.
            validation: Batches to evaluate the task on whenever a row is recorded.
            steps: Steps to do.
            epochs: Passes over the data to do.
            minutes: Minutes to go on for, compiling included. Give exactly one of the three.
            record: When a row of the history is recorded; at the end of every epoch and of the run by default.

        Returns:
            The history, which tells why the run stopped.

        Raises:
            ScheduleError: Unless exactly one rule for stopping is given.
            DataError: If the data cannot fill a step.
            TensorError: If the batches do not fit the task.
            CompileError: If the task's code cannot be compiled in this mode.
            GradientError: If a variable to be moved gets no gradient.
            NotFiniteError: If a loss or a gradient is infinite or not a number. No step is done after that one.
            RunDirectoryError: If the run's directory cannot be written, or holds another run.
        """
        rule = StoppingRule(steps, epochs, minutes)
        reader = self._open_data(data)
        callbacks = self._with_own_callbacks(record or every(epochs=1) | at_end(), validation)
        directory = self._open_directory()
        speed, started = Speed(), time.perf_counter()
        moment = start = attrs.evolve(self._moment, ended=False)

        with contextlib.ExitStack() as stack:
            interruption = stack.enter_context(heed_signals())
            for callback in callbacks:
                stack.callback(getattr(callback.action, "close", _nothing))
            compiled = self._compile(reader, self._length(rule, data))
            stopped_by = self._act(callbacks, None, moment, rule.share_done(start, moment), speed)
            while not stopped_by:
                before = moment
                count = self._plan(compiled, callbacks, before.step, rule.steps_left(start, before), speed)
                done = self._call(compiled, reader, count, speed)
                moment = Moment(before.step + done, self._position.epoch, start.seconds + time.perf_counter() - started)
                share = rule.share_done(start, moment)
                stopped_by = interruption.signal_name or (str(rule) if share == 1.0 else "")
                self._moment = moment = attrs.evolve(moment, ended=bool(stopped_by))
                stopped_by = self._act(callbacks, before, moment, share, speed) or stopped_by
                if directory is not None and before is start:
                    directory.write(self._report(data, compiled, speed))
            if not moment.ended:
                self._moment = moment = attrs.evolve(moment, ended=True)
                self._act(callbacks, moment, moment, rule.share_done(start, moment), speed)
            self.history.stopped_by = stopped_by
            if directory is not None:
                directory.write(self._report(data, compiled, speed))
        logger.info("stopped by {} at step {} after {:.1f} s", stopped_by, moment.step, moment.seconds)
        return self.history

    def explain(self) -> str:
        """How the task is run, as text: mode, traces, compile seconds, what "auto" measured, variables, updates of a step."""
        updates = [
            f"  {update.name}: {len(update.trainable_variables)} variables, {type(update.optimizer).__name__}"
            f", {update.repeats} times every {update.every} steps"
            for update in self._step.updates
        ]
        how = self._compiled.explain() if self._compiled else f"mode {self.compiler.mode}, nothing is traced yet"
        tried = [self._choice.table()] if self._choice else []
        return "\n".join([repr(self.task), how, *tried, f"{len(self.task.variables)} variables in all; updates:", *updates])

    def evaluate(self, data: Batches) -> dict[str, float]:
        """Means of losses and metrics over every example of `data`, with no variable moved.

        Raises:
            TaskError: If the task does not say how it is evaluated.
        """
        check_data(data, "data")
        return self._evaluator.evaluate(data)

    def _plan(self, compiled: CompiledSteps, callbacks: Sequence[Callback], step: int, left: int | None, speed: Speed) -> int:
        limits = [speed.steps_in(SECONDS_PER_CALL)]
        limits += [boundary - step for callback in callbacks if (boundary := callback.when.next_step(step)) is not None]
        if left is not None:
            limits.append(left)
        return compiled.steps_alike(step, min(limits))

    def _call(self, compiled: CompiledSteps, reader: Reader, count: int, speed: Speed) -> int:
        traces, started = compiled.traces, time.perf_counter()
        width = compiled.step.batches_per_step
        stack = reader.read(count * width)
        if stack.count < width and not self._position.batch:
            raise too_few_batches(stack.count, width)
        done = compiled.run(stack, self._moment.step) if stack.count >= width else 0
        wrong = compiled.not_finite()
        if wrong:
            raise not_finite(wrong, self._moment.step + done - 1)
        if compiled.traces == traces:
            speed.note(done, time.perf_counter() - started)
        self._position = stack.next
        self._examples += stack.count * stack.batch_size
        self._updates += done * compiled.step.updates_due(self._moment.step)
        return done

    def _act(self, callbacks: Sequence[Callback], before: Moment | None, now: Moment, share: float, speed: Speed) -> str:
        """Do what is due; returns why the run is to stop, or nothing."""
        due = [callback for callback in callbacks if callback.when.due(before, now)]
        if not due:
            return ""
        progress = Progress(
            self.task,
            now,
            self._examples,
            self._updates,
            speed.steps_per_second,
            share,
            self.history,
            self.run_dir,
            self._current,
        )
        answers = [callback.action(progress) for callback in due]
        return next((answer.reason for answer in answers if answer is not None), "")

    def _current(self) -> dict[str, float]:
        means = self._compiled.means() if self._compiled else {}
        return means | (self.task.metrics.result() if means else {})

    def _reset(self) -> None:
        if self._compiled is not None:
            self._compiled.reset()
        self.task.metrics.reset()

    def _with_own_callbacks(self, record: When, validation: Batches | None) -> list[Callback]:
        recorder = Recorder(self.history, self._reset)
        own = [Callback(recorder.record, record)]
        if validation is not None:
            check_data(validation, "validation")
            evaluate = functools.partial(self.evaluate, validation)
            own.append(Callback(functools.partial(recorder.validate, evaluate), record))
        if self.run_dir is not None:
            own.append(Callback(MetricsFile(self.run_dir / "metrics.csv"), record))
        return [*own, *self.callbacks]

    def _open_data(self, data: Batches) -> Lookahead:
        """Read on in the data of the run before, or begin other data, after a look at its first batch."""
        check_data(data, "data", self._step.batches_per_step)
        same = data is self._data
        if not same and self._data is not None:
            self._position = Position(self._position.epoch, 0)
        reader = Lookahead(data.open(self.seed, self._position))
        if not same:
            stack = reader.peek(1)
            self.task.check_batch(stack.prepare(stack.batch(0)))
        self._data = data
        return reader

    def _compile(self, reader: Lookahead, length: Length) -> CompiledSteps:
        if self._compiled is None:
            mode = self.compiler.mode
            if mode == "auto":
                stack = reader.peek(TRIAL_STEPS * self._step.batches_per_step)
                self._choice, self._compiled = choose_mode(self.compiler, self._step, stack, self._moment.step, length)
            else:
                self._compiled = self.compiler.compile(self._step, mode, reader.peek(1))
        return self._compiled

    def _length(self, rule: StoppingRule, data: Batches) -> Length:
        if rule.minutes is not None:
            return Length(seconds=60.0 * rule.minutes)
        if rule.epochs is not None and data.batches_per_epoch is not None:
            return Length(steps=rule.epochs * (data.batches_per_epoch // self._step.batches_per_step))
        return Length(steps=rule.steps)

    def _open_directory(self) -> RunDirectory | None:
        if self.run_dir is None:
            return None
        directory = RunDirectory(self.run_dir)
        if not self._moment.step:
            directory.create()
        return directory

    def _report(self, data: Batches, compiled: CompiledSteps, speed: Speed) -> dict[str, Any]:
        return {
            "task": type(self.task).__name__,
            "hyperparameters": self.task.hyperparameters,
            "seed": self.seed,
            "data": data.describe(),
            "mode": compiled.mode,
            "steps_per_call": compiled.most_steps,
            "modes_tried": self._choice.record() if self._choice else [],
            "status": "finished" if self._moment.ended else "running",
            "stopped_by": self.history.stopped_by,
            "steps": self._moment.step,
            "epochs": self._moment.epoch,
            "updates": self._updates,
            "examples": self._examples,
            "seconds": round(self._moment.seconds, 3),
            "compile_seconds": round(compiled.compile_seconds, 3),
            "steps_per_second": round(speed.steps_per_second, 3),
            "versions": machine(),
        }


def _nothing() -> None:
    pass
