"""What drives a run: plan, call, observe, act. The last part of the core."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.acting import Acting
from gantape.autotune import Choice, Length, choose_mode
from gantape.callbacks import Callback
from gantape.callbacks.callback import contributed
from gantape.callbacks.display import ProgressDisplay, with_display
from gantape.checkpoints import Checkpoints
from gantape.compiler import CompiledSteps, StepCompiler
from gantape.data import Batches, Lookahead
from gantape.descriptions import describe_run, explain_run
from gantape.evaluator import Evaluator
from gantape.failure import explain_not_finite
from gantape.feed import Feed
from gantape.history import History
from gantape.interruption import Interruption, heed_signals
from gantape.keeper import Keeper
from gantape.recorder import Recorder
from gantape.refusals import check_arguments, check_progress, too_few_batches
from gantape.resumption import Origin
from gantape.saver import Running
from gantape.schedule import Moment, When, at_end, every
from gantape.standing import Standing
from gantape.step import Step
from gantape.stopping import NothingLeft, Rule, Speed, StoppingRule
from gantape.tasks import Task
from gantape.workers import Workers

SECONDS_PER_CALL = 0.5
TRIAL_STEPS, CHECKPOINTS = 32, Checkpoints()


class Loop:
    """Trains a task.

        while not over:
            plan    how many steps until something is due
            call    the compiled steps
            observe the moment: steps, epochs, seconds
            act     on what is due: record, validate, callbacks
            save    a checkpoint, if it is due

    A call lasts about half a second at most, so that bars move and Ctrl-C is heeded. What it reports is read when something is
    due; after each call only how many steps it did. Ctrl-C ends the call, then the run; a second one ends it at once. The
    checkpoint on the way out is saved before the actions of the end: a resumed run goes on as if it had not ended.

    Args:
        task: What is trained.
        compiler: How steps are run; a graph by default.
        run_dir: Where the record (`run.json`), the history (`metrics.csv`) and checkpoints go; nothing is written without it.
        seed: The seed of the noise and of the order of the data. (Initial weights are drawn when the task is made: call
            `keras.utils.set_random_seed` before that.)
        callbacks: Actions and when they are due.
        gradient_norms: Whether to record the norm of each update's gradient.
        checkpoints: When checkpoints are saved in `run_dir`, and which are kept; `None` for no checkpoints.
        progress: Whether to show how far the run is, as `gantape.callbacks.show_progress` does; `False` shows nothing.
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
        checkpoints: Checkpoints | None = CHECKPOINTS,
        progress: bool = True,
    ) -> None:
        check_arguments(task, compiler, run_dir, callbacks, seed, checkpoints)
        check_progress(progress)
        self.task = task
        self.compiler = compiler or StepCompiler()
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.seed = seed
        self.callbacks = tuple(callbacks)
        self.gradient_norms = gradient_norms
        self.progress = progress
        self.history = History()
        self._standing = Standing()
        self._workers = Workers(self.compiler.strategy)
        self._keeper = Keeper(self.run_dir, checkpoints, self._workers)
        self._feed = Feed(task, seed, self._keeper)
        self._sound = True
        self._step = Step(task.updates(), seed, task.metrics.update, gradient_norms, repr(task), task.variables)
        self._compiled: CompiledSteps | None = None
        self._choice: Choice | None = None
        self._evaluator = Evaluator(task, self.compiler, seed, self._workers)

    @classmethod
    def resume(
        cls,
        run_dir: str | Path,
        task: Task,
        *,
        compiler: StepCompiler | None = None,
        callbacks: Sequence[Callback] = (),
        checkpoints: Checkpoints | None = CHECKPOINTS,
        changed: Sequence[str] = (),
        progress: bool = True,
    ) -> "Loop":
        """A loop that goes on with a run where its newest whole checkpoint was saved, bit for bit.

        Give `run` the run's own data, `record` and `validation`. Its length counts from here on; `moment` tells what is done.

        Args:
            run_dir: The run's directory.
            task: A task like the run's, fresh: its variables get the values of the checkpoint.
            compiler: How steps are run; by default in the run's own mode. Modes agree to rounding.
            callbacks: The run's actions. Those that are `Stateful` get back what they remembered.
            checkpoints: When checkpoints are saved from here on.
            changed: Names of hyper-parameters, or "data", that are others than the run's on purpose.
            progress: Whether to show how far the whole run is.

        Raises:
            ResumeError: If the task, or in `run` the data, is not the run's; with the differences.
            RunDirectoryError: If it holds no run or no whole checkpoint, or another loop is at work in it.
        """
        origin = Origin.read(Path(run_dir), changed)
        origin.check_task(task)
        how, norms = compiler or origin.compiler, origin.gradient_norms
        loop = cls(
            task,
            compiler=how,
            run_dir=run_dir,
            seed=origin.seed,
            callbacks=callbacks,
            gradient_norms=norms,
            checkpoints=checkpoints,
            progress=progress,
        )
        with how.scope():
            found = loop._keeper.take_up(origin, task)
        loop._standing, loop.history = found.standing, found.history
        return loop

    @property
    def moment(self) -> Moment:
        """Steps, epochs and seconds done so far."""
        return self._standing.moment

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
            DataError: If the data cannot fill a step, or, where checkpoints are saved, a run on it cannot be resumed.
            TensorError: If the batches do not fit the task.
            CompileError: If the task's code cannot be compiled in this mode.
            GradientError: If a variable to be moved gets no gradient.
            NotFiniteError: If a loss or a variable that was moved is not finite; see `failure.json` in the run's directory.
            RunDirectoryError: If the run's directory cannot be written, or holds another run.
        """
        return self._run(data, validation, record, StoppingRule(steps, epochs, minutes))

    def conclude(self, data: Batches, *, validation: Batches | None = None, record: When | None = None) -> History:
        """Do what the end of a run brings, with no further step; for one that was killed behind its last. As for `run`."""
        return self._run(data, validation, record, NothingLeft())

    def _run(self, data: Batches, validation: Batches | None, record: When | None, rule: Rule) -> History:
        reader = self._feed.open(data, self._standing, self._step.batches_per_step, in_step=self._sound)
        recorder = Recorder(self.history, self._reset, self._evaluator.of(validation), self._keeper.run_dir)
        shown = with_display(self.callbacks, self.progress)
        callbacks = [*recorder.callbacks(record or every(epochs=1) | at_end()), *shown]
        length = rule.length(data.batches_per_epoch, self._step.batches_per_step)
        with contextlib.ExitStack() as stack:
            self._keeper.open(stack, self.task)
            interruption = stack.enter_context(heed_signals())
            for callback in callbacks:
                if self._workers.does(callback.owner):
                    stack.callback(getattr(callback.action, "close", lambda: None))
                    if isinstance(callback.owner, ProgressDisplay):
                        callback.owner.open(
                            f"{type(self.task).__name__}, {rule}", length, self.moment, resumed=self._compiled is None
                        )
            compiled = self._compile(reader, length)
            running, speed = Running(self._standing, self.history, compiled, reader, callbacks), Speed()
            try:
                self.history.stopped_by = self._drive(running, rule, interruption, speed)
                self._keeper.finish(running)
                self._keeper.write(self._facts(speed), "finished")
            except Exception as error:
                lost = self._workers.lost(error)
                self.history.stopped_by = type(lost or error).__name__
                self._keeper.leave_in_haste(running, self._facts(speed), sound=self._sound and not lost)
                if lost:
                    raise lost from None
                raise
        logger.info("stopped by {} at step {} after {:.1f} s", self.history.stopped_by, self.moment.step, self.moment.seconds)
        return self.history

    def explain(self) -> str:
        """How the task is run, as text: mode, traces, compile seconds, what "auto" measured, variables, updates of a step."""
        return explain_run(self.task, self.compiler.mode, self._compiled, self._choice)

    def evaluate(self, data: Batches) -> dict[str, float]:
        """Means of losses and metrics over every example of `data`, with no variable moved.

        Raises:
            TaskError: If the task does not say how it is evaluated.
        """
        return self._evaluator.evaluate(data)

    def _drive(self, running: Running, rule: Rule, interruption: Interruption, speed: Speed) -> str:
        """The loop itself; returns why it stopped."""
        here, callbacks, started = running.standing, running.callbacks, time.perf_counter()
        acting = Acting(self.task, here, self.history, self._keeper.run_dir, self._current, self._workers)
        acted = self._keeper.remind(running)
        start = here.moment = attrs.evolve(here.moment, ended=False)
        due, share = [callback for callback in callbacks if callback.when.due(acted, start)], rule.share_done(start, start)
        stopped_by = acting.act(due, share, speed) or (str(rule) if share == 1.0 else "")
        while not stopped_by:
            before = here.moment
            done = self._call(running, self._plan(running, rule.steps_left(start, before), speed), speed)
            seconds, signal_name = acting.agree(start.seconds + time.perf_counter() - started, interruption, speed)
            now = Moment(before.step + done, here.position.epoch, seconds)
            share = rule.share_done(start, now)
            stopped_by = signal_name or (str(rule) if share == 1.0 else "")
            here.moment = attrs.evolve(now, ended=bool(stopped_by))
            due = [callback for callback in callbacks if callback.when.due(before, now)]
            stopped_by = acting.act(due, share, speed) or stopped_by
            first = before is start
            if self._keeper.save(running, before, must=first or bool(stopped_by)) or first or contributed(due):
                self._keeper.write(self._facts(speed), "running")
        # Only now comes what the end brings: the checkpoint is one of a run that goes on.
        told = due if here.moment.ended else []
        now, here.moment = attrs.evolve(here.moment, ended=False), attrs.evolve(here.moment, ended=True)
        due = [callback for callback in callbacks if callback not in told and callback.when.due(now, here.moment)]
        acting.act(due, rule.share_done(start, now), speed)
        return stopped_by

    def _plan(self, running: Running, left: int | None, speed: Speed) -> int:
        """How many steps until something is due, or the updates of a step are others."""
        step = running.standing.moment.step
        boundaries = [callback.when.next_step(step) for callback in running.callbacks] + [self._keeper.next_step(step)]
        limits = [speed.steps_in(SECONDS_PER_CALL), *(boundary - step for boundary in boundaries if boundary is not None)]
        return running.compiled.steps_alike(step, min(limits) if left is None else min(*limits, left))

    def _call(self, running: Running, count: int, speed: Speed) -> int:
        here, compiled = running.standing, running.compiled
        traces, started = compiled.traces, time.perf_counter()
        width = compiled.step.batches_per_step
        stack = running.reader.read(count * width)
        if stack.count < width and not here.position.batch:
            raise too_few_batches(stack.count, width)
        self._sound = False
        done = compiled.run(stack, here.moment.step) if stack.count >= width else 0
        if done and (compiled.not_finite() or not compiled.sound):
            rows = self._feed.rows(here.position, done * width)
            seen, last = stack.first(done * width), here.moment.step + done - 1
            raise explain_not_finite(self._step, compiled, seen, last, rows, self._keeper.run_dir)
        self._sound = True
        if compiled.traces == traces:
            speed.note(done, time.perf_counter() - started)
        here.position = stack.next
        here.examples += stack.count * stack.batch_size
        here.updates += done * compiled.step.updates_due(here.moment.step)
        return done

    def _current(self) -> dict[str, float]:
        means = self._compiled.means() if self._compiled else {}
        with self.compiler.scope():
            return means | (self.task.metrics.result() if means else {})

    def _reset(self) -> None:
        if self._compiled is not None:
            self._compiled.reset()
        with self.compiler.scope():
            self.task.metrics.reset()

    def _compile(self, reader: Lookahead, length: Length) -> CompiledSteps:
        if self._compiled is None:
            mode = self.compiler.mode
            if mode == "auto" and self.compiler.strategy is None:
                stack = reader.peek(TRIAL_STEPS * self._step.batches_per_step)
                self._choice, self._compiled = choose_mode(self.compiler, self._step, stack, self.moment.step, length)
            else:
                self._compiled = self.compiler.compile(self._step, "graph" if mode == "auto" else mode, reader.peek(1))
        return self._compiled

    def _facts(self, speed: Speed) -> dict[str, Any]:
        assert self._compiled is not None
        facts = contributed(self.callbacks) | describe_run(self.task, self._standing, self._compiled, self._choice, speed)
        return facts | {"seed": self.seed, "gradient_norms": self.gradient_norms, "stopped_by": self.history.stopped_by}
