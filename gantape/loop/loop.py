"""The training loop: plan, call, observe, act."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
from loguru import logger

from gantape.callbacks import Callback
from gantape.callbacks.callback import Opening, contributed
from gantape.callbacks.display import with_display
from gantape.callbacks.recorder import Recorder
from gantape.callbacks.runner import CallbackRunner
from gantape.callbacks.trained import TrainedLayers
from gantape.certificate import Certificate
from gantape.checkpoints.manager import CheckpointManager
from gantape.checkpoints.run_record import RunRecord
from gantape.checkpoints.settings import Checkpoints
from gantape.compiler import StepCompiler
from gantape.compiler.programs import MODES, NamedMode
from gantape.data import Batches
from gantape.distribute.workers import Workers
from gantape.history import History
from gantape.loop.averages import OptimizerAverages
from gantape.loop.checks import check_arguments, check_certified, check_epochs, check_fills_steps
from gantape.loop.compilation import Compilation
from gantape.loop.data_iterator import DataIterator
from gantape.loop.duration import Duration
from gantape.loop.evaluator import Evaluator
from gantape.loop.nonfinite import explain_not_finite
from gantape.loop.run import Run, state_after
from gantape.loop.signals import catch_signals
from gantape.schedule import When
from gantape.state import RunState
from gantape.steps.step import Step
from gantape.tasks import Task

CHECKPOINTS = Checkpoints()


class Loop:
    """Trains a task.

        while not over:
            plan    how many steps until something is due
            call    the compiled steps
            observe the state: steps, epochs, seconds
            act     on what is due: record, validate, callbacks
            save    a checkpoint, if it is due

    A call lasts about half a second, or one step, so that the progress bar moves and Ctrl-C works. After each call, numbers are
    checked to be finite; means of losses and metrics are read when something is due. Ctrl-C ends the run after this call, a
    second one at once. The last checkpoint is saved before the end callbacks: a resumed run continues as if it had not ended.

    Args:
        task: The task to train.
        compiler: How steps are run; in mode "graph" by default.
        run_dir: The directory for the record (`run.json`), the history (`metrics.csv`) and checkpoints, if any are wanted.
        seed: The seed of random numbers and data order; for initial weights call `keras.utils.set_random_seed` before.
        callbacks: Actions and when they are due.
        gradient_norms: Whether to record the norm of each update's gradient.
        checkpoints: When checkpoints are saved in `run_dir`, and which are kept; `None` for no checkpoints.
        progress: Whether to show the progress of the run, as `gantape.callbacks.show_progress` does.
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
        check_arguments(task, compiler, run_dir, callbacks, seed, checkpoints, progress)
        self.task = task
        self.compiler = compiler or StepCompiler()
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.seed = seed
        self.callbacks = tuple(callbacks)
        self.gradient_norms = gradient_norms
        self.progress = progress
        self.history = History()
        self._state = self._acted = RunState()
        self._workers = Workers(self.compiler.strategy)
        self._manager = CheckpointManager(task, self.run_dir, checkpoints, self._workers, self.history)
        self._iterator = DataIterator(task, seed, self._manager, self.compiler.scope)
        self._whole = True  # whether the variables are those after a whole number of steps
        self._step = Step(task.updates(), seed, task.metrics.update, gradient_norms, repr(task))
        self._averages = OptimizerAverages(self._step.updates, self.compiler)
        self._compilation = Compilation(task, self._step, self.compiler)
        self._evaluator = Evaluator(task, self.compiler, seed, self._workers, lambda: self._state.step)

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
        """Create a loop that continues a run from its newest whole checkpoint, bit for bit.

        Give `run` the same data, `record` and `validation` as before. `steps`, `epochs` or `minutes` are those still to do.

        Args:
            run_dir: The run's directory.
            task: A new task like the run's: its variables get the values of the checkpoint.
            compiler: How steps are run; by default in the run's mode. Modes agree up to rounding.
            callbacks: The run's callbacks. `Stateful` actions are restored.
            checkpoints: When checkpoints are saved from now on.
            changed: Names of hyper-parameters, or "data", that differ from the run's on purpose.
            progress: Whether to show the progress of the whole run.

        Raises:
            ResumeError: If the task, or in `run` the data, is not the run's; with the differences.
            RunDirectoryError: If it holds no run or no whole checkpoint, or another loop is using it.
        """
        found = RunRecord.read(Path(run_dir), changed)
        found.check_task(task)
        how = compiler or found.compiler
        kept: dict[str, Any] = {"seed": found.seed, "gradient_norms": found.gradient_norms, "checkpoints": checkpoints}
        loop = cls(task, compiler=how, run_dir=run_dir, callbacks=callbacks, progress=progress, **kept)
        with how.scope():
            loop._step.prepare()
            loop._state = loop._manager.restore(found)
        return loop

    @property
    def state(self) -> RunState:
        """Steps, epochs, examples, updates and seconds done so far."""
        return self._state

    def run(
        self,
        data: Batches,
        *,
        validation: Batches | None = None,
        steps: int | None = None,
        epochs: int | None = None,
        minutes: float | None = None,
        record: When | None = None,
        validate: When | None = None,
    ) -> History:
        """Train. Another call continues where the previous one ended.

        Args:
            data: Training batches.
            validation: Batches to evaluate the task on.
            steps: Steps to do.
            epochs: Passes over the data to do.
            minutes: Minutes to train, compiling included. Give exactly one of `steps`, `epochs` and `minutes`.
            record: When a row of the history is recorded; by default at the end of every epoch and of the run.
            validate: When the task is evaluated on `validation`; by default whenever a row is recorded.

        Returns:
            The history, which says why the run stopped.

        Raises:
            ScheduleError: Unless exactly one length is given, or if `validate` is given without `validation`.
            DataError: If the data cannot fill a step, or, where checkpoints are saved, a run on it cannot be resumed.
            TensorError: If the batches do not fit the task.
            CompileError: If the task's code cannot be compiled in this mode.
            GradientError: If a variable to be updated gets no gradient.
            NotFiniteError: If a loss or an updated variable is not finite; see `failure.json` in the run's directory.
            RunDirectoryError: If the run's directory cannot be written, or holds another run.
        """
        return self._run(data, validation, (record, validate), Duration.of(steps, epochs, minutes))

    def finish(
        self, data: Batches, *, validation: Batches | None = None, record: When | None = None, validate: When | None = None
    ) -> History:
        """Call the end callbacks without further training, for a run killed after its last step. Arguments are as for `run`."""
        return self._run(data, validation, (record, validate), Duration(steps=0))

    def _run(self, data: Batches, validation: Batches | None, when: Sequence[When | None], duration: Duration) -> History:
        check_epochs(data, duration.epochs, self.callbacks)
        self._averages.take_back()
        reader, self._state = self._iterator.open(data, self._state, self._step.batches_per_step, in_step=self._whole)
        run_dir = self._manager.run_dir
        recorder = Recorder(self.history, self._compilation.reset, self._evaluator.of(validation), run_dir)
        callbacks = [*recorder.callbacks(when, TrainedLayers(self.task)), *with_display(self.callbacks, self.progress)]
        length = duration.length(data.batches_per_epoch, self._step.batches_per_step)
        with contextlib.ExitStack() as stack:
            self._manager.open(stack)
            interruption = stack.enter_context(catch_signals())
            runner = CallbackRunner(self.task, self.history, run_dir, self._compilation.means, self._workers)
            first, validated = not self._compilation.steps, validation is not None
            runner.open(callbacks, stack, Opening(self.task, str(duration), length, self._state, run_dir, first, validated))
            compiled = self._compilation.compiled(reader, self._state.step, length)
            run = Run(compiled, reader, callbacks, runner, duration, interruption, self._compilation.speed)
            try:
                self.history.stopped_by = self._drive(run)
                self._manager.mark_best(self._state)
                self._manager.write_record(self._facts(), "finished")
            except Exception as error:
                lost = self._workers.lost(error)
                self.history.stopped_by = type(lost or error).__name__
                self._manager.save_after_error(self._state, self._acted, self._facts(), whole=self._whole and not lost)
                if lost:
                    raise lost from None
                raise
        logger.info("stopped by {} at step {} after {:.1f} s", self.history.stopped_by, self._state.step, self._state.seconds)
        return self.history

    def explain(self, data: Any = None) -> str:
        """Mode, speed, networks, updates and memory as tables; for a batch or a source of batches, what `inspect` sees too."""
        return self._compilation.explain(data)

    def evaluate(self, data: Batches) -> dict[str, float]:
        """Means of losses and metrics over every example of `data`, without training.

        Raises:
            TaskError: If the task does not define how it is evaluated.
        """
        return self._evaluator.evaluate(data)

    def certify(self, data: Batches | None = None, *, steps: int = 3, modes: Sequence[NamedMode] = MODES) -> Certificate:
        """Run the next few steps in several modes, compare all that they change, and leave everything as it was before.

        Args:
            data: The data of the steps; by default that of the last run.
            steps: The number of steps; fewer if an epoch has fewer.
            modes: The modes; each is compared with the first.

        Raises:
            HyperparameterError: If fewer than two modes are named, or the task is trained on several devices.
            DataError: If there is no data, or too little of it for a step.
            CompileError: If the step cannot be traced.
        """
        check_certified(steps, modes, self.compiler)
        with self._compilation.restored():
            stack = self._iterator.look_ahead(data, self._state, steps, self._step.batches_per_step, in_step=self._whole)
            return self._compilation.certify(stack, self._state.step, modes)

    def _drive(self, run: Run) -> str:
        """The loop itself; returns why it stopped."""
        started = time.perf_counter()
        acted = self._manager.start(run.compiled, run.reader, run.callbacks)
        self._acted = acted or self._acted
        start = self._state = attrs.evolve(self._state, ended=False)
        due = run.due(acted, start)
        stopped_by = self._act(run, due, start) or run.over(start, start)
        while not stopped_by:
            before = self._state
            self._call(run, run.plan(start, before, self._manager.next_step(before.step)))
            seconds, signal_name = run.agree(start.seconds + time.perf_counter() - started)
            now = attrs.evolve(self._state, seconds=seconds)
            stopped_by = signal_name or run.over(start, now)
            self._state = attrs.evolve(now, ended=bool(stopped_by))
            due = run.due(before, now)
            stopped_by = self._act(run, due, start) or stopped_by
            first = before is start
            saved = self._manager.save(self._state, before, self._acted, must=first or bool(stopped_by))
            if saved or first or contributed(due):
                self._manager.write_record(self._facts(), "running")
        # The last checkpoint is that of a run that continues; only now write averages, and call the end callbacks.
        self._averages.write()
        called = due if self._state.ended else []
        now, self._state = attrs.evolve(self._state, ended=False), attrs.evolve(self._state, ended=True)
        self._act(run, [callback for callback in run.due(now, self._state) if callback not in called], start)
        return stopped_by

    def _act(self, run: Run, due: Sequence[Callback], start: RunState) -> str:
        """Call the callbacks that are due; returns why the run is to stop, or an empty text."""
        reason, self._acted = run.call(due, start, self._state), self._state
        return reason

    def _call(self, run: Run, count: int) -> None:
        """Run `count` steps, or as many as the epoch has batches for."""
        here, compiled = self._state, run.compiled
        traces, started = compiled.traces, time.perf_counter()
        width = self._step.batches_per_step
        stack = run.reader.read(count * width)
        check_fills_steps(stack, width, first=not here.batch)
        done, self._whole = 0, False
        if stack.count >= width:
            program = compiled.program(stack, here.step)
            with compiled.scope():
                done = program.run(stack, here.step)
            if program.not_finite() or not program.all_finite:
                rows, seen = self._iterator.rows(here, done * width), stack.first(done * width)
                raise explain_not_finite(self._step, program, seen, here.step + done - 1, rows, self._manager.run_dir)
        self._whole = True
        if compiled.traces == traces:
            run.speed.note(done, time.perf_counter() - started)
        self._state = state_after(here, stack, done, self._step.updates_due(here.step))

    def _facts(self) -> dict[str, Any]:
        return contributed(self.callbacks) | self._compilation.facts(self._state, self.history.stopped_by)
