"""The functions of the program that prepare a batch and do an update."""

import inspect
import itertools
import keyword
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from gantape.ejection.graph import Node
from gantape.ejection.hooks import recording
from gantape.ejection.parts import Named, body_of, metric_name, optimizer_name, option_name
from gantape.ejection.passes import Passes
from gantape.ejection.trace import Trace, TracedStreams
from gantape.errors import EjectError
from gantape.random.rng import RandomStreams
from gantape.steps.added import AddedLosses, added_losses
from gantape.steps.step import Update
from gantape.tasks import SupervisedTask

DENSE = "gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # those of rows that were looked up are sparse"
CLIP_VALUE = "gradients = [tf.clip_by_value(gradient, -{0}, {0}) for gradient in gradients]"
CLIP_NORM = "gradients, _ = tf.clip_by_global_norm(gradients, {0})"
SUPERVISED = ("inputs", "targets", "sample_weight")
TAKEN = ("batches", "gradients", "keras", "loss", "np", "place", "prepare", "step", "tape", "tf", "train", "variables")
CLIP_WEIGHTS = "for variable in variables:\n    variable.assign(tf.clip_by_value(variable, -{0}, {0}))"


def prepare_function(named: Named) -> str:
    """The function that prepares a batch, and returns its tensors flat."""
    trace, batch = Trace({}, {}), named.batch()
    leaves = tf.nest.flatten(batch)
    inputs = [f"array_{place}" for place in range(len(leaves))]
    for leaf, name in zip(leaves, inputs, strict=True):
        trace.input(leaf, name)
    with recording(trace):
        prepared = named.data.prepare(batch)
    outputs = [trace.node_of(leaf) for leaf in tf.nest.flatten(prepared)]
    lines, results = body_of(trace, outputs, inputs)
    head = [f"\ndef prepare({', '.join(inputs)}):", '    """The tensors of a batch."""']
    returned = f"({', '.join(results)}{',' if len(results) == 1 else ''})"
    return "\n".join([*head, *(f"    {line}" for line in lines), f"    return {returned}", ""])


def update_function(named: Named, update: Update, passes: Passes) -> str:
    """The function that does an update.

    Args:
        named: The names of the program.
        update: The update.
        passes: The forward passes that updates share, in the order of updates.

    Raises:
        EjectError: If the loss or an option of the update cannot be written out.
    """
    _check(update)
    batch = named.data.prepare(named.batch())
    trace, leaves = Trace(named.names, named.constants, passes), tf.nest.flatten(batch)
    passes.begin(update)
    places = SUPERVISED if isinstance(named.task, SupervisedTask) else ()
    inputs = _inputs(batch, len(leaves), places, {*named.names.values(), *TAKEN})
    for leaf, name in zip(leaves, inputs, strict=True):
        trace.input(leaf, name)
    step = tf.constant(0, tf.int64)
    trace.input(step, "step")
    streams = RandomStreams(named.seed, step).stream(update.name, 0)
    rng: Any = TracedStreams(streams, trace, (f'("{update.name}", place)',), named.data.batch_size)
    with tf.GradientTape() as tape, added_losses(update.models) as added, recording(trace):
        losses = update.loss(batch, rng)
        terms = {name: _term(trace, update, name, term) for name, term in losses.terms.items()}
    moved = [variable.value for variable in update.trainable_variables]
    sparse = any(isinstance(one, tf.IndexedSlices) for one in tape.gradient(list(terms.values()), moved))
    metrics = [(name, tf.nest.flatten(values)) for name, values in losses.metrics.items()]
    shared = passes.results()
    values = [*terms.values(), *(leaf for _, leaves in metrics for leaf in leaves if leaf is not None), *shared]
    wanted = [trace.node_of(value) for value in values]
    extra = _added(named, update, added, trace)
    only = len(terms) == 1 and not extra
    for name, node in zip(terms, wanted, strict=False):
        node.name = "loss" if only else f"{name}_loss" if name in update.lazy or node.name in ("", "value") else node.name
    taken = [*inputs, *passes.used, *named.names.values(), "step", "place", "gradients", "variables"]
    lines, results = body_of(trace, wanted, [*taken, *([] if only else ["loss"])])
    passes.name(results[len(results) - len(shared) :])
    total = " + ".join([*results[: len(terms)], *extra])
    code = [
        "with tf.GradientTape() as tape:",
        *(f"    {line}" for line in lines),
        *([f"    loss = {total}"] if total != "loss" else []),
        "gradients = tape.gradient(loss, variables)",
        *([DENSE] if sparse else []),
    ]
    seen: list[str] = []
    rest = results[len(terms) :]
    for name, leaves in metrics:
        given = [rest.pop(0) if leaf is not None else "None" for leaf in leaves]
        seen.append(f"{metric_name(name)}.update_state({', '.join(given)})")
    text = [
        *_head(update, inputs, passes.used),
        *(["step = tf.cast(step, tf.int64)"] if trace.node_of(step).uses else []),
        f"variables = {named.code_of_variables(update)}",
        *(code if update.gradient_options.accumulate == 1 else _accumulated(inputs, [*code, *seen])),
        *_option(update, "clip_value", CLIP_VALUE),
        *_option(update, "clip_norm", CLIP_NORM),
        f"{optimizer_name(update)}.apply(gradients, variables)",
        *_option(update, "clip_weights", CLIP_WEIGHTS),
        *_average(named, update),
        *(seen if update.gradient_options.accumulate == 1 else []),
        f"return {', '.join(['loss', *passes.names_of(update)])}",
    ]
    first, *body = [line for part in text for line in part.split("\n")]
    return "\n".join(["", first, *(f"    {line}" for line in body), ""])


