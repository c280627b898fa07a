"""The compiled steps of a task, and the means of what they report."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs

from gantape.certificate import Certificate
from gantape.compiler import StepCompiler
from gantape.compiler.autotune import Tuner
from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.programs import NamedMode
from gantape.compiler.trials import RunLength, TuningResult
from gantape.data import BatchStack, PeekableReader
from gantape.loop.duration import Speed
from gantape.loop.measured import MeasuredMetrics
from gantape.loop.summary import describe_run
from gantape.state import RunState
from gantape.steps.saved import variables_restored
from gantape.steps.step import Step
from gantape.tasks import Task
from gantape.tasks.layer_metrics import metrics_of_layers


class Compilation:
    """Compiles the step of a task when a run begins, and keeps it for the next one.

    Args:
        task: The task.
        step: Its step.
        compiler: How steps are run.
    """

    def __init__(self, task: Task, step: Step, compiler: StepCompiler) -> None:
        self._task = task
        self._step = step
        self._compiler = compiler
        self._tuner: Tuner | None = None
        self._choice: TuningResult | None = None
        self._of_layers = metrics_of_layers(task)
        self._measured = MeasuredMetrics(task, step)
        self.steps: CompiledSteps | None = None
        self.speed = Speed()

    def compiled(self, reader: PeekableReader, first_step: int, length: RunLength) -> CompiledSteps:
        """The compiled steps for a run, whose speed begins anew; mode "auto" may choose another mode for a much longer one."""
        self.speed = Speed()
        if self.steps is None:
            step, mode = self._whole_step(), self._compiler.mode
            if mode == "auto" and self._compiler.strategy is None:
                self._tuner = Tuner(self._compiler, step)
                self._choice, self.steps = self._tuner.choose(reader, first_step, length)
            else:
                self.steps = self._compiler.compile(step, "graph" if mode == "auto" else mode, reader.peek(1))
        elif self._tuner is not None:
            totals = self.steps.totals()
            self._choice, self.steps = self._tuner.choose(reader, first_step, length)
            if self.steps.totals() != totals:  # another mode continues them, or trials have reset them
                self.steps.reset()
                self.steps.restore(totals)
        return self.steps

    def means(self) -> dict[str, float]:
        """The means of losses since `reset`, and the metrics that have measured something since."""
        means = self.steps.means() if self.steps else {}
        if not means:
            return {}
        with self._compiler.scope():
            return means | self._task.metrics.result(self._measured.since(means)) | self._of_layers.result()

    def reset(self) -> None:
        """Reset all means."""
        if self.steps is not None:
            self.steps.reset()
        with self._compiler.scope():
            self._task.metrics.reset()
            self._of_layers.reset()

    def explain(self, data: Any = None) -> str:
        """Mode, traces, speed, networks, updates and memory as text; see `Loop.explain`."""
        # Explanations and certificates are imported with the first one: `import gantape` and training do not wait for them.
        from gantape.inspection import inspect
        from gantape.loop.explanation import explain_run

        seen = None if data is None else inspect(self._task, data, self._step.seed)
        return explain_run(self._task, self._compiler.mode, self.steps, self._choice, self.speed, seen)

    def facts(self, state: RunState, stopped_by: str) -> dict[str, Any]:
        """The task, mode and progress of a run, for the record."""
        assert self.steps is not None
        facts = describe_run(self._task, state, self.steps, self._choice, self.speed)
        return facts | {"seed": self._step.seed, "gradient_norms": self._step.gradient_norms, "stopped_by": stopped_by}

    def restored(self) -> AbstractContextManager[None]:
        """A context after which the task's variables have the same values as before."""
        return variables_restored(self._task.variables)

    def certify(self, stack: BatchStack, first_step: int, modes: Sequence[NamedMode]) -> Certificate:
        """Compare the steps from a state on in several modes; see `Loop.certify`."""
        from gantape.certificate.trials import certify

        return certify(self._task, self._whole_step(), stack, first_step, modes)

    def _whole_step(self) -> Step:
        """The step, with every variable that the task has by now."""
        return attrs.evolve(self._step, variables=self._task.variables, columns=self._of_layers.names)
