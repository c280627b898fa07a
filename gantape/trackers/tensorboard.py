"""TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import attrs
import numpy as np
import tensorflow as tf

from gantape.errors import TrackerError
from gantape.trackers.tracker import Array, RunInfo, Tracker, client


@final
@attrs.define(eq=False)
class TensorBoardTracker(Tracker):
    """Writes events for TensorBoard: scalars by split, images, histograms, and hyper-parameters for its page HParams.

    Show them with `tensorboard --logdir runs`.

    Args:
        folder: The folder of the events; by default `tensorboard` in the run's directory. Training and validation have a
            subfolder each, so that TensorBoard draws a loss and that of validation in one plot.
    """

    folder: Path | str | None = None
    _hparams: Any = attrs.field(init=False)
    _histograms: Any = attrs.field(init=False)
    _root: Path = attrs.field(init=False, factory=Path)
    _writers: dict[str, Any] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        needed = ("tensorboard", "gantape.trackers.TensorBoardTracker")
        self._hparams = client("tensorboard.plugins.hparams.api", *needed)
        self._histograms = client("tensorboard.plugins.histogram.metadata", *needed)

    @property
    def name(self) -> str:
        return "tensorboard"

    def start(self, run: RunInfo) -> str:
        if self.folder is None and run.directory is None:
            raise TrackerError(
                "there is no folder for events.",
                where="gantape.trackers.TensorBoardTracker",
                got="no folder, and a run without a directory",
                do='give TensorBoardTracker("events"), or gantape.Loop(..., run_dir="runs/mine").',
            )
        self._root = Path(self.folder) if self.folder is not None else Path(run.directory or "", "tensorboard")
        if not run.id:
            with self._writer("").as_default(step=0):
                self._hparams.hparams(run.settings, trial_id=run.name)
            self._writer("").flush()
        return str(self._root)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            split, _, tag = name.partition("/") if "/" in name else ("", "", name)
            with self._writer(split).as_default(step), tf.device("CPU"):
                tf.summary.scalar(tag, value)
        self._flush()

    def image(self, step: int, name: str, image: Array) -> None:
        with self._writer("").as_default(step), tf.device("CPU"):
            tf.summary.image(name, image[None])
        self._flush()

    def histogram(self, step: int, name: str, counts: Array, edges: Array) -> None:
        bins = np.stack([edges[:-1], edges[1:], counts], axis=1)
        described = self._histograms.create_summary_metadata(display_name=None, description=None)
        with self._writer("").as_default(step), tf.device("CPU"):
            tf.summary.write(name, tf.constant(bins, tf.float64), metadata=described)

    def finish(self, failed: bool) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, split: str) -> Any:
        if split not in self._writers:
            self._writers[split] = tf.summary.create_file_writer(str(self._root / split))
        return self._writers[split]

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()
