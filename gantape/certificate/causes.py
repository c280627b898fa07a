"""Why modes differ: random numbers of TensorFlow, numbers that Python makes, the first line that computes something else."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape._tensorflow import layer_calls, operations
from gantape.certificate.result import Certificate
from gantape.certificate.rounding import MARGIN, SAMPLES, distance, draws, draws_by_seed, perturbing
from gantape.compiler.signature import Signature
from gantape.data.batches import BatchStack, take_batch
from gantape.distribute.replicas import shard
from gantape.steps.lines import line_of_call, line_of_operation
from gantape.steps.step import Step
from gantape.types import Batch

MOST_LINES = 3


@attrs.define
class Seen:
    """What layers and the user's lines compute in one step.

    Args:
        values: The last tensor of floats that each call of a layer and each line makes, in the order in which they run first.
        kinds: What makes it: the class of the layer, or the kind of the operation.
        constants: The constants that each line puts into a graph.
        draws: The kind of the operation with which a line or a layer draws random numbers of TensorFlow's own.
        seeded: The same for random numbers that follow from a seed.
        hidden: Lines with operations in a branch or a loop of the graph, whose tensors cannot be looked at.
    """

    values: dict[str, Any] = attrs.field(factory=dict)
    kinds: dict[str, str] = attrs.field(factory=dict)
    constants: dict[str, list[Any]] = attrs.field(factory=dict)
    draws: dict[str, str] = attrs.field(factory=dict)
    seeded: dict[str, str] = attrs.field(factory=dict)
    hidden: set[str] = attrs.field(factory=set)
    _layers: list[str] = attrs.field(factory=list)

    def note(self, kind: str, outputs: Sequence[Any], shown: Sequence[Any], graph: Any) -> None:
        """Note an operation.

        Args:
            kind: Its kind.
            outputs: Its outputs.
            shown: What is used in their place.
            graph: The graph of the step; `None` for one that runs eagerly.
        """
        line = "" if not outputs else line_of_call() if graph is None else line_of_operation(outputs[0].op)
        place = line or ", ".join(self._layers[-1:])
        if graph is not None and outputs and place:
            if draws(outputs[0]):
                self.draws.setdefault(place, kind)
            elif draws_by_seed(outputs[0]):
                self.seeded.setdefault(place, kind)
        if not line:
            return
        if kind == "Const":
            if graph is not None:
                self.constants.setdefault(line, []).append(tf.get_static_value(outputs[0]))
            return
        if graph is not None and outputs[0].graph is not graph:
            self.hidden.add(line)
            return
        self._keep(line, kind, shown[:1])

    def call(self, layer: Any, call: Callable[[], Any], graph: Any) -> Any:
        """Call a layer, and note what it returns."""
        self._layers.append(f"layer {layer.path or layer.name}")
        outputs = call()
        name = self._layers.pop()
        tensors = [tensor for tensor in tf.nest.flatten(outputs) if tf.is_tensor(tensor)]
        if graph is None or all(tensor.graph is graph for tensor in tensors):
            calls = (f"{name}, call {number}" for number in itertools.count(1))
            self._keep(next(call for call in calls if call not in self.values), type(layer).__name__, tensors)
        return outputs

    def _keep(self, place: str, kind: str, tensors: Sequence[Any]) -> None:
        for tensor in tensors:
            if tensor.dtype.is_floating:
                self.values[place], self.kinds[place] = tensor, kind


class Probes:
    """Runs of one step that are looked into.

    Args:
        step: The step.
        stack: Its batches.
        number: Its number.
        restore: Restores the state before it.
    """

    def __init__(self, step: Step, stack: BatchStack, number: int, restore: Callable[[], None]) -> None:
        self._step = step
        self._stack = stack
        self._number = number
        self._restore = restore

    def causes(self, made: Certificate) -> tuple[str, ...]:
        """What is known about why modes differ: what always makes them differ, and the first to compute another value."""
        (graph,), (again,) = self._runs("graph"), self._runs("graph")
        found = [f"TensorFlow's own random numbers: {kind} in {line}" for line, kind in graph.draws.items()]
        changing = [line for line, numbers in graph.constants.items() if not _equal(numbers, again.constants.get(line, []))]
        found += [f"a number that Python makes and a graph keeps: {line}" for line in changing]
        differing = {mode for difference in made.differences for mode in difference.modes}
        place = next(place for place, mode in enumerate(made.modes) if mode in differing)
        one, other = made.modes[place - 1 : place + 1]
        if other in ("xla", "xla-loop"):
            found += [
                f"random numbers from a seed, of which XLA makes others: {kind} in {line}"
                for line, kind in graph.seeded.items()
            ]
        if other != "xla-loop":
            seen = {one: self._runs(one)[0], other: self._runs(other)[0]}
            found += _first_lines(seen, _spread(self._runs("graph", SAMPLES)))
        return tuple(found)

    def _runs(self, mode: str, samples: int = 0) -> list[Seen]:
        """The step in a mode; or, rounded otherwise, as many times as there are samples."""
        due, examples = self._step.due(self._number), self._stack.examples
        signature = Signature.of(due, self._stack)
        perturb = perturbing() if samples else None
        seen = Seen()

        def step(batches: Batch, examples: Batch | None, number: Any) -> dict[str, Any]:
            graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()

            def follow(kind: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
                if graph is not None and tf.executing_eagerly():
                    return None  # lifted out of the graph
                replaced = perturb(kind, inputs, outputs) if perturb else None
                seen.note(kind, outputs, replaced or outputs, graph)
                return replaced

            def around(layer: Any, call: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
                return seen.call(layer, functools.partial(call, *arguments, **keywords), graph)

            with operations(follow), layer_calls(around):
                places = range(self._step.batches_per_step)
                taken = [take_batch(batches, examples, place) for place in places]
                prepared = [shard(batch, signature.prepared(number, place)) for place, batch in zip(places, taken, strict=True)]
                self._step.run(prepared, number, due)
            return seen.values

        run = step if mode == "eager" else tf.function(functools.partial(step), jit_compile=mode != "graph" or None)
        batches, number = tf.nest.map_structure(tf.constant, self._stack.batches), tf.constant(self._number, tf.int64)
        made = []
        for _ in range(samples or 1):
            self._restore()
            values = {line: value.numpy() for line, value in run(batches, examples, number).items()}
            made.append(attrs.evolve(seen, values={line: values[line] for line in seen.values}))
        return made


def _first_lines(seen: Mapping[str, Seen], spread: Mapping[str, float]) -> list[str]:
    """The lines that run in one of two modes only, and the first of the others that differs by more than rounding explains."""
    (one, ours), (other, theirs) = seen.items()
    hidden = ours.hidden | theirs.hidden
    found = []
    for mode, lines, others in ((one, ours, theirs), (other, theirs, ours)):
        found += [
            f"{line} computes {lines.kinds[line]} in mode {mode} only" for line in lines.values if line not in others.values
        ]
    for line, value in ours.values.items():
        if line in theirs.values and line not in hidden:
            apart = distance(value, theirs.values[line])
            if apart > MARGIN * spread.get(line, 0.0):
                found.append(f"{line} is the first to differ: {ours.kinds[line]}, by {apart:.1e} between {one} and {other}")
                break
    return [text for text in found if text.partition(" computes")[0] not in hidden][:MOST_LINES]


def _spread(samples: Sequence[Seen]) -> dict[str, float]:
    """The largest difference of each line's tensor between samples."""
    pairs = list(itertools.combinations(samples, 2))
    return {line: max(distance(one.values[line], other.values[line]) for one, other in pairs) for line in samples[0].values}


def _equal(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) and all(map(np.array_equal, some, others))