def _head(update: Update, inputs: list[str], used: list[str]) -> list[str]:
    """The first lines of the function that does an update."""
    due = [f"with_{term}" for term in update.lazy]
    if update.gradient_options.accumulate == 1:
        arguments = [*inputs, "step", "place", *used, *due]
        return [f"def update_{update.name}({', '.join(arguments)}):", f'"""{_summary(update)}"""']
    return [
        f"def update_{update.name}({', '.join(['batches', 'step', 'first', *due])}):",
        '"""One update by the mean gradients of several batches; returns the loss of the last."""',
    ]


def _summary(update: Update) -> str:
    """The first line of the docstring of the loss, if it has one."""
    own = (inspect.getdoc(update.loss) or "").strip().partition("\n")[0]
    return own if own and '"""' not in own and "\\" not in own and len(own) < 110 else "One update; returns its loss."


def _accumulated(inputs: list[str], lines: list[str]) -> list[str]:
    """The lines that compute the mean gradients of several batches."""
    batch = f"({', '.join(inputs)}{',' if len(inputs) == 1 else ''})"
    return [
        "gathered = []",
        f"for place, {batch} in enumerate(batches, first):",
        *(f"    {line}" for line in lines),
        "    gathered.append(gradients)",
        "gradients = [sum(parts) / len(parts) for parts in zip(*gathered)]",
    ]


def _term(trace: Trace, update: Update, name: str, term: Any) -> Any:
    """A term of the loss; a lazy one is computed where it is due, and multiplied there."""
    if name not in update.lazy:
        return term() if callable(term) else term
    with trace.block(f"if with_{name}") as block:
        value = update.lazy[name] * (term() if callable(term) else term)
        block.result = trace.node_of(value)
    return value


def _inputs(batch: Any, count: int, places: Sequence[str], taken: Collection[str]) -> list[str]:
    """The names of the tensors of a batch: their keys in dictionaries, or the given names of their places, or numbers."""
    if count == 1:
        return ["batch"]
    names = list(_keys(batch, places, ""))
    usable = [name.isidentifier() and not keyword.iskeyword(name) and name not in taken for name in names]
    named = len(names) == count and all(usable) and len(set(names)) == count
    return names if named else [f"batch_{place}" for place in range(count)]


def _keys(batch: Any, places: Sequence[str], name: str) -> Iterator[str]:
    """The name of each tensor of a batch, in the order of `tf.nest`; an empty one where there is none."""
    if isinstance(batch, Mapping):
        for key in sorted(batch):
            yield from _keys(batch[key], (), str(key))
    elif isinstance(batch, list | tuple):
        for member, place in itertools.zip_longest(batch, places[: len(batch)], fillvalue=""):
            yield from _keys(member, (), place)
    else:
        yield name


def _option(update: Update, option: str, code: str) -> list[str]:
    given = getattr(update.gradient_options, option) is not None
    return [code.format(option_name(update, option))] if given else []


def _average(named: Named, update: Update) -> list[str]:
    if update.average is None:
        return []
    networks = ", ".join(named.names[id(model)] for model in (update.average.copy, update.average.model))
    decay = option_name(update, "decay")
    return [f"follow({networks}, step, {decay})" if update.average.warm_up else f"follow_plainly({networks}, {decay})"]


def _added(named: Named, update: Update, added: AddedLosses, trace: Trace) -> list[str]:
    """The code of the losses that layers add.

    A network keeps those of its last call, while the loop counts those of every call.
    """
    if added.total() is None:
        return []
    called = Counter(node.template.partition("(")[0] for node in trace.nodes if isinstance(node, Node) and not node.pure)
    names = [named.names[id(model)] for model in update.models]
    repeated = [name for name in names if called[name] > 1]
    if added.recorded and repeated:
        raise EjectError(
            "layers add losses in a network that the loss calls more than once.",
            where=f'update "{update.name}"',
            got=f"{called[repeated[0]]} calls of {repeated[0]}",
            do="compute the added losses in the loss itself.",
        )
    return [
        f"tf.add_n({name}.losses)" for name, model in zip(names, update.models, strict=True) if getattr(model, "losses", ())
    ]


def _check(update: Update) -> None:
    options = update.gradient_options
    problems = {
        "skipped updates": options.skip_nonfinite,
        "a scaled loss": update.scale is not None,
    }
    found = [name for name, is_so in problems.items() if is_so]
    if found:
        raise EjectError(
            "an update has options that are not written out.",
            where=f'update "{update.name}"',
            got=", ".join(found),
            do="leave them out.",
        )
