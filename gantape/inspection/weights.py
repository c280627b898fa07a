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
from gantape.inspection.update import SeenUpdate
from gantape.steps.step import Update

AGAINST = -0.8
"""Two terms pull a network apart if the cosine of the angle between their gradients is below this."""

Kept = Callable[[], AbstractContextManager[None]]
"""A context after which all variables are as before."""


def clues_of_update(update: Update, measured: Measured, kept: Kept) -> Iterator[Clue]:
    """Findings in what one update computes."""
    where = f'Update "{update.name}"'
    yield from _unsaid_training(update, measured, kept)
    yield from _standing_statistics(where, measured)
    for network in measured.networks:
        length = norm(measured.total(network))
        if length == 0.0 and network.moved_by(update):
            yield Clue(
                f"the gradient with respect to every weight of {network.name} is zero.",
                where,
                "look for tf.sign, tf.clip_by_value, a saturated activation, or a term that does not change with it.",
            )


def clues_between(
    updates: Sequence[Update], measured: Mapping[str, Measured], networks: Sequence[Network], seen: Sequence[SeenUpdate]
) -> Iterator[Clue]:
    """Findings that need more than one update.

    Args:
        updates: The updates.
        measured: What was measured of each.
        networks: The networks of the task.
        seen: What each update calls and moves.
    """
    for one, other in itertools.combinations(updates, 2):
        for network in networks:
            if {id(variable) for variable in network.moved_by(one)} & {id(variable) for variable in network.moved_by(other)}:
                yield from _pulled_apart(one, other, network, measured)
    ever = {id(variable) for update in updates for variable in update.trainable_variables}
    copied = {id(variable) for update in updates if update.average for variable in update.average.copy.variables}
    still = [network for network in networks if not {id(variable) for variable in network.variables} & (ever | copied)]
    yield from _unmoved(still, measured, seen)
    yield from _twins([network for network in networks if any(id(variable) in ever for variable in network.variables)])


def _unsaid_training(update: Update, measured: Measured, kept: Kept) -> Iterator[Clue]:
    """Networks that the update moves: others may be meant to predict, as a teacher does."""
    where = f'Update "{update.name}"'
    unsaid = {id(call.network): call for call in reversed(measured.record.calls) if call.training is None}
    for call in reversed(unsaid.values()):
        network = call.network
        if not network.moved_by(update):
            continue
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
        norms = [layer.name for layer, phase in seen if phase and not layer.trainable and has_first_statistics(layer)]
        if norms:
            yield Clue(
                f"batch norm of {network.name} is frozen, and its statistics are still those it began with, mean 0 and "
                "variance 1: it normalises nothing.",
                f"{where}, {', '.join(dict.fromkeys(norms))}",
                "leave out `trainable = False`: an update moves its own variables only, so that no other has to be frozen.",
            )


def has_first_statistics(layer: Any) -> bool:
    """Whether a layer is a batch norm whose moving statistics still have their initial values."""
    if not isinstance(layer, keras.layers.BatchNormalization):
        return False
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


def _unmoved(networks: Sequence[Network], measured: Mapping[str, Measured], seen: Sequence[SeenUpdate]) -> Iterator[Clue]:
    """New networks between those that are moved. One with trained weights, or one that only sets a target, is meant."""
    for network in networks:
        for update in seen:
            found = measured[update.name]
            reached = network in found.networks and norm(found.total(network))
            if reached and _is_new_network(network) and _is_linked(network.name, update):
                yield Clue(
                    f"{network.name} begins with random weights, the gradient of the loss reaches it, and no update moves it.",
                    f'Update "{update.name}"',
                    "name it in the `variables` of an update; if it is to stay as it is, build it with trainable = False.",
                )
                break


def _is_new_network(network: Network) -> bool:
    """Whether the biases of a network are all zero, as they are before any training."""
    biases = [variable for variable in network.variables if variable.path.endswith("bias")]
    return bool(biases) and not any(np.any(np.array(variable.numpy())) for variable in biases)


def _is_linked(name: str, update: SeenUpdate) -> bool:
    """Whether a network is given what a moved one returns, or the other way round."""
    pairs = [
        (update.calls[int(origin[1:])].network, call.network) for call in update.calls for origin in call.of if "#" in origin
    ]
    return any((one == name and other in update.moves) or (other == name and one in update.moves) for one, other in pairs)


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
