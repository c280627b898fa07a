"""`gantape.inspect`: look through the updates of a task, on one batch, without training."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from gantape.compiler.failures import explain_failure
from gantape.data import Batches, Position
from gantape.data.conversion import first_as_trained, source_for
from gantape.distribute.replicas import check_made_in_scope
from gantape.errors import DataError, TaskError, listed
from gantape.inspection.calls import tensors_in
from gantape.inspection.clues import Clue
from gantape.inspection.gradients import Measured, measure
from gantape.inspection.graph import TracedCall, TracedUpdate, trace, trace_again, trace_update
from gantape.inspection.networks import Network, networks_of
from gantape.inspection.operations import clues_in_operations, clues_in_traces
from gantape.inspection.seen import Inspection
from gantape.inspection.update import NetworkCall, Role, SeenUpdate
from gantape.inspection.weights import Kept, clues_between, clues_of_update
from gantape.random.rng import RandomStreams
from gantape.shapes import describe
from gantape.steps.cuts import why_no_gradient
from gantape.steps.saved import random_numbers_restored, variables_restored
from gantape.steps.shared import sharing
from gantape.steps.step import Update
from gantape.tasks.task import Task
from gantape.types import Batch, Tensor

WHERE = "gantape.inspect"

Traces: TypeAlias = tuple[Mapping[str, TracedUpdate], Mapping[str, tuple[Sequence[Any], bool]]]
"""Every update in a first trace, and its operations in a second."""


def inspect(task: Task, batch: Batch | Batches, seed: int = 0) -> Inspection:
    """Compute each update of a task once, and say what it calls, watches and moves, and what is probably not meant.

    Nothing is trained: all variables have their values again afterwards, also after an error.

    Args:
        task: The task.
        batch: A batch as the losses get it, or a source of batches: its first prepared batch is used then.
        seed: The seed of random numbers, and of the order of a source.

    Raises:
        DataError: If `batch` is no batch.
        TaskError: If `task` is not a task, or was made for several devices.
        TensorError: If the batch does not fit the task.
        LossError: If a loss does not return named scalars.
    """
    if not isinstance(task, Task):
        raise TaskError("this is not a task.", where=f"{WHERE}, argument `task`", got=repr(task), do="give an instance of one.")
    check_made_in_scope(task.variables, None, f"{WHERE}, argument `task`")
    started = time.perf_counter()
    found = _first_batch(batch, seed) if isinstance(batch, Batches) else _as_tensors(batch)
    task.check_batch(found)
    updates = task.updates()
    networks = networks_of(task, updates)
    with _restored(task, updates):
        rng = RandomStreams(seed, tf.constant(0, tf.int64))
        with sharing():
            measured = {update.name: measure(update, found, rng.stream(update.name, 0), networks) for update in updates}
        traces, failed = _traces(updates, found, seed, networks)
        seen = tuple(
            _seen(update, measured[update.name], traces, found, lambda: _restored(task, updates)) for update in updates
        )
    between = (*failed, *clues_between(updates, measured, networks, seen))
    shapes = ", ".join(describe(leaf) for leaf in tensors_in(found))
    return Inspection(repr(task), f"a batch of {shapes}", seen, between, time.perf_counter() - started)


def _first_batch(data: Batches, seed: int) -> Batch:
    stack = data.open(seed, Position()).read(1)
    return first_as_trained(stack, f"{WHERE}, argument `batch`", "look at the cause, in your function.")


def _as_tensors(batch: Batch) -> Batch:
    try:
        return tf.nest.map_structure(tf.convert_to_tensor, batch)
    except (TypeError, ValueError):
        raise DataError(
            "this is neither a batch of tensors or arrays nor a source of batches.",
            where=f"{WHERE}, argument `batch`",
            got=type(batch).__name__,
            do=source_for(batch),
        ) from None


@contextlib.contextmanager
def _restored(task: Task, updates: Sequence[Update]) -> Iterator[None]:
    """A context after which variables and the generators of random numbers are as before."""
    variables = [*task.variables, *(variable for update in updates for model in update.models for variable in model.variables)]
    with variables_restored(variables), random_numbers_restored():
        yield


def _traces(
    updates: Sequence[Update], batch: Batch, seed: int, networks: Sequence[Network]
) -> tuple[Traces | None, tuple[Clue, ...]]:
    """Two traces of all updates; none, and the reason, if a loss cannot be traced."""
    try:
        first = trace(updates, batch, seed, functools.partial(trace_update, networks=networks))
        return (first, trace(updates, batch, seed, trace_again)), ()
    except Exception as error:  # whatever the user's code raises, such as AttributeError for `.numpy()`
        failure = explain_failure(error, "graph", tuple(update.name for update in updates))
        return None, (Clue(f"the step can run in eager mode only: {failure.got}", failure.where, failure.do),)


def _seen(update: Update, measured: Measured, traces: Traces | None, batch: Batch, kept: Kept) -> SeenUpdate:
    moves = [network for network in measured.networks if network.moved_by(update)]
    traced = traces[0][update.name] if traces else None
    rng = RandomStreams(0).stream(update.name)
    clues = list(_missing(update, measured, moves, lambda: update.losses(batch, rng).total))
    clues += clues_of_update(update, measured, kept)
    if traces and traced:
        examples = next((tensor.shape[0] for tensor in tensors_in(batch) if tensor.shape.rank), 0)
        clues += clues_in_operations(traced, examples)
        clues += clues_in_traces(traced.forward, *traces[1][update.name], f'Update "{update.name}"')
    names = tuple(network.name for network in moves)
    return SeenUpdate(
        update.name,
        names,
        _calls(measured, traced, names),
        measured.terms,
        traced.terms if traced else {},
        {term: {network.name: measured.norm(term, network) for network in measured.networks} for term in measured.terms},
        {network.name: measured.layers(network) for network in measured.networks},
        {name: path.cuts for name, path in traced.paths.items()} if traced else {},
        traced.kept_bytes if traced else {},
        traced.operations if traced else (0, 0),
        tuple(dict.fromkeys(clues)),
    )


def _calls(measured: Measured, traced: TracedUpdate | None, moves: Sequence[str]) -> tuple[NetworkCall, ...]:
    calls = traced.calls if traced else [TracedCall(call, (), False, False) for call in measured.record.calls]
    below: list[bool] = []  # whether a moved network stands behind the inputs of each call, or is called there
    found = []
    for call in calls:
        behind = any(below[int(name[1:])] for name in call.of if name.startswith("#"))
        name = call.call.network.name
        role: Role = "moved" if name in moves else "passed" if behind and call.passes else "constant"
        below.append(name in moves or behind)
        training = call.call.training
        said = None if training is None else bool(training)
        found.append(NetworkCall(name, said, call.of, role, call.reached and below[-1], call.passes))
    return tuple(found)


def _missing(update: Update, measured: Measured, moves: Sequence[Network], loss: Callable[[], Tensor]) -> Iterator[Clue]:
    """Networks that are to be moved and get no gradient, and terms that move nothing."""
    where = f'Update "{update.name}"'
    for network in moves:
        moved = {id(variable) for variable in network.moved_by(update)}
        pairs = zip(network.variables, measured.total(network), strict=True)
        missing = [variable for variable, gradient in pairs if gradient is None and id(variable) in moved]
        if missing:
            which = "" if len(missing) == len(moved) else f" for {listed([variable.path for variable in missing])}"
            yield Clue(
                f"{network.name} is to be moved and gets no gradient{which}: {why_no_gradient(loss, missing)}.",
                where,
                "call it inside the loss, and use operations that have gradients; or take it out of `variables`.",
            )
    for term, gradients in measured.gradients.items():
        ours = [gradient for network in moves for gradient in gradients[network.name]]
        others = any(
            gradient is not None for found in measured.gradients.values() for net in moves for gradient in found[net.name]
        )
        if others and ours and all(gradient is None for gradient in ours):
            yield Clue(
                f'the term "{term}" has no gradient with respect to what the update moves.',
                where,
                "look for tf.stop_gradient and the like on the way; a value that is only to be seen belongs into `logged`.",
            )
