"""Weights & Biases."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, final

import attrs

from gantape.errors import TrackerError
from gantape.trackers.tracker import Array, RunInfo, Tracker, client

STEP = "trainer_step"
"""The name of the horizontal axis: W&B's own counts calls, and cannot go back."""


@final
@attrs.define(eq=False)
class WandbTracker(Tracker):
    """Sends a run to Weights & Biases. It needs `pip install wandb`.

    Its files are in `wandb` in the working directory, or in that of the environment variable WANDB_DIR: not in the run's
    directory, since they have links to elsewhere. `wandb sync` sends what was tracked offline.

    Args:
        project: The project.
        entity: The user or team; by default that of the login.
        mode: "online", or "offline" for files only; by default that of the environment variable WANDB_MODE, or "online".

    Raises:
        TrackerError: If the package is not installed.
    """

    project: str = "gantape"
    entity: str | None = None
    mode: Literal["online", "offline"] | None = None
    _wandb: Any = attrs.field(init=False)
    _run: Any = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._wandb = client("wandb", "wandb", "gantape.trackers.WandbTracker")

    @property
    def name(self) -> str:
        return "wandb"

    def start(self, run: RunInfo) -> str:
        settings = self._wandb.Settings(console="off", silent=True, init_timeout=30)
        online = self.mode == "online" or (self.mode is None and self._wandb.setup().settings.mode == "online")
        if online and not self._wandb.login(prompt=False):  # which init would ask for, on the terminal
            raise TrackerError(
                "Weights & Biases does not know who you are.",
                where="gantape.trackers.WandbTracker",
                got="no API key",
                do='run `wandb login`, set WANDB_API_KEY, or write files only, with mode="offline".',
            )
        self._run = self._wandb.init(
            project=self.project,
            entity=self.entity,
            name=run.name,
            id=run.id or None,
            resume="allow" if online else None,
            config=run.settings,
            mode="online" if online else "offline",
            reinit="create_new",
            settings=settings,
        )
        self._run.define_metric("*", step_metric=STEP)
        return str(self._run.id)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({STEP: step, **values})

    def image(self, step: int, name: str, image: Array) -> None:
        self._run.log({STEP: step, name: self._wandb.Image(image)})

    def histogram(self, step: int, name: str, counts: Array, edges: Array) -> None:
        self._run.log({STEP: step, name: self._wandb.Histogram(np_histogram=(counts, edges))})

    def file(self, path: Path) -> None:
        copy = shutil.copy2(path, self._run.dir)  # a link to the file would be left in its place
        self._run.save(copy, base_path=self._run.dir, policy="now")

    def finish(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
