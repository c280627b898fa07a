"""The gradients of each term of a loss with respect to each network, measured on one batch."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import tensorflow as tf

from gantape.inspection.calls import CallRecord, recorded_calls
from gantape.inspection.networks import Network
from gantape.random.rng import RandomStreams
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.types import Batch, Variable

Gradients = Mapping[str, Sequence[Any]]
"""The gradient with respect to each trainable variable of each network that was called, by the network's name."""


@attrs.frozen(eq=False)
class Measured:
    """One update, computed once on a batch.

    Args:
        losses: The loss.
        terms: The value of each term.
        gradients: The gradients of each term.
        networks: The networks that were called or are moved.
        record: The calls.
    """

    losses: Losses
    terms: dict[str, float]
    gradients: dict[str, Gradients]
    networks: Sequence[Network]
    record: CallRecord

    def norm(self, term: str, network: Network) -> float | None:
        """The norm of a term's gradient with respect to a network; `None` if there is none."""
        return norm(self.gradients[term][network.name])

    def total(self, network: Network) -> list[Any]:
        """The gradient of the whole loss with respect to a network."""
        return [_sum(parts) for parts in zip(*(terms[network.name] for terms in self.gradients.values()), strict=True)]

    def layers(self, network: Network) -> dict[str, float | None]:
        """The norm of the whole gradient with respect to each layer of a network, in order."""
        groups: dict[str, list[Any]] = {}
        for variable, gradient in zip(network.variables, self.total(network), strict=True):
            groups.setdefault(layer_of(variable), []).append(gradient)
        return {layer: norm(parts) for layer, parts in groups.items()}


def measure(update: Update, batch: Batch, rng: RandomStreams, networks: Sequence[Network]) -> Measured:
    """Compute a loss in eager mode, with a tape that watches every network."""
    with recorded_calls(networks) as record, tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch([variable.value for network in networks for variable in network.variables])
        tape.watch([variable.value for variable in update.trainable_variables])
        losses = update.losses(batch, rng)
        terms = {name: tf.convert_to_tensor(term) for name, term in losses.computed().items()}
        if losses.added is not None:
            terms["added"] = tf.convert_to_tensor(losses.added)
    called = {id(call.network) for call in record.calls}
    touched = [network for network in networks if id(network) in called or network.moved_by(update)]
    values = {network.name: [variable.value for variable in network.variables] for network in touched}
    gradients = {name: _dense(tape.gradient(term, values)) for name, term in terms.items()}
    return Measured(losses, {name: float(term) for name, term in terms.items()}, gradients, touched, record)


def norm(gradients: Sequence[Any]) -> float | None:
    """The norm of several gradients together; `None` if none is there."""
    found = [np.asarray(gradient, np.float64) for gradient in gradients if gradient is not None]
    return float(np.sqrt(sum(np.sum(np.square(gradient)) for gradient in found))) if found else None


def cosine(some: Sequence[Any], others: Sequence[Any]) -> float | None:
    """The cosine of the angle between two gradients; `None` if one is zero or missing."""
    pairs = [(one, other) for one, other in zip(some, others, strict=True) if one is not None and other is not None]
    lengths = [norm(parts) for parts in zip(*pairs, strict=True)] if pairs else []
    if not all(lengths) or not pairs:
        return None
    product = sum(float(np.sum(np.asarray(one, np.float64) * np.asarray(other, np.float64))) for one, other in pairs)
    return product / float(np.prod([length for length in lengths if length is not None]))


def layer_of(variable: Variable) -> str:
    """The name of the layer to which a variable belongs."""
    return variable.path.rpartition("/")[0] or variable.path


def _dense(gradients: Mapping[str, Sequence[Any]]) -> Gradients:
    return {
        name: [None if gradient is None else tf.convert_to_tensor(gradient) for gradient in found]
        for name, found in gradients.items()
    }


def _sum(parts: Sequence[Any]) -> Any:
    found = [part for part in parts if part is not None]
    return tf.add_n([tf.cast(part, found[0].dtype) for part in found]) if found else None
