"""One Keras model for all that a network needs around it: conditioning, pixels from 0 to 1, probabilities."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gantape._tensorflow import sublayers
from gantape.errors import ExportError, TaskError
from gantape.export.symbolic import (
    Range,
    called,
    conditioning_inputs,
    conditioning_names,
    from_range,
    functional,
    is_image,
    loss_of_output,
    placeholder,
    probabilities,
    to_range,
)
from gantape.layers import for_inference
from gantape.random.rng import RandomStreams
from gantape.shapes import dtype_name
from gantape.tasks import AdversarialTask, SupervisedTask, Task
from gantape.tasks.last_operation import RANGES, last_operation
from gantape.types import Model

EXAMPLES = 12
"""Examples in a check: a multiple of the usual sizes of packs and groups."""
TOLERANCE = 1e-5
"""The largest difference between a model and its copy elsewhere, relative to the largest output if that is above 1."""
_OF_16_BITS = 0.1


def standalone(task: Task, part: str = "", *, pixels: Range | None = None) -> Model:
    """A part of a task as a Keras model of its own, which needs neither the task nor gantape.

    | part | takes | returns |
    |---|---|---|
    | `generator` of an adversarial task: the averaged one | `latents`, and the conditioning, such as `labels` | `images` |
    | `discriminator` of an adversarial task | `images`, and the conditioning | raw `scores` |
    | `model` of a supervised task | `images` or `inputs` | `probabilities` of a classifier, else `outputs` |
    | any other model that makes images | `sources` or `inputs` | `images` |
    | any other model | `images` or `inputs` | `outputs` |

    Images go in and come out as float32 from 0 to 1, with the axes `batch height width channels` and 1, 3 or 4 channels;
    they are scaled to the range of the task inside. Whatever is not an image keeps its values, and several inputs or outputs
    keep their names. A model makes images if its last activation has the range of the pixels. Inputs and outputs are dicts, and
    a batch may have any size.

    Args:
        task: The task, trained.
        part: The part; by default `generator` of an adversarial task, and `model` of a supervised one.
        pixels: The range of pixels that the part was trained with; by default the task's `pixels`, or 0 to 1 if it has none.

    Returns:
        The model, in float32 and with Keras' own layers. It shares no weights with the task, except with a model class of
        your own, or with layers of your own that `from_config` does not make anew.

    Raises:
        TaskError: If there is no such model, or its inputs are not known.
        ExportError: If the task's `generate` computes something else than its generator.
    """
    name = part or default_part(task)
    network = _network(task, name)
    declared: Range = getattr(task, "pixels", (0.0, 1.0))
    scale = pixels or declared
    title = f"{type(task).__name__}_{name}".lower()
    if isinstance(task, AdversarialTask) and name in ("generator", "averaged_generator"):
        model = _generator(task, network, scale, title)
        _check_generate(task, model, scale)
        return model
    if isinstance(task, AdversarialTask) and name == "discriminator":
        return _discriminator(task, network, scale, title)
    return _other(network, task.loss if isinstance(task, SupervisedTask) and name == "model" else None, scale, title)


def default_part(task: Task) -> str:
    """The part that is exported unless another is named; an empty text if there is none."""
    return "generator" if isinstance(task, AdversarialTask) else "model" if isinstance(task, SupervisedTask) else ""


def with_names(model: Any) -> Model:
    """A model that calls another with `training=False`, and takes and returns dicts."""
    return _other(model, None, (0.0, 1.0), model.name)


def _network(task: Task, name: str) -> Any:
    """The network of a part, with Keras' own layers if possible."""
    part = "averaged_generator" if name == "generator" and isinstance(task, AdversarialTask) else name
    network = getattr(task, part) if part in task.part_names() else None
    if not isinstance(network, keras.Model):
        raise TaskError(
            "there is no such model to export.",
            where=f'gantape.export, part "{name}"',
            got=f"a {type(task).__name__} with the parts {', '.join(task.part_names())}",
            do="name a part that is a model.",
        )
    with contextlib.suppress(TaskError):  # a model class of the user's is exported as it is
        copy = for_inference(network)
        if _alike(network, copy):  # else a layer keeps something that is neither in its configuration nor a variable
            return copy
    return network


def _alike(network: Any, copy: Any) -> bool:
    """Whether a copy of a network computes the same, up to its precision."""
    rng = np.random.default_rng(0)
    inputs = tf.nest.map_structure(lambda tensor: random_values(tensor, EXAMPLES, rng), _inputs(network))
    with tf.device("CPU:0"):  # where float32 is not rounded to fewer bits
        pairs = zip(*(tf.nest.flatten(model(inputs, training=False)) for model in (network, copy)), strict=True)
    found = max(difference(np.asarray(made, np.float64), np.asarray(wanted, np.float64)) for wanted, made in pairs)
    return found <= (_OF_16_BITS if any("16" in layer.compute_dtype for layer in sublayers(network)) else TOLERANCE)


def _generator(task: AdversarialTask, network: Any, pixels: Range, title: str) -> Model:
    latents = keras.Input((task.latent_size,), dtype="float32", name="latents")
    inputs, conditioning = conditioning_inputs(task.condition, pixels)
    made = network(called(task.condition.for_generator, latents, conditioning), training=False)
    found = {"images": from_range(made, pixels)} if is_image(made) else {"outputs": made}
    return functional([latents, *inputs], found, title)


