"""A folder for the Hugging Face Hub: Keras loads the model from it, and its card is valid and tells of the run."""

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import gantape as gt
from gantape import export, zoo
from gantape.report import report_adversarial

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The directory of a short run of a class-conditional GAN, and its task."""
    run_dir = tmp_path_factory.mktemp("run")
    task = zoo.CGAN(width=2, latent_size=4)
    callbacks = report_adversarial(run_dir)
    loop = gt.Loop(task, compiler=gt.StepCompiler("eager"), run_dir=run_dir, callbacks=callbacks)
    loop.run(gt.data.digits(batch_size=4, pixels=task.pixels), steps=2)
    record = json.loads((run_dir / "run.json").read_text())
    (run_dir / "run.json").write_text(json.dumps({**record, "command_line": "gantape train-gan --data /home/me/secret"}))
    figure = {"name": "frechet distance", "value": 1.25, "count": 1000, "interval": [1.0, 1.5], "warning": ""}
    (run_dir / "evaluation.json").write_text(json.dumps({"measurements": [figure], "findings": ["a | b\nc"]}))
    return run_dir, task


@pytest.fixture(scope="module")
def folder(run: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "model"
    for _ in range(2):  # files in it are replaced
        card = export.write_hub_folder(export.standalone(run[1]), run[0], folder, formats=["keras"], license_id="apache-2.0")
    assert card == folder / "README.md"
    return folder


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_keras_loads_the_folder(folder: Path, run: tuple[Path, Any]) -> None:
    latents, labels = np.ones((3, 4), np.float32), np.arange(3, dtype=np.int32)
    made = keras.saving.load_model(folder)({"latents": latents, "labels": labels})["images"]
    np.testing.assert_allclose(made, (run[1].generate(latents, labels) + 1.0) / 2.0, atol=1e-5)


def test_its_files_are_those_of_the_card(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", text, re.MULTILINE)
    assert {path.name for path in folder.iterdir()} == {*listed, "README.md"}
    assert {"config.json", "model.weights.h5", "model.keras", "run.json", "samples.png", "samples.gif"} <= set(listed)
    assert "![Samples](samples.png)" in text


def test_the_card_is_valid(folder: Path) -> None:
    card = hub.ModelCard.load(folder / "README.md")
    data = card.data
    assert (data.library_name, data.license, data.pipeline_tag) == ("keras", "apache-2.0", "unconditional-image-generation")
    assert {"gantape", "gan"} <= set(data.tags)
    (result,) = data.eval_results
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("digits", "frechet-distance", 1.25)
    assert "| hyper-parameters: latent size | 4 |" in card.text


def test_the_card_tells_no_paths(folder: Path) -> None:
    assert not any(b"secret" in path.read_bytes() for path in folder.iterdir())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_program_of_the_card_runs(folder: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(program.replace("hf://USER/NAME", str(folder)), names)
    assert names["images"].shape == (16, 28, 28, 1)
