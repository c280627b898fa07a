"""The functions of the program that prepare a batch, do an update, and train."""

from collections import Counter
from typing import Any

import keras
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.ejection.graph import Node
from gantape.ejection.hooks import recording
from gantape.ejection.parts import Named, body_of, metric_name, optimizer_name, option_name
from gantape.ejection.trace import Trace, TracedStreams
from gantape.errors import EjectError
from gantape.random.rng import RandomStreams
from gantape.steps.added import AddedLosses, added_losses
from gantape.steps.step import Update

DENSE = "    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]  # those of embeddings are sparse"
CLIP_VALUE = "    gradients = [tf.clip_by_value(gradient, -{0}, {0}) for gradient in gradients]"
CLIP_NORM = "    gradients, _ = tf.clip_by_global_norm(gradients, {0})"
CLIP_WEIGHTS = "    for variable in variables:\n        variable.assign(tf.clip_by_value(variable, -{0}, {0}))"


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


def update_function(named: Named, update: Update) -> str:
    """The function that does an update.

    Raises:
        EjectError: If the loss or an option of the update cannot be written out.
    """
    _check(update)
    batch = named.data.prepare(named.batch())
    trace, leaves = Trace(named.names, named.constants), tf.nest.flatten(batch)
    inputs = _inputs(batch, len(leaves))
    for leaf, name in zip(leaves, inputs, strict=True):
        trace.input(leaf, name)
    step = tf.constant(0, tf.int64)
    trace.input(step, "step")
    streams = RandomStreams(named.seed, step).stream(update.name, 0)
    rng: Any = TracedStreams(streams, trace, (f'("{update.name}", place)',), named.data.batch_size)
    with added_losses(update.models) as added, recording(trace):
        losses = update.loss(batch, rng)
    terms = losses.computed()
    metrics = [(name, tf.nest.flatten(values)) for name, values in losses.metrics.items()]
    wanted = [trace.node_of(value) for value in [*terms.values(), *(leaf for _, values in metrics for leaf in values)]]
    extra = _added(named, update, added, trace)
    only = len(terms) == 1 and not extra
    for name, node in zip(terms, wanted, strict=False):
        node.name = "loss" if only else node.name or f"{name}_loss"
    taken = [*inputs, *named.names.values(), "step", "place", "gradients", "variables", *([] if only else ["loss"])]
    lines, results = body_of(trace, wanted, taken)
    models = " + ".join(f"{named.names[id(model)]}.trainable_variables" for model in update.models)
    total = " + ".join([*results[: len(terms)], *extra])
    text = [
        f"\ndef update_{update.name}({', '.join(inputs)}, step, place):",
        '    """One update; returns its loss."""',
        *(["    step = tf.constant(step, tf.int64)"] if trace.node_of(step).uses else []),
        f"    variables = {models}",
        "    with tf.GradientTape() as tape:",
        *(f"        {line}" for line in lines),
        *([f"        loss = {total}"] if total != "loss" else []),
        "    gradients = tape.gradient(loss, variables)",
        *([DENSE] if _has_embeddings(update) else []),
        *_option(update, "clip_value", CLIP_VALUE),
        *_option(update, "clip_norm", CLIP_NORM),
        f"    {optimizer_name(update)}.apply(gradients, variables)",
        *_option(update, "clip_weights", CLIP_WEIGHTS),
        *_average(named, update),
    ]
    rest = results[len(terms) :]
    for name, values in metrics:
        text.append(f"    {metric_name(name)}.update_state({', '.join(rest[: len(values)])})")
        rest = rest[len(values) :]
    return "\n".join([*text, "    return loss", ""])


def train_function(named: Named) -> str:
    """The function that trains."""
    width = named.batches_per_step
    lines = ["\ndef train(steps=STEPS):", '    """The training loop."""', "    stream = batches()"]
    lines += ["    for step in range(steps):", f"        taken = [next(stream) for _ in range({width})]"]
    for update in named.updates:
        indent = "        "
        if update.every > 1:
            lines.append(f"{indent}if step % {update.every} == 0:")
            indent += "    "
        first = width - update.repeats
        call = f"{update.name}_loss = update_{update.name}"
        if update.repeats == 1:
            lines.append(f"{indent}{call}(*taken[{first}], step, 0)")
        else:
            lines.append(f"{indent}for place in range({update.repeats}):")
            lines.append(f"{indent}    {call}(*taken[{f'{first} + ' if first else ''}place], step, place)")
    shown = ", ".join(f'"{update.name}", float({update.name}_loss)' for update in named.updates if update.every == 1)
    lines += [
        "        if step % 100 == 0 or step == steps - 1:",
        f"            print({', '.join(['step', shown]).strip(', ')})",
    ]
    return "\n".join([*lines, "", "", 'if __name__ == "__main__":', "    train()", ""])


def _inputs(batch: Any, count: int) -> list[str]:
    if count == 1:
        return ["batch"]
    if isinstance(batch, tuple) and len(batch) == count <= 3:
        return ["inputs", "targets", "sample_weight"][:count]
    return [f"batch_{place}" for place in range(count)]


def _option(update: Update, option: str, code: str) -> list[str]:
    given = getattr(update.gradient_options, option) is not None
    return [code.format(option_name(update, option))] if given else []


def _has_embeddings(update: Update) -> bool:
    layers = [layer for model in update.models for layer in sublayers(model)]
    return any(isinstance(layer, keras.layers.Embedding) for layer in layers)


def _average(named: Named, update: Update) -> list[str]:
    if update.average is None:
        return []
    networks = ", ".join(named.names[id(model)] for model in (update.average.copy, update.average.model))
    return [f"    follow({networks}, step, {option_name(update, 'decay')})"]


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
    return [f"tf.add_n({name}.losses)" for name, model in zip(names, update.models, strict=True) if model.losses]


def _check(update: Update) -> None:
    options = update.gradient_options
    problems = {
        "accumulated gradients": options.accumulate > 1,
        "skipped updates": options.skip_nonfinite,
        "a scaled loss": update.scale is not None,
        "lazy terms": bool(update.lazy),
        "variables besides those of models": len(update.models) < len(update.variables),
    }
    found = [name for name, is_so in problems.items() if is_so]
    if found:
        raise EjectError(
            "an update has options that are not written out.",
            where=f'update "{update.name}"',
            got=", ".join(found),
            do="leave them out.",
        )
