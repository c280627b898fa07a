"""An update as text."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gantape.inspection.seen import SeenUpdate

ROLES = {
    "moved": "watched and moved",
    "passed": "not moved: the gradient passes through",
    "constant": "not moved: no gradient goes further",
}


def describe_update(update: "SeenUpdate") -> str:
    """The calls, terms, cuts, memory and findings of an update."""
    lines = [f'update "{update.name}"  moves {", ".join(update.moves) or "variables of no network"}']
    calls = [
        (
            f"#{place} {call.network}",
            f"training={_said(call.training)}",
            f"of {', '.join(call.of) or 'constants'}",
            ROLES[call.role],
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
        lines.append(f"  {update.operations[0]:,} operations forward, {update.operations[1]:,} back")
    lines += [f"  ! {clue}" for clue in update.findings]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Rows as aligned lines, the columns with the given numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [f"    {line}".rstrip() for line in lines]


def bytes_as_text(count: int) -> str:
    """A number of bytes, such as "2.5 MiB"."""
    for unit, size in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _terms(update: "SeenUpdate") -> list[str]:
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


def _said(training: bool | None) -> str:
    return "not said" if training is None else str(training)
