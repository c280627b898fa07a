"""Findings about networks and what moves them."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np

from gantape.inspection.calls import RecordedCall, tensors_in
from gantape.inspection.clues import Clue
from gantape.inspection.gradients import Measured, cosine, norm
from gantape.inspection.networks import Network
from gantape.steps.step import Update
from gantape.types import Variable

AGAINST = -0.8
"""Two terms pull a network apart if the cosine of the angle between their gradients is below this."""

Kept = Callable[[], AbstractContextManager[None]]
"""A context after which all variables are as before."""


def clues_of_update(update: Update, measured: Measured, kept: Kept) -> Iterator[Clue]:
    """Findings in what one update computes."""
    where = f'Update "{update.name}"'
    yield from _unsaid_training(where, measured, kept)
    yield from _standing_statistics(where, measured)
    for network in measured.networks:
        length = norm(measured.total(network))
        if length == 0.0 and network.moved_by(update):
            yield Clue(
                f"the gradient with respect to every weight of {network.name} is zero.",
                where,
                "look for tf.sign, tf.clip_by_value, a saturated activation, or a term that does not change with it.",
            )


def clues_between(updates: Sequence[Update], measured: Mapping[str, Measured], networks: Sequence[Network]) -> Iterator[Clue]:
    """Findings that need more than one update."""
    for one, other in itertools.combinations(updates, 2):
        for network in networks:
            if {id(variable) for variable in network.moved_by(one)} & {id(variable) for variable in network.moved_by(other)}:
                yield from _pulled_apart(one, other, network, measured)
    ever = {id(variable) for update in updates for variable in update.trainable_variables}
    yield from _unmoved(updates, measured, networks, ever)
    yield from _twins([network for network in networks if any(id(variable) in ever for variable in network.variables)])


def _unsaid_training(where: str, measured: Measured, kept: Kept) -> Iterator[Clue]:
    for network in {id(call.network): call.network for call in measured.record.calls if call.training is None}.values():
        call = next(call for call in measured.record.calls if call.network is network and call.training is None)
        if _minds_training(call, kept):
            yield Clue(
                f"{network.name} is called without `training`, and does not do the same in training and in prediction: "
                "this is its prediction.",
                where,
                f"write {network.name.replace('/', '_')}(inputs, training=True); or training=False, if prediction is meant.",
            )


def _minds_training(call: RecordedCall, kept: Kept) -> bool:
    """Whether a network returns something else, or changes a variable, with `training=True`."""
    model: Any = call.network.model
    results = []
    for training in (True, False):
        with kept():
            try:
                outputs = model(*call.arguments, **call.keywords, training=training)
            except Exception:  # whatever a user's layer raises when it is called on its own
                return False
            state = [variable.value for variable in model.non_trainable_variables]
            results.append([np.array(tensor) for tensor in [*tensors_in(outputs), *state]])
    return any(
        not np.allclose(one, other, equal_nan=True) for one, other in zip(*results, strict=True) if one.dtype.kind == "f"
    )


def _standing_statistics(where: str, measured: Measured) -> Iterator[Clue]:
    for network in {id(network): network for network, _, _ in measured.record.phases}.values():
        seen = [(layer, phase) for owner, layer, phase in measured.record.phases if owner is network]
        norms = [
            layer.name
            for layer, phase in seen
            if isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable and phase and _is_new(layer)
        ]
        if norms:
            yield Clue(
                f"batch norm of {network.name} is frozen, and its statistics are still those it began with, mean 0 and "
                "variance 1: it normalises nothing.",
                f"{where}, {', '.join(dict.fromkeys(norms))}",
                "leave out `trainable = False`: an update moves its own variables only, so that no other has to be frozen.",
            )


def _is_new(layer: Any) -> bool:
    return bool(np.all(np.array(layer.moving_mean) == 0.0) and np.all(np.array(layer.moving_variance) == 1.0))


def _pulled_apart(one: Update, other: Update, network: Network, measured: Mapping[str, Measured]) -> Iterator[Clue]:
    found = [measured[update.name].gradients for update in (one, other)]
    if not all(network.name in next(iter(gradients.values())) for gradients in found):
        return
    for (term, gradients), (against, others) in itertools.product(*(gradients.items() for gradients in found)):
        angle = cosine(gradients[network.name], others[network.name])
        if angle is not None and angle < AGAINST:
            yield Clue(
                f"two updates move {network.name} in opposite directions: the cosine between the gradients of "
                f'"{one.name}/{term}" and "{other.name}/{against}" is {angle:.2f}.',
                f'Update "{one.name}" and Update "{other.name}"',
                f"name {network.name} in the `variables` of one of them: a gradient goes through networks that are not moved.",
            )
            return


def _unmoved(
    updates: Sequence[Update], measured: Mapping[str, Measured], networks: Sequence[Network], ever: set[int]
) -> Iterator[Clue]:
    copied = {id(variable) for update in updates if update.average for variable in update.average.copy.variables}
    for network in networks:
        own: list[Variable] = network.variables
        if not own or any(id(variable) in ever | copied for variable in own):
            continue
        reached = [name for name, found in measured.items() if network in found.networks and norm(found.total(network))]
        if reached:
            yield Clue(
                f"{network.name} can be trained, the gradient of the loss reaches it, and no update moves it.",
                f'Update "{reached[0]}"',
                "name it in the `variables` of an update; if it is to stay as it is, set trainable = False where it is built.",
            )


def _twins(networks: Sequence[Network]) -> Iterator[Clue]:
    for one, other in itertools.combinations(networks, 2):
        pairs = list(zip(one.variables, other.variables, strict=False))
        if len(one.variables) != len(other.variables) or any(mine is theirs for mine, theirs in pairs):
            continue
        values = [(np.array(mine.numpy()), np.array(theirs.numpy())) for mine, theirs in pairs]
        alike = all(mine.shape == theirs.shape and np.array_equal(mine, theirs) for mine, theirs in values)
        if alike and any(mine.size > 1 and np.ptp(mine) > 0 for mine, _ in values):
            yield Clue(
                f"{one.name} and {other.name} begin with the same weights.",
                f"the methods that build {one.name} and {other.name}",
                "give each initializer another seed, or none: keras.utils.set_random_seed makes a program reproducible.",
            )
