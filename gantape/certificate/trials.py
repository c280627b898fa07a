"""The same few steps in every mode, from the same state, and in runs that are rounded otherwise."""

import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape._tensorflow import operations
from gantape.certificate.causes import Probes
from gantape.certificate.result import Certificate, Comparison
from gantape.certificate.rounding import MARGIN, SAMPLES, distance, perturbing, rounding_of
from gantape.compiler import StepCompiler
from gantape.compiler.compiled import CompiledSteps
from gantape.compiler.programs import GraphProgram, NamedMode
from gantape.data import BatchStack
from gantape.errors import CompileError, GantapeError, summary
from gantape.steps.saved import SavedVariables, random_numbers_restored
from gantape.steps.step import Step
from gantape.tasks import Task
from gantape.tasks.variables import named_variables

REPORT = "report "


@attrs.frozen(eq=False)
class Value:
    """A variable or a reported scalar after some steps.

    Args:
        numbers: Its elements, in float64.
        rounding: The largest relative error of one rounding of its type.
    """

    numbers: Any
    rounding: float

    @property
    def last_place(self) -> float:
        """One rounding of the largest element."""
        finite = self.numbers[np.isfinite(self.numbers)]
        return self.rounding * float(np.max(np.abs(finite), initial=0.0))


Values = Mapping[str, Value]


def certify(task: Task, step: Step, stack: BatchStack, first_step: int, modes: Sequence[NamedMode]) -> Certificate:
    """Run the same steps in every mode from the task's state, which is restored afterwards, and compare.

    Args:
        task: The task.
        step: Its step.
        stack: Batches for the steps.
        first_step: The number of the first step.
        modes: The modes; the others are compared with the first.

    Raises:
        CompileError: If no mode can run the steps.
    """
    trials = Trials(task, step, stack, first_step)
    with random_numbers_restored():
        try:
            return trials.certificate(modes)
        finally:
            trials.saved.restore()


