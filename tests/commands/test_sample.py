"""`gantape sample --export`: the networks of a finished run for other programs."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import report, zoo
from gantape.commands import sample
from gantape.errors import HyperparameterError, RunDirectoryError


def export_from(run_dir: Path, *flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gantape sample", str(run_dir), *flags])
    assert sample.main() == 0


def test_networks_of_a_gan_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = zoo.CGAN(width=2, latent_size=4)
    files = {"averaged_generator": tmp_path / "generator.keras", "discriminator": tmp_path / "discriminator.keras"}
    loop = gt.Loop(
        task,
        compiler=gt.StepCompiler("eager"),
        run_dir=tmp_path,
        callbacks=[gt.Callback(report.SavedModels(files), gt.at_end())],
    )
    loop.run(gt.data.digits(batch_size=4, pixels=task.pixels), steps=2)
    export_from(tmp_path, "--export", "keras", "saved_model", monkeypatch=monkeypatch)
    export_from(tmp_path, "--export", "keras", "--part", "discriminator", monkeypatch=monkeypatch)
    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    exported = tmp_path / "export"
    assert names == [f"{exported}/{name}" for name in ("generator.keras", "generator_saved_model", "discriminator.keras")]
    latents, labels = np.ones((3, 4), np.float32), np.arange(3, dtype=np.int32)
    images = keras.saving.load_model(exported / "generator.keras")({"latents": latents, "labels": labels})["images"].numpy()
    np.testing.assert_allclose(images, (task.generate(latents, labels) + 1.0) / 2.0, atol=1e-5)
    scores = keras.saving.load_model(exported / "discriminator.keras")({"images": images, "labels": labels})["scores"]
    np.testing.assert_allclose(scores, task.discriminator([2.0 * images - 1.0, labels]), atol=1e-4)


def test_the_model_of_a_classifier_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    callbacks = [gt.Callback(report.SavedModels({"model": tmp_path / "model.keras"}), gt.at_end())]
    loop = gt.Loop(zoo.DigitClassifier(), compiler=gt.StepCompiler("eager"), run_dir=tmp_path, callbacks=callbacks)
    loop.run(gt.data.digits(batch_size=4), steps=2)
    export_from(tmp_path, "--export", "keras", monkeypatch=monkeypatch)
    chances = keras.saving.load_model(tmp_path / "export" / "model.keras")({"images": np.ones((2, 28, 28, 1))})
    np.testing.assert_allclose(np.sum(chances["probabilities"], axis=1), 1.0, rtol=1e-6)


def test_a_run_without_the_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = gt.Loop(zoo.DigitClassifier(), compiler=gt.StepCompiler("eager"), run_dir=tmp_path)
    loop.run(gt.data.digits(batch_size=4), steps=1)
    with pytest.raises(RunDirectoryError, match="not saved such a network"):
        export_from(tmp_path, "--export", "keras", monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--part", "model"), "add --export or --hub-folder"),
        (("--export", "keras", "--output", "x.png"), "leave --output out"),
        (("--count", "0"), "no images to make"),
    ],
)
def test_flags_that_do_nothing_are_errors(
    flags: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HyperparameterError, match=words):
        export_from(tmp_path, *flags, monkeypatch=monkeypatch)
