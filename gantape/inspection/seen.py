"""What `gantape.inspect` returns."""

from pathlib import Path

import attrs

from gantape.errors import HyperparameterError, counted
from gantape.inspection.clues import Clue
from gantape.inspection.drawing import draw_fragment, draw_html, draw_svg
from gantape.inspection.update import SeenUpdate


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
        parts.append("\n".join([*found, counted(count, "finding") if count else "no findings"]))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return draw_fragment(self._title, self.updates, self.all_findings, str(self))

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
        drawn = draw_svg(self._title, self.updates)
        if file.suffix == ".html":
            drawn = draw_html(self._title, self.updates, self.all_findings, str(self))
        file.write_text(drawn, encoding="utf-8")
        return file

    @property
    def _title(self) -> str:
        return f"The updates of {self.task.partition('(')[0]}"
