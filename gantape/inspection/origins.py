"""What each tensor of a graph depends on."""

from collections.abc import Collection, Sequence
from typing import Any

import attrs

from gantape.steps.cuts import WITHOUT_VALUES

BATCH, NOISE, EARLIER = "batch", "noise", "an earlier update"


@attrs.frozen(eq=False)
class Origins:
    """What tensors are computed from: the batch, random numbers, and the outputs of networks.

    Args:
        by_tensor: The origins of each tensor, by its reference.
    """

    by_tensor: dict[Any, frozenset[str]]

    @classmethod
    def of(cls, operations: Sequence[Any], batch: Sequence[Any], calls: Sequence[Sequence[Any]]) -> "Origins":
        """The origins in a graph.

        Args:
            operations: The operations, in the order in which they were made.
            batch: The tensors of the batch.
            calls: The operations that each call of a network made. A gradient penalty depends on those inside a network.
        """
        known: dict[Any, frozenset[str]] = {tensor.ref(): frozenset({BATCH}) for tensor in batch}
        inside = {operation: frozenset({f"#{number}"}) for number, made in enumerate(calls) for operation in made}
        here = set(operations)
        for operation in operations:
            found: frozenset[str] = frozenset({NOISE} if is_random(operation) else ())
            if operation.type not in WITHOUT_VALUES:
                found = found.union(*(known.get(tensor.ref(), _from_before(tensor, here)) for tensor in operation.inputs))
            known |= {output.ref(): inside.get(operation, found) for output in operation.outputs}
        return cls(known)

    def behind(self, tensors: Sequence[Any]) -> tuple[str, ...]:
        """The origins of several tensors together, the batch first, then calls in order, then noise."""
        found = frozenset[str]().union(*(self.by_tensor.get(tensor.ref(), frozenset()) for tensor in tensors))
        return tuple(sorted(found, key=lambda name: (name == NOISE, name != BATCH, len(name), name)))


def _from_before(tensor: Any, here: Collection[Any]) -> frozenset[str]:
    return frozenset() if tensor.op in here or tensor.op.type in ("Placeholder", "Const") else frozenset({EARLIER})


def is_random(operation: Any) -> bool:
    """Whether an operation draws random numbers."""
    return "Random" in operation.type or operation.type in ("Multinomial", "TruncatedNormal", "StatelessMultinomial")
