"""What was seen of one update, and its text."""

from collections.abc import Mapping
from typing import Literal

import attrs

from gantape.errors import counted
from gantape.inspection.clues import Clue
from gantape.inspection.text import bytes_as_text, table
from gantape.steps.cuts import Cut

Role = Literal["moved", "passed", "constant"]

_ROLES: dict[Role, str] = {
    "moved": "watched and moved",
    "passed": "not moved: the gradient passes through",
    "constant": "not moved: no gradient goes further",
}


@attrs.frozen
class NetworkCall:
    """A call of a network in a loss.

    Args:
        network: The name of the network's part.
        training: The value of `training`; `None` if it was not said.
        of: What the network was given: "batch", "noise", and "#0" for what the first call returned; empty for constants.
        role: Whether the update moves the network, its gradient only passes through, or no gradient goes further.
        reached: Whether the gradient of the loss reaches what the call computed, and somebody behind it is moved.
        passes: Whether the gradient goes on to what the network was given.
    """

    network: str
    training: bool | None
    of: tuple[str, ...]
    role: Role
    reached: bool
    passes: bool


@attrs.frozen
class SeenUpdate:
    """What one update calls, watches and moves, on one batch.

    Args:
        name: The name of the update.
        moves: The names of the networks that it moves.
        calls: The calls of networks, in order.
        terms: The value of each term of the loss.
        sources: What each term is computed from, as `NetworkCall.of`; empty if the loss cannot be traced.
        norms: For each term, the norm of its gradient with respect to each network; `None` if there is none. For a network that
            this update does not move, it is what would flow there if the tape watched it.
        layers: For each network, the norm of the whole gradient with respect to each layer.
        cuts: For each network, the operations at which the gradient ends; empty if the loss does not call it or does not
            use what it returns. Networks that the gradient reaches are left out.
        kept_bytes: The bytes that the tape keeps for the gradient, by the network whose call made them; "the loss" for others.
        operations: The number of operations of the loss and of its gradient.
        findings: What is probably not meant.
    """

    name: str
    moves: tuple[str, ...]
    calls: tuple[NetworkCall, ...]
    terms: Mapping[str, float]
    sources: Mapping[str, tuple[str, ...]]
    norms: Mapping[str, Mapping[str, float | None]]
    layers: Mapping[str, Mapping[str, float | None]]
    cuts: Mapping[str, tuple[Cut, ...]]
    kept_bytes: Mapping[str, int]
    operations: tuple[int, int]
    findings: tuple[Clue, ...]

    def __str__(self) -> str:
        return _describe(self)


def _describe(update: SeenUpdate) -> str:
    """The calls, terms, cuts, memory and findings of an update."""
    lines = [f'update "{update.name}"  moves {", ".join(update.moves) or "variables of no network"}']
    calls = [
        (
            f"#{place} {call.network}",
            f"training={'not said' if call.training is None else call.training}",
            f"of {', '.join(call.of) or 'constants'}",
            _ROLES[call.role],
        )
        for place, call in enumerate(update.calls)
    ]
    lines += table(calls) if calls else ["    no network is called"]
    lines += _terms(update)
    for network, cuts in update.cuts.items():
        lines += [f"  {network}: gradient cut by {cut}" for cut in cuts] or [f"  {network}: the loss does not depend on it"]
    if update.kept_bytes:
        parts = sorted(update.kept_bytes.items(), key=lambda item: -item[1])
        each = ", ".join(f"{name} {bytes_as_text(size)}" for name, size in parts)
        lines.append(f"  the tape keeps {bytes_as_text(sum(update.kept_bytes.values()))}: {each}")
        lines.append(f"  {counted(update.operations[0], 'operation')} forward, {update.operations[1]:,} back")
    lines += [f"  ! {clue}" for clue in update.findings]
    return "\n".join(lines)


def _terms(update: SeenUpdate) -> list[str]:
    networks = list(next(iter(update.norms.values()), {}))
    moved = set(update.moves)
    rows = [["term", "value", *(f"|grad {network}|" for network in networks)]]
    for term, value in update.terms.items():
        rows.append([term, f"{value:.4g}", *(_norm(update.norms[term], network, moved) for network in networks)])
    lines = table(rows, right=range(1, len(rows[0])))
    if any(cell.endswith("*") for row in rows for cell in row):
        lines.append("    * would flow there if the tape watched it; this update does not move it")
    return lines


def _norm(norms: Mapping[str, float | None], network: str, moved: set[str]) -> str:
    value = norms[network]
    return "none" if value is None else f"{value:.3g}{'' if network in moved else '*'}"
