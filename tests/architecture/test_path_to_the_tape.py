"""From `Loop.run` a reader comes to the tape through three files."""

import traceback
from pathlib import Path

import keras
from package import ROOT
from tiny import Classifier, labelled, make

import gantape as gt


def frames_to_the_tape() -> list[traceback.FrameSummary]:
    """The package's frames while a loss is computed, from `Loop.run` to the method that opens the tape."""
    seen: list[traceback.FrameSummary] = []

    class Watched(Classifier):
        def build_loss(self):
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

            def watched(targets, predictions):
                seen[:] = traceback.extract_stack()
                return loss(targets, predictions)

            return watched

    gt.Loop(make(Watched), compiler=gt.StepCompiler("eager")).run(labelled(), steps=1)
    own = [frame for frame in seen if Path(frame.filename).is_relative_to(ROOT)]
    source = {frame.filename: Path(frame.filename).read_text().splitlines() for frame in own}
    tape = next(place for place, frame in enumerate(own) if frame.name == "gradients")
    assert any("tf.GradientTape" in line for line in source[own[tape].filename])
    return own[: tape + 1]


def test_three_files_and_eleven_frames() -> None:
    frames = frames_to_the_tape()
    assert frames[0].name == "run"
    assert len(dict.fromkeys(frame.filename for frame in frames)) <= 3
    assert len(frames) <= 11
