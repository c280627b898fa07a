"""What `gantape.inspect` returns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from gantape.errors import HyperparameterError
from gantape.inspection.clues import Clue
from gantape.inspection.drawing import draw_fragment, draw_html, draw_svg
from gantape.inspection.text import describe_update
from gantape.steps.cuts import Cut

Role = Literal["moved", "passed", "constant"]


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
        return describe_update(self)


@attrs.frozen
class Inspection:
    """What the updates of a task call, watch and move: `print` it, show it in a notebook, or save it as a drawing.

    Args:
        task: The task with its hyper-parameters, as text.
        batch: The batch, as text.
        updates: The updates, in order.
        findings: What is probably not meant and does not belong to one update.
        seconds: How long it took.
    """

    task: str
    batch: str
    updates: tuple[SeenUpdate, ...]
    findings: tuple[Clue, ...]
    seconds: float

    def __getitem__(self, name: str) -> SeenUpdate:
        known = {update.name: update for update in self.updates}
        if name not in known:
            raise HyperparameterError(
                "there is no such update.", where="gantape.inspect(...)[name]", got=repr(name), do=f"use {', '.join(known)}."
            )
        return known[name]

    @property
    def all_findings(self) -> tuple[Clue, ...]:
        """The findings of all updates, and those that do not belong to one."""
        return (*(clue for update in self.updates for clue in update.findings), *self.findings)

    def __str__(self) -> str:
        parts = [f"{self.task}\non {self.batch}", *map(str, self.updates)]
        found = [f"  ! {clue}" for clue in self.findings]
        count = len(self.all_findings)
        parts.append("\n".join([*found, f"{count} finding{'' if count == 1 else 's'}" if count else "no findings"]))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return draw_fragment(self)

    def save(self, path: str | Path) -> Path:
        """Save a drawing: `.svg` for the drawing alone, `.html` for a page with the text below it.

        Args:
            path: The path of the file.

        Raises:
            HyperparameterError: If the file's name has another ending.
        """
        file = Path(path)
        if file.suffix not in (".svg", ".html"):
            raise HyperparameterError(
                "a drawing is saved as SVG or HTML.",
                where="gantape.inspect(...).save, argument `path`",
                got=str(path),
                do='give it the ending ".svg" or ".html".',
            )
        file.write_text(draw_svg(self) if file.suffix == ".svg" else draw_html(self), encoding="utf-8")
        return file
