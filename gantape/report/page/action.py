"""The action that writes `report.html` during a run, and the function that writes it from what a run left behind."""

import time
from pathlib import Path

from loguru import logger

from gantape._files import unwritable, write_whole
from gantape.callbacks import Callback, Opening
from gantape.callbacks.progress import Progress
from gantape.compiler.trials import RunLength
from gantape.errors import RunDirectoryError, summary
from gantape.history import History
from gantape.report.page.notes import LEAST_SECONDS, Notes
from gantape.report.page.run import RunFiles
from gantape.schedule import When, at_end, every
from gantape.state import RunState
from gantape.tasks.variables import rates_by_update

FILE = "report.html"
TIMES_ITS_COST = 200.0
"""So many times as long as writing the page took, the run goes on before it is written again: with the first page and the last,
that is less than 1 % of the time of a run of minutes."""


def html_report(folder: str | Path | None = None) -> Callback:
    """A page in the run's directory that shows the run while it trains, and what it made when it is over.

    ```python
    gt.Loop(task, run_dir="runs/mine", callbacks=[report.html_report()])
    ```

    Args:
        folder: Where `report.html` goes; the run's directory by default.
    """
    return Callback(HTMLReport(folder), _Beginning() | every(seconds=1.0) | at_end())


class _Beginning(When):
    """Due before the first step of a run, and of one that goes on: there, the state is that of the checkpoint."""

    def due(self, before: RunState | None, now: RunState) -> bool:
        return before is None or (before.step == now.step and not now.ended)


class HTMLReport:
    """Writes `report.html`, and `report.json` with what the page alone knows: an action to be called about once a second.

    The page is one file that loads nothing: sample grids, curves, figures, settings. It reloads itself while the run goes on.
    It is written when the run begins, every five seconds or less often, so that writing takes less than 1 % of the time, and
    once more when the run is over, however it ended. A page that cannot be written does not end the run: the log says so once.

    Args:
        folder: Where the page goes; the run's directory by default. Nothing is written where there is neither.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._notes: Notes | None = None
        self._history: History | None = None
        self._due = 0.0
        self._ended = False
        self._warned = False

    def open(self, opening: Opening) -> None:
        """Write a first page, which says what is trained and that the first step is being prepared."""
        folder = self._folder = self._folder or opening.run_dir
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        step = opening.state.step
        notes = self._notes = Notes.read(folder) if step else Notes()
        notes.begin(opening.task, step)
        self._history, self._ended = None, False  # until the first call, rows are those of the file
        logger.info("watch the run in a browser: {}", (folder / FILE).resolve().as_uri())
        started = time.thread_time()
        self._write(notes, folder)
        notes.cost += time.thread_time() - started
        self._due = time.perf_counter() + LEAST_SECONDS  # the first page is dear: it imports the library of templates

    def __call__(self, progress: Progress) -> None:
        if self._notes is None:
            self.open(Opening(progress.task, "", RunLength(), progress.state, progress.run_dir))
        notes, folder, started = self._notes, self._folder, time.thread_time()
        if notes is None or folder is None:
            return
        self._history, self._ended = progress.history, progress.state.ended
        notes.follow(progress, rates_by_update(progress.task))
        # At the end, the page is written when all other files are there.
        if time.perf_counter() >= self._due and not self._ended:
            notes.current = {name: float(value) for name, value in progress.current().items()}
            self._write(notes, folder)
            notes.interval = max(LEAST_SECONDS, TIMES_ITS_COST * (time.thread_time() - started))
            self._due = time.perf_counter() + notes.interval
        notes.cost += time.thread_time() - started

    def close(self) -> None:
        """Write the page of a run that is over."""
        if self._notes is None or self._folder is None:
            return
        self._notes.end(stopped_by=self._history.stopped_by if self._history else "", ended=self._ended)
        self._write(self._notes, self._folder)
        share = self._notes.cost / max(self._notes.seconds, 1e-9)
        logger.info("report: {} (written at {:.1%} of the run's time)", (self._folder / FILE).resolve().as_uri(), share)
        self._notes = None

    def _write(self, notes: Notes, folder: Path) -> None:
        notes.updated = time.time()
        try:
            notes.write(folder)
            _write_page(RunFiles.read(folder, history=self._history, notes=notes))
        except Exception as error:  # whatever a page fails by: training goes on
            if not self._warned:
                logger.warning("{} cannot be written, and the run continues without it: {}", FILE, summary(error))
            self._warned = True


def write_html_report(run_dir: str | Path) -> Path:
    """Write `report.html` from what a run has left in its directory: after a crash, or when files were added.

    Args:
        run_dir: The directory of a run, with or without a page.

    Returns:
        The page.

    Raises:
        RunDirectoryError: If it is not the directory of a run, or cannot be written.
    """
    folder = Path(run_dir)
    run = RunFiles.read(folder)
    if not run.record and not run.notes.task:
        raise RunDirectoryError(
            "there is no run to report.",
            where=str(folder),
            got="neither run.json nor report.json",
            do="name the directory of a run: the one that was given as run_dir.",
        )
    try:
        _write_page(run)
    except OSError as error:
        raise unwritable(folder, error) from None
    return folder / FILE


def _write_page(run: RunFiles) -> None:
    # Jinja is imported with the first page: `import gantape` and runs without a page do not wait for it.
    from gantape.report.page.render import render

    write_whole(run.folder / FILE, render(run))