def _discriminator(task: AdversarialTask, network: Any, pixels: Range, title: str) -> Model:
    made = task.generate(task.latents(2, RandomStreams(0)), task.condition.for_grid(1, 2, None))
    examples = placeholder(made, "images" if is_image(made) else "inputs")
    inputs, conditioning = conditioning_inputs(task.condition, pixels)
    outputs = network(called(task.condition.for_discriminator, to_range(examples, pixels), conditioning), training=False)
    scores, *others = outputs if isinstance(outputs, list | tuple) else [outputs]
    named = {f"auxiliary_{place}": other for place, other in enumerate(others, 1)}
    return functional([examples, *inputs], {"scores": scores, **named}, title)


def _other(network: Any, losses: Any, pixels: Range, title: str) -> Model:
    given = _inputs(network)
    if given is None:
        raise TaskError(
            "the inputs of the model are not known.",
            where=f'gantape.export, model "{network.name}"',
            got=f"a {type(network).__name__} that is not made of inputs and outputs",
            do="wrap it, inputs = keras.Input(shape), keras.Model(inputs, model(inputs)), and give that to export_model.",
        )
    makes_images = is_image(network.outputs[0]) and RANGES.get(_last_operation(network, given)) == tuple(pixels)
    leaves = tf.nest.flatten(given)
    single = "inputs" if not is_image(leaves[0]) else "sources" if makes_images else "images"
    inputs = [placeholder(leaf, single if given is leaf else leaf.name) for leaf in leaves]
    arguments = tf.nest.pack_sequence_as(given, [to_range(tensor, pixels) for tensor in inputs])
    outputs = network(arguments, training=False)  # Keras augments by default, also outside of training
    if isinstance(outputs, Mapping | list | tuple):
        by_name = outputs if isinstance(outputs, Mapping) else dict(zip(network.output_names, outputs, strict=True))
        chances = {name: probabilities(one, loss_of_output(losses, name, at)) for at, (name, one) in enumerate(by_name.items())}
        found = {name: one if chances[name] is None else chances[name] for name, one in by_name.items()}
        return functional(inputs, found, title)
    chance = probabilities(outputs, losses)
    if chance is not None:
        return functional(inputs, {"probabilities": chance}, title)
    return functional(inputs, {"images": from_range(outputs, pixels)} if makes_images else {"outputs": outputs}, title)


def _last_operation(network: Any, inputs: Any) -> str:
    """The kind of TensorFlow operation that makes the outputs of a network."""
    blank = tf.nest.map_structure(lambda one: tf.zeros([1, *(size or 16 for size in one.shape[1:])], one.dtype), inputs)
    return last_operation(network, blank)


def _inputs(network: Any) -> Any:
    """The inputs with which a model was built, in their structure; `None` if they are not known."""
    tensors = getattr(network, "inputs", None)
    if not tensors:
        return None
    return tensors[0] if isinstance(network, keras.Sequential) else network.input


def _check_generate(task: AdversarialTask, model: Any, pixels: Range) -> None:
    """Check that the model makes what the task's `generate` makes, which a task may override."""
    low, high = pixels
    with tf.device("CPU:0"):  # where float32 is not rounded to fewer bits
        latents, conditioning = task.latents(EXAMPLES, RandomStreams(0)), task.condition.for_grid(1, EXAMPLES, None)
        wanted = np.asarray(task.generate(latents, conditioning), np.float64)
        leaves = [(leaf - low) / (high - low) if is_image(leaf) else leaf for leaf in tf.nest.flatten(conditioning)]
        given = {"latents": latents, **dict(zip(conditioning_names(task.condition), leaves, strict=True))}
        ((name, made),) = model({name: given[name] for name in model.input}).items()
    if name == "images":
        wanted = np.clip((wanted - low) / (high - low), 0.0, 1.0)
    found = difference(np.asarray(made), wanted)
    if not found <= (_OF_16_BITS if "16" in task.precision else TOLERANCE):
        raise ExportError(
            "the generator alone does not make what the task makes.",
            where=f"gantape.export, {type(task).__name__}.generate",
            got=f"{name} that differ by up to {found:.3g}",
            do="put into the generator whatever `generate` adds to it, or give a model of your own to export_model.",
        )


def random_values(tensor: Any, count: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Random values for an input; axes of any size get 16 places."""
    shape, dtype = (count, *(size or 16 for size in tensor.shape[1:])), dtype_name(tensor)
    if "float" not in dtype:
        return rng.integers(0, 2, shape).astype(dtype)
    return (rng.random(shape) if is_image(tensor) else rng.normal(size=shape)).astype(dtype)


def difference(found: Any, wanted: Any) -> float:
    """The largest difference of two arrays, relative to the largest number wanted if that is above 1; infinite for NaN."""
    if found.shape != wanted.shape:
        return np.inf
    largest = np.max(np.abs(found - wanted), initial=0.0) / max(1.0, np.max(np.abs(wanted), initial=0.0))
    return float(largest) if np.isfinite(largest) else np.inf
