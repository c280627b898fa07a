"""Views of a run's progress: a bar on a terminal, a line in a notebook, plain lines in a pipe."""

import contextlib
import html
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TextIO, final

WIDTH = 120
"""Characters of a line if no terminal sets its width."""

ROWS = 24
"""The rows of a terminal: a bar below the last row is not shown."""

FIRST_LINES = (1.0, 2.0, 5.0, 10.0)
"""Seconds after which the first lines are printed in a pipe."""

LATER_LINES = ((600.0, 10.0), (float("inf"), 60.0))
"""Later lines: until which second, and how many seconds apart."""

SECONDS_PER_UPDATE = 1.0
"""The interval between two updates of a notebook's line."""


class View(ABC):
    """Shows the progress of a run somewhere."""

    def due(self, elapsed: float) -> bool:
        """Whether to show an update, `elapsed` seconds after the view was opened."""
        return True

    @abstractmethod
    def show(self, share: float | None, fields: Sequence[str]) -> None:
        """Show an update.

        Args:
            share: The fraction of the run that is done, 0 to 1; `None` if unknown.
            fields: Texts, the most important first; the last ones are omitted if there is no room.
        """

    def close(self) -> None:
        """End the view; its last update stays visible."""


def choose_view() -> View:
    """The view that fits the standard error stream of this process."""
    if in_notebook():
        return NotebookView()
    return BarView() if _is_terminal(sys.stderr) else LineView()


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def in_notebook() -> bool:
    """Whether this code runs in the IPython kernel of a notebook."""
    interactive = sys.modules.get("IPython")
    shell: Any = interactive.get_ipython() if interactive is not None else None
    return hasattr(shell, "kernel")


def fit(fields: Sequence[str], width: int) -> str:
    """As many of the fields as fit in `width` characters, and at least the first."""
    line = fields[0]
    for field in fields[1:]:
        if len(line) + 2 + len(field) > width:
            break
        line += f"  {field}"
    return line


@final
class BarView(View):
    """A live bar on the standard error stream. Other output appears above it."""

    def __init__(self) -> None:
        from tqdm import tqdm  # with the first bar: `import gantape` and runs without a display do not wait for it

        stream = sys.stderr.stream if isinstance(sys.stderr, _AboveBar) else sys.stderr
        self._bar: Any = tqdm(
            total=1.0, file=stream, ncols=_columns(stream), nrows=ROWS, bar_format="{percentage:3.0f}% |{bar:20}| {desc}"
        )
        self._redirected = contextlib.ExitStack()
        self._redirected.enter_context(contextlib.redirect_stderr(_AboveBar(sys.stderr, self._bar)))
        if _is_terminal(sys.stdout):
            self._redirected.enter_context(contextlib.redirect_stdout(_AboveBar(sys.stdout, self._bar)))

    def show(self, share: float | None, fields: Sequence[str]) -> None:
        self._bar.n = share or 0.0
        self._bar.ncols = _columns(self._bar.fp)
        self._bar.set_description_str(fit(fields, self._bar.ncols - len("100% || ") - 21), refresh=True)

    def close(self) -> None:
        self._redirected.close()
        self._bar.close()


def _columns(stream: Any) -> int:
    """Characters of a line on a terminal. Some pseudo-terminals report 0, which means unknown."""
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    return WIDTH


class _AboveBar(contextlib.AbstractContextManager["_AboveBar"]):
    """A stream whose lines are written above a bar."""

    def __init__(self, stream: Any, bar: Any) -> None:
        self.stream = stream
        self._bar = bar
        self._begun = ""

    def write(self, text: str) -> int:
        lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._bar.clear()
            self.stream.write(lines + newline)
            self.stream.flush()
            self._bar.refresh()
        return len(text)

    def __exit__(self, *_: object) -> None:
        self.stream.write(self._begun)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class NotebookOutput:
    """An output of a notebook's cell that is replaced in place."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, thing: Any) -> None:
        """Show an object, in place of the one before."""
        if self._handle is None:
            from IPython.display import display  # available in every notebook

            self._handle = display(thing, display_id=True)
        else:
            self._handle.update(thing)


@final
class NotebookView(View):
    """One output of a notebook cell, which is updated in place."""

    def __init__(self) -> None:
        self._output = NotebookOutput()
        self._next = 0.0

    def due(self, elapsed: float) -> bool:
        if elapsed < self._next:
            return False
        self._next = elapsed + SECONDS_PER_UPDATE
        return True

    def show(self, share: float | None, fields: Sequence[str]) -> None:
        self._output.show(_NotebookLine(share, fit(fields, WIDTH)))


class _NotebookLine:
    def __init__(self, share: float | None, text: str) -> None:
        self._share = share
        self._text = text

    def __repr__(self) -> str:
        return _line(self._share, (self._text,))

    def _repr_html_(self) -> str:
        share = "" if self._share is None else f' value="{self._share:.4f}"'
        percent = "" if self._share is None else f"{self._share:.0%} "
        return f'<div><progress max="1"{share}></progress> <code>{percent}{html.escape(self._text)}</code></div>'


@final
class LineView(View):
    """Lines on the standard error stream, at growing intervals."""

    def __init__(self) -> None:
        self._stream: TextIO | None = sys.stderr
        self._next = FIRST_LINES[0]

    def due(self, elapsed: float) -> bool:
        if elapsed < self._next:
            return False
        self._next = next_line(elapsed)
        return True

    def show(self, share: float | None, fields: Sequence[str]) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError, ValueError):  # the reader has ended: the run continues
                print(_line(share, fields), file=self._stream, flush=True)


def next_line(elapsed: float) -> float:
    """When the first line after `elapsed` seconds is due, in seconds."""
    first = next((seconds for seconds in FIRST_LINES if seconds > elapsed), None)
    if first is not None:
        return first
    interval = next(interval for until, interval in LATER_LINES if elapsed < until)
    return (elapsed // interval + 1.0) * interval


def _line(share: float | None, fields: Sequence[str]) -> str:
    percent = "" if share is None else f"{share:4.0%}  "
    return percent + fit(fields, WIDTH - len(percent))