class Trials:
    """Runs of the same steps from the same state.

    Args:
        task: The task.
        step: Its step.
        stack: Batches for the steps.
        first_step: The number of the first step.
    """

    def __init__(self, task: Task, step: Step, stack: BatchStack, first_step: int) -> None:
        step.prepare()
        self._step = step
        self._stack = stack
        self._first = first_step
        self._steps = stack.count // step.batches_per_step
        self._compared_variables = _named(task, step)
        self.saved = SavedVariables()
        self.saved.add(variable.value for variable in task.variables)

    def certificate(self, modes: Sequence[NamedMode]) -> Certificate:
        """Run the steps in all modes and in the samples, and compare."""
        graph = self._compiled("graph")
        self._trace(graph)
        failures: dict[str, str] = {}
        seen: dict[str, tuple[Values, Values]] = {}
        for mode in modes:
            try:
                seen[mode] = self._run(graph if mode == "graph" else self._compiled(mode))
            except GantapeError as error:
                failures[mode] = f"{error.where}: {error.got}"
            except Exception as error:
                failures[mode] = summary(error)
        if not seen:
            raise CompileError(
                "the steps run in none of the modes that are to be compared.",
                where="gantape.Loop.certify",
                got="; ".join(f"{mode}: {failure}" for mode, failure in failures.items()),
                do="look at the first failure: it is in the task, or in its data.",
            )
        made = Certificate(tuple(seen), self._first, self._steps, self._compared(seen), failures)
        if made.agree:
            return made
        with random_numbers_restored():
            probes = Probes(self._step, self._stack.first(self._step.batches_per_step), self._first, self.saved.restore)
            return attrs.evolve(made, causes=probes.causes(made))

    def _compiled(self, mode: NamedMode) -> CompiledSteps:
        return StepCompiler(mode, steps_per_call=self._steps).compile(self._step, mode, self._stack)

    def _calls(self, compiled: CompiledSteps) -> Iterator[tuple[int, BatchStack]]:
        """The number of the first step and the batches of each call: the first step alone, then as many as possible."""
        width, place, count = self._step.batches_per_step, 0, 1
        while place < self._steps:
            rows = slice(place * width, (place + count) * width)
            leaves = tf.nest.map_structure(operator.itemgetter(rows), self._stack.batches)
            yield self._first + place, attrs.evolve(self._stack, batches=leaves, count=count * width)
            place += count
            count = compiled.steps_until_change(self._first + place, max(1, self._steps - place))

    def _trace(self, compiled: CompiledSteps) -> None:
        """Trace all programs; variables that no part of the task holds are found in them, and saved."""
        for first, stack in self._calls(compiled):
            program = compiled.program(stack, first)
            if isinstance(program, GraphProgram) and not program.names:
                program.trace(stack)
        self.saved.add(compiled.variables)
        known = {id(variable) for variable, _, _ in self._compared_variables}
        for variable in compiled.variables:
            if id(variable) not in known:
                known.add(id(variable))
                self._compared_variables.append((variable, f"{variable.name} (held by no part)", ""))

    def _run(self, compiled: CompiledSteps) -> tuple[Values, Values]:
        """The values after the first step and after the last. A step whose numbers are not finite is the last."""
        self.saved.restore()
        seen: list[Values] = []
        with random_numbers_restored():
            for first, stack in self._calls(compiled):
                program = compiled.program(stack, first)
                program.run(stack, first)
                if not seen:
                    seen.append(self._values(program.last()))
                if program.not_finite() or not program.all_finite:
                    break
        return seen[0], self._values(program.last())

    def _values(self, report: Mapping[str, float]) -> Values:
        values = {f"{REPORT}{name}": Value(np.float64(number), rounding_of(tf.float32)) for name, number in report.items()}
        for variable, name, _ in self._compared_variables:
            values[name] = Value(tf.cast(variable, tf.float64).numpy(), rounding_of(variable.dtype))
        return values

    def _compared(self, seen: Mapping[str, tuple[Values, Values]]) -> tuple[Comparison, ...]:
        """Every variable and scalar after the first step and after the last."""
        rounded = self._compiled("graph")
        with operations(perturbing()):
            self._trace(rounded)
        samples = [self._run(rounded) for _ in range(SAMPLES)]
        owners = {name: update for _, name, update in self._compared_variables}
        (_, ends), *others = seen.items()
        made = []
        for place in range(2 if self._steps > 1 else 1):
            for name, value in ends[place].items():
                if all(name in run[place] for _, run in others):
                    kept = [run[place][name] for run in samples]
                    spread = max(distance(one.numbers, other.numbers) for one, other in itertools.combinations(kept, 2))
                    apart = {mode: distance(value.numbers, run[place][name].numbers) for mode, run in others}
                    explained = MARGIN * (spread + value.last_place)
                    update = owners[name] if name in owners else _update_of(name.removeprefix(REPORT), self._step)
                    made.append(
                        Comparison(
                            name,
                            update,
                            self._steps if place else 1,
                            apart,
                            explained,
                            bool(np.all(np.isfinite(value.numbers))),
                        )
                    )
        return tuple(made)


def _update_of(scalar: str, step: Step) -> str:
    """The update that reports a scalar; a step of one update leaves its name out."""
    names = [update.name for update in step.updates]
    return names[0] if len(names) == 1 else next(name for name in names if scalar.startswith(f"{name}/"))


def _named(task: Task, step: Step) -> list[tuple[Any, str, str]]:
    """Every variable of TensorFlow that a part holds, with its name and the update that moves it."""
    owners: dict[int, str] = {}
    for update in step.updates:
        models = [*update.models, *([update.average.copy] if update.average else [])]
        own = [*update.trainable_variables, *update.optimizer.variables]
        for variable in [*own, *(variable for model in models for variable in model.variables)]:
            owners.setdefault(id(variable.value), update.name)
    held = [(variable.value, name) for name, variable in named_variables(task).items()]
    return [(value, name, owners.get(id(value), "")) for value, name in held if _is_number(value.dtype)]


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_floating or dtype.is_integer or dtype.is_bool)
