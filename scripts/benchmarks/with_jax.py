"""JAX: one compiled step for each batch, or a `lax.scan` over many. The data lies in memory; steps gather their batch.

References:
    Kingma and Ba 2015, arXiv 1412.6980 (Adam, which JAX itself does not have).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks import architecture as a
from benchmarks import workloads as w
from benchmarks.contenders import Arrays, Contender, Order

Tree = Any
Step = Callable[[Tree, list[Any], Any], tuple[Tree, Any]]
"""`step(state, batches, key)`: the new state, and losses and scores."""

PENALTY_WEIGHT = 10.0
_NORM_MOMENTUM, _NORM_EPSILON = 0.99, 1e-3


class JaxLoop(Contender):
    """A loop in JAX.

    Args:
        workload: The workload.
        arrays: The data.
        steps_per_call: Steps in a `lax.scan`; 1 for a compiled step without one.
    """

    def __init__(self, workload: w.Workload, arrays: Arrays, steps_per_call: int) -> None:
        examples = jnp.asarray(arrays["examples"])
        labels = jnp.asarray(arrays["labels"]) if "labels" in arrays else None
        self._data = (examples, labels)
        self._order = Order(len(examples), workload.batch_size)
        self._width = workload.batches_per_step
        self._steps_per_call = steps_per_call
        self._number = 0
        if isinstance(workload.problem, w.Classifier):
            self._state, step = _classifier(workload.problem)
        else:
            self._state, step = _game(workload)

        def one_step(state: Tree, data: Any, rows: Any, number: Any) -> tuple[Tree, Any]:
            batches = [_batch(data, rows[place], workload.pixels) for place in range(self._width)]
            return step(state, batches, jax.random.fold_in(jax.random.key(0), number))

        def many_steps(state: Tree, data: Any, rows: Any, first: Any) -> tuple[Tree, Any]:
            numbers = first + jnp.arange(len(rows))
            state, reports = lax.scan(lambda state, at: one_step(state, data, *at), state, (rows, numbers))
            return state, reports.sum(0)

        def single_step(state: Tree, data: Any, rows: Any, first: Any) -> tuple[Tree, Any]:
            return one_step(state, data, rows[0], first)

        self._call = jax.jit(many_steps if steps_per_call > 1 else single_step, donate_argnums=0)

    def run(self, steps: int) -> int:
        calls = -(-steps // self._steps_per_call)
        total = jnp.zeros(())
        for _ in range(calls):
            rows = self._order.take(self._steps_per_call * self._width)
            rows = rows.reshape(self._steps_per_call, self._width, -1)
            self._state, report = self._call(self._state, self._data, rows, self._number)
            self._number += self._steps_per_call
            total = total + report
        jax.tree.map(lambda leaf: leaf.block_until_ready(), (self._state, total))
        return calls * self._steps_per_call


def contender(workload: w.Workload, arrays: Arrays, variant: str) -> JaxLoop:
    """A loop in JAX: "jit" or "scan"."""
    return JaxLoop(workload, arrays, workload.steps_per_call if variant == "scan" else 1)


def network(description: a.Network, key: Any) -> tuple[Tree, Tree]:
    """Weights (Glorot's uniform) and moving statistics of a network, a dictionary for each layer."""
    weights, statistics = [], []
    before = [description.input_shape, *description.shapes()]
    for index, (layer, shape) in enumerate(zip(description.layers, before, strict=False)):
        kernel = _kernel_shape(layer, shape)
        if kernel:
            initial = jax.nn.initializers.glorot_uniform()(jax.random.fold_in(key, index), kernel)
            weights.append({"kernel": initial, "bias": jnp.zeros(kernel[-1])})
        elif isinstance(layer, a.BatchNorm):
            weights.append({"scale": jnp.ones(shape[-1]), "offset": jnp.zeros(shape[-1])})
        else:
            weights.append({})
        norm = isinstance(layer, a.BatchNorm)
        statistics.append({"mean": jnp.zeros(shape[-1]), "variance": jnp.ones(shape[-1])} if norm else {})
    return weights, statistics


def apply(description: a.Network, weights: Tree, statistics: Tree, inputs: Any, key: Any) -> tuple[Any, Tree]:
    """The network's outputs in training, and its new moving statistics."""
    outputs, moved = inputs, []
    for index, (layer, own, moving) in enumerate(zip(description.layers, weights, statistics, strict=True)):
        if isinstance(layer, a.BatchNorm):
            mean, variance = outputs.mean((0, 1, 2)), outputs.var((0, 1, 2))
            outputs = (outputs - mean) * (lax.rsqrt(variance + _NORM_EPSILON) * own["scale"]) + own["offset"]
            found = {"mean": mean, "variance": variance}
            moving = jax.tree.map(lambda old, new: _NORM_MOMENTUM * old + (1 - _NORM_MOMENTUM) * new, moving, found)
        else:
            outputs = _outputs(layer, own, outputs, jax.random.fold_in(key, index))
        moved.append(moving)
    return outputs, moved


def _kernel_shape(layer: a.Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    match layer:
        case a.Dense(units):
            return (shape[-1], units)
        case a.Convolution(filters, kernel) | a.TransposedConvolution(filters, kernel):
            return (kernel, kernel, shape[-1], filters)
        case _:
            return ()


def _outputs(layer: a.Layer, own: Tree, inputs: Any, key: Any) -> Any:
    axes = ("NHWC", "HWIO", "NHWC")
    match layer:
        case a.Dense():
            return inputs @ own["kernel"] + own["bias"]
        case a.Convolution(_, _, stride):
            found = lax.conv_general_dilated(inputs, own["kernel"], (stride, stride), "SAME", dimension_numbers=axes)
            return found + own["bias"]
        case a.TransposedConvolution(_, _, stride):
            return lax.conv_transpose(inputs, own["kernel"], (stride, stride), "SAME", dimension_numbers=axes) + own["bias"]
        case a.Dropout(rate):
            return jnp.where(jax.random.bernoulli(key, 1.0 - rate, inputs.shape), inputs / (1.0 - rate), 0.0)
        case a.Activation(function):
            return {"relu": jax.nn.relu, "leaky_relu": _leaky, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}[function](inputs)
        case a.Reshape(height, width, channels):
            return inputs.reshape(-1, height, width, channels)
        case a.Flatten():
            return inputs.reshape(len(inputs), -1)
        case a.GlobalMaximum():
            return inputs.max((1, 2))
        case a.BatchNorm():
            raise TypeError("batch norm has statistics")


def _leaky(inputs: Any) -> Any:
    return jax.nn.leaky_relu(inputs, 0.2)


def _batch(data: Any, rows: Any, pixels: tuple[float, float]) -> tuple[Any, Any]:
    examples, labels = data
    chosen = examples[rows]
    if chosen.dtype == jnp.uint8:
        chosen = chosen.astype(jnp.float32) * ((pixels[1] - pixels[0]) / 255.0) + pixels[0]
    return chosen, None if labels is None else labels[rows]


def _moments(method: w.Optimizer, weights: Tree) -> Tree:
    if method.method == "sgd":
        return ()
    return {
        "count": jnp.zeros(()),
        "first": jax.tree.map(jnp.zeros_like, weights),
        "second": jax.tree.map(jnp.zeros_like, weights),
    }


def _descend(method: w.Optimizer, weights: Tree, moments: Tree, gradients: Tree) -> tuple[Tree, Tree]:
    if method.method == "sgd":
        return jax.tree.map(lambda weight, slope: weight - method.learning_rate * slope, weights, gradients), moments
    count = moments["count"] + 1.0
    first = jax.tree.map(lambda old, slope: method.beta_1 * old + (1 - method.beta_1) * slope, moments["first"], gradients)
    second = jax.tree.map(lambda old, slope: method.beta_2 * old + (1 - method.beta_2) * slope**2, moments["second"], gradients)
    rate = method.learning_rate * jnp.sqrt(1 - method.beta_2**count) / (1 - method.beta_1**count)
    moved = jax.tree.map(lambda weight, m, v: weight - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second)
    return moved, {"count": count, "first": first, "second": second}


def _classifier(problem: w.Classifier) -> tuple[Tree, Step]:
    weights, statistics = network(problem.network, jax.random.key(1))

    def loss_of(weights: Tree, statistics: Tree, batch: Any, key: Any) -> tuple[Any, Any]:
        images, labels = batch
        logits, moved = apply(problem.network, weights, statistics, images, key)
        loss = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean()
        return loss, (moved, (logits.argmax(1) == labels).mean())

    def step(state: Tree, batches: list[Any], key: Any) -> tuple[Tree, Any]:
        weights, statistics, moments = state
        (loss, (statistics, hits)), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, statistics, batches[0], key)
        weights, moments = _descend(problem.optimizer, weights, moments, gradients)
        return (weights, statistics, moments), jnp.stack([loss, hits])

    return (weights, statistics, _moments(problem.optimizer, weights)), step


def _game(workload: w.Workload) -> tuple[Tree, Step]:
    gan = workload.problem
    assert isinstance(gan, w.GAN)
    generator, generator_statistics = network(gan.generator, jax.random.key(1))
    discriminator, discriminator_statistics = network(gan.discriminator, jax.random.key(2))

    def generate(weights: Tree, key: Any) -> Any:
        latents = jax.random.normal(key, (workload.batch_size, gan.latent_size))
        return apply(gan.generator, weights, generator_statistics, latents, key)[0]

    def scores_of(weights: Tree, examples: Any, key: Any) -> Any:
        return apply(gan.discriminator, weights, discriminator_statistics, examples, key)[0]

    def discriminator_loss(weights: Tree, generator: Tree, real: Any, keys: Any) -> tuple[Any, Any]:
        fake = generate(generator, keys[0])
        if gan.loss == "noisy-labels":
            scores = scores_of(weights, jnp.concatenate([fake, real]), keys[1])
            fake_scores, real_scores = jnp.split(scores, 2)
            labels = jnp.concatenate([jnp.ones_like(fake_scores), jnp.zeros_like(real_scores)])
            labels = labels + 0.05 * jax.random.uniform(keys[2], labels.shape)
            return _cross_entropy(labels, scores), jnp.stack([real_scores.mean(), fake_scores.mean()])
        real_scores, fake_scores = scores_of(weights, real, keys[1]), scores_of(weights, fake, keys[1])
        if gan.loss == "wasserstein":
            penalty = gradient_penalty(weights, real, fake, keys)
            loss = fake_scores.mean() - real_scores.mean() + PENALTY_WEIGHT * penalty
        else:
            loss = jax.nn.softplus(-real_scores).mean() + jax.nn.softplus(fake_scores).mean()
        return loss, jnp.stack([real_scores.mean(), fake_scores.mean()])

    def gradient_penalty(weights: Tree, real: Any, fake: Any, keys: Any) -> Any:
        mix = jax.random.uniform(keys[2], (workload.batch_size, *[1] * (real.ndim - 1)))
        gradient = jax.grad(lambda examples: scores_of(weights, examples, keys[1]).sum())(mix * real + (1.0 - mix) * fake)
        squares = jnp.square(gradient).reshape(workload.batch_size, -1).sum(1)
        return jnp.square(jnp.sqrt(squares + 1e-10) - 1.0).mean()

    def generator_loss(weights: Tree, discriminator: Tree, keys: Any) -> Any:
        scores = scores_of(discriminator, generate(weights, keys[0]), keys[1])
        match gan.loss:
            case "noisy-labels":
                return _cross_entropy(jnp.zeros_like(scores), scores)
            case "wasserstein":
                return -scores.mean()
            case "non-saturating":
                return jax.nn.softplus(-scores).mean()

    def step(state: Tree, batches: list[Any], key: Any) -> tuple[Tree, Any]:
        (discriminator, discriminator_moments), (generator, generator_moments) = state
        keys = jax.random.split(key, (len(batches) + 1, 3))
        report = jnp.zeros(3)
        for (real, _), own in zip(batches, keys, strict=False):
            differentiate = jax.value_and_grad(discriminator_loss, has_aux=True)
            (loss, scores), gradients = differentiate(discriminator, generator, real, own)
            discriminator, discriminator_moments = _descend(
                gan.discriminator_optimizer, discriminator, discriminator_moments, gradients
            )
            report += jnp.concatenate([loss[None], scores])
        loss, gradients = jax.value_and_grad(generator_loss)(generator, discriminator, keys[-1])
        generator, generator_moments = _descend(gan.generator_optimizer, generator, generator_moments, gradients)
        state = (discriminator, discriminator_moments), (generator, generator_moments)
        return state, jnp.concatenate([report / len(batches), loss[None]])

    return (
        (discriminator, _moments(gan.discriminator_optimizer, discriminator)),
        (generator, _moments(gan.generator_optimizer, generator)),
    ), step


def _cross_entropy(labels: Any, scores: Any) -> Any:
    return (jax.nn.softplus(scores) - labels * scores).mean()
