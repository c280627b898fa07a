"""Exported networks: what they compute alone and in the runtime of each format, against the task that they come from."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import PointGan

import gantape as gt
from gantape import export, zoo
from gantape.errors import ExportError
from gantape.export.formats import FORMATS
from gantape.layers import SpectralNorm, for_inference

COUNT = 5
PACKAGES = {"onnx": "onnxruntime", "tflite": "ai_edge_litert"}


def installed(name: str) -> Any:
    missing = importlib.util.find_spec(PACKAGES.get(name, "keras")) is None
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason="its runtime is not installed"))


FORMAT_NAMES = [installed(name) for name in get_args(export.FormatName)]


def trained(task: Any) -> Any:
    """A task whose weights, and moments of batch norm, are not those of the start."""
    rng = np.random.default_rng(0)
    networks = [part for part in (getattr(task, name) for name in task.part_names()) if isinstance(part, keras.Model)]
    for variable in {id(variable): variable for network in networks for variable in network.variables}.values():
        variable.assign(np.asarray(variable) + rng.uniform(0.0, 0.2, variable.shape))
    return task


def from_pixels(images: Any) -> Any:
    return 2.0 * images - 1.0


LABELS = np.arange(COUNT, dtype=np.int32)
GENERATORS = {
    "dcgan": (zoo.DCGAN, {}),
    "cgan": (zoo.CGAN, {"labels": LABELS}),
    "infogan": (zoo.InfoGAN, {"category": LABELS, "continuous": np.full((COUNT, 2), 0.3, np.float32)}),
    "pix2pix": (zoo.Pix2Pix, {"sources": np.random.default_rng(1).random((COUNT, 28, 28, 1), np.float32)}),
}


def inputs_and_images(task: Any, given: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Inputs of an exported generator, and the images from 0 to 1 that the task makes of them."""
    latents = np.random.default_rng(2).normal(size=(COUNT, task.latent_size)).astype(np.float32)
    conditioning = tuple(from_pixels(value) if name == "sources" else value for name, value in given.items())
    made = task.generate(tf.constant(latents), conditioning[0] if len(conditioning) == 1 else conditioning)
    return {} if "sources" in given else {"latents": latents}, (np.asarray(made) + 1.0) / 2.0


@pytest.mark.parametrize("name", FORMAT_NAMES)
@pytest.mark.parametrize("recipe", GENERATORS)
def test_a_generator_makes_the_images_of_the_task_in_every_runtime(recipe: str, name: Any, tmp_path: Path) -> None:
    task_class, given = GENERATORS[recipe]
    task = trained(task_class(width=2))
    latents, images = inputs_and_images(task, given)
    (file,) = export.export_task(task, tmp_path, formats=[name])
    assert file.difference < 1e-5
    assert file.bytes > 1000
    assert list(tmp_path.iterdir()) == [file.path]
    found = FORMATS[name].run(file.path, {**latents, **given})
    assert list(found) == ["images"]
    np.testing.assert_allclose(np.asarray(found["images"]), images, atol=1e-5)


def test_keras_loads_the_files_without_gantape(tmp_path: Path) -> None:
    known = {}
    for recipe, (task_class, given) in GENERATORS.items():
        task = trained(task_class(width=2))
        latents, images = inputs_and_images(task, given)
        (file,) = export.export_task(task, tmp_path / recipe, formats=["keras"])
        assert file.needs == ()
        known |= {f"{recipe}/{name}": value for name, value in {**latents, **given, "images": images}.items()}
    np.savez(tmp_path / "known.npz", **known)
    program = f"""
import sys
sys.modules["gantape"] = None
import keras
import numpy as np

known = np.load(r"{tmp_path}/known.npz")
for recipe in {list(GENERATORS)}:
    model = keras.saving.load_model(rf"{tmp_path}/{{recipe}}/generator.keras")
    made = model({{name: known[f"{{recipe}}/{{name}}"] for name in model.input}})["images"]
    np.testing.assert_allclose(made, known[f"{{recipe}}/images"], atol=1e-5)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


DISCRIMINATORS = {
    "sngan": (zoo.SNGAN(width=2), ["scores"], ()),
    "acgan": (zoo.ACGAN(width=2), ["scores", "auxiliary_1"], ()),
    "projection": (zoo.ProjectionGAN(width=2), ["scores"], ()),
    "pix2pix": (zoo.Pix2Pix(width=2), ["scores"], ()),
    "pacgan": (zoo.PacGAN(width=2), ["scores"], ("gantape.layers.groups.Pack",)),
    "image-gan": (zoo.ImageGAN(width=2, image_size=8), ["scores"], ("gantape.layers.groups.MinibatchDeviation",)),
}


@pytest.mark.parametrize("recipe", DISCRIMINATORS)
def test_a_discriminator_scores_images_from_0_to_1(recipe: str, tmp_path: Path) -> None:
    task, outputs, needs = DISCRIMINATORS[recipe]
    task = trained(task)
    model: Any = export.standalone(task, "discriminator")
    rng = np.random.default_rng(3)
    inputs = {
        name: np.arange(8) % 10 if name == "labels" else rng.random((8, *tensor.shape[1:]), np.float32)
        for name, tensor in model.input.items()
    }
    extra = [from_pixels(value) if name == "sources" else value for name, value in inputs.items() if name != "images"]
    wanted = task.discriminator([from_pixels(inputs["images"]), *extra] if extra else from_pixels(inputs["images"]))
    found = model(inputs)
    assert list(found) == outputs
    for one, other in zip(found.values(), wanted if isinstance(wanted, list) else [wanted], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    kept, _ = export.export_task(task, tmp_path, "discriminator", formats=["keras", "saved_model"])
    assert kept.needs == needs


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_classifier_takes_images_and_returns_probabilities(name: Any, tmp_path: Path) -> None:
    task = trained(zoo.DigitClassifier(hidden_units=4))
    images = np.random.default_rng(4).random((COUNT, 28, 28, 1), np.float32)
    logits = np.asarray(task.model(from_pixels(images)))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    (file,) = export.export_task(task, tmp_path, formats=[name], pixels=(-1.0, 1.0))
    np.testing.assert_allclose(
        np.asarray(FORMATS[name].run(file.path, {"images": images})["probabilities"]), chances, atol=1e-5
    )


class TwoHeads(gt.SupervisedTask):
    """A number to a class and a number."""

    def build_model(self):
        inputs = keras.Input((3,), name="measured")
        heads = [keras.layers.Dense(1, name="kind")(inputs), keras.layers.Dense(1, name="size")(inputs)]
        return keras.Model({"measured": inputs}, dict(zip(("kind", "size"), heads, strict=True)))

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def build_loss(self):
        return {"kind": keras.losses.BinaryCrossentropy(from_logits=True), "size": keras.losses.MeanSquaredError()}


def test_several_outputs_keep_their_names_and_only_classes_are_probabilities() -> None:
    task, inputs = TwoHeads(), np.ones((2, 3), np.float32)
    model: Any = export.standalone(task)
    wanted, found = task.model({"measured": inputs}), model({"measured": inputs})
    np.testing.assert_allclose(found["kind"], 1.0 / (1.0 + np.exp(-np.asarray(wanted["kind"]))), rtol=1e-6)
    np.testing.assert_array_equal(found["size"], wanted["size"])


def test_what_is_no_image_keeps_its_values() -> None:
    task = trained(PointGan())
    latents = np.ones((2, 3), np.float32)
    model: Any = export.standalone(task)
    np.testing.assert_allclose(model({"latents": latents})["outputs"], task.generate(latents), rtol=1e-6)
    decoder: Any = export.standalone(zoo.VariationalAutoencoder(hidden_units=4), "decoder")
    assert list(decoder.output) == ["outputs"]  # logits
    translator: Any = export.standalone(zoo.CycleGAN(width=2), "to_a")
    assert (list(translator.input), list(translator.output)) == (["sources"], ["images"])


def test_spectral_norms_become_weights() -> None:
    network = keras.Sequential([keras.Input((3,)), SpectralNorm(keras.layers.Dense(4))])
    inputs = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)
    for _ in range(50):
        network(inputs, training=True)
    alone: Any = for_inference(network)
    assert type(alone.layers[-1]) is keras.layers.Dense
    assert np.linalg.svd(alone.layers[-1].kernel.numpy(), compute_uv=False)[0] == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_allclose(alone(inputs), network(inputs), atol=1e-6)


def test_mixed_precision_is_exported_in_float32() -> None:
    model: Any = export.standalone(zoo.DCGAN(width=2, precision="mixed_bfloat16"))
    assert {variable.dtype for variable in model.variables} == {"float32"}
    assert model({"latents": np.ones((1, 64), np.float32)})["images"].dtype == tf.float32


class SizeOfBatch(keras.layers.Layer):
    """Adds the size of the batch, where it is known."""

    def call(self, inputs):
        return inputs + float(inputs.shape[0] or 0)

    def compute_output_shape(self, input_shape):
        return input_shape


def test_a_file_that_computes_something_else_is_not_left(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, SizeOfBatch()(inputs))
    with pytest.raises(ExportError, match="computes something else than the model"):
        export.export_model(model, tmp_path / "model", formats=["saved_model"])
    assert list(tmp_path.iterdir()) == []


def test_any_model_of_keras_is_exported_and_older_files_are_replaced(tmp_path: Path) -> None:
    first, second = (keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2))
    for model in (first, second):
        files = export.export_model(model, tmp_path / "model", formats=["keras", "saved_model"])
    ones = np.ones((3, 2), np.float32)
    for file in files:
        np.testing.assert_allclose(np.asarray(FORMATS[file.format].run(file.path, {"inputs": ones})["outputs"]), second(ones))


def test_layers_that_augment_do_not_in_an_exported_model(tmp_path: Path) -> None:
    layers = [keras.Input((4, 4, 3)), keras.layers.RandomFlip(seed=0), keras.layers.Flatten(), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    for file in export.export_model(model, tmp_path / "model", formats=["keras", "saved_model"]):
        images = np.random.default_rng(6).random((8, 4, 4, 3), np.float32)
        found = FORMATS[file.format].run(file.path, {"images": images})["outputs"]
        np.testing.assert_allclose(np.asarray(found), model(images, training=False), rtol=1e-5)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_inputs_and_outputs_may_have_one_name(name: Any, tmp_path: Path) -> None:
    given = {key: keras.Input((2,), name=key) for key in ("x", "y")}
    model = keras.Model(given, {"x": given["x"] + given["y"], "sum": keras.ops.sum(given["y"], axis=1)})
    (file,) = export.export_model(model, tmp_path / "model", formats=[name])
    found = FORMATS[name].run(file.path, {key: np.full((3, 2), 2.0, np.float32) for key in given})
    assert set(found) == {"x_output", "sum"}
    np.testing.assert_array_equal(found["x_output"], np.full((3, 2), 4.0))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`:UserWarning")
def test_a_lambda_in_a_layer_is_exported_in_all_formats_but_that_of_keras(tmp_path: Path) -> None:
    class Bent(PointGan):
        def build_generator(self):
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation=lambda x: x * x)])

    task = trained(Bent())
    (file,) = export.export_task(task, tmp_path, formats=["saved_model"])
    latents = np.ones((3, 3), np.float32)
    found = FORMATS["saved_model"].run(file.path, {"latents": latents})["outputs"]
    np.testing.assert_allclose(found, task.generate(tf.constant(latents)), rtol=1e-5)
    with pytest.raises(ExportError, match="lambda"):
        export.export_task(task, tmp_path, formats=["keras"])


class Doubled(gt.conditioning.Condition):
    """Conditioning that is computed by TensorFlow, which `.keras` files cannot hold."""

    def sample(self, count, batch, rng):
        return rng.normal("numbers", [count, 2])

    def for_grid(self, rows, columns, batch):
        return tf.ones([rows * columns, 2])

    def for_generator(self, latents, conditioning):
        return tf.concat([latents, 2.0 * tf.sin(conditioning)], axis=1)

    def for_discriminator(self, examples, conditioning):
        return examples


class Conditioned(PointGan):
    def build_condition(self):
        return Doubled()

    def build_generator(self):
        return keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])


def test_a_condition_of_ones_own_is_part_of_the_model(tmp_path: Path) -> None:
    task = trained(Conditioned())
    (file,) = export.export_task(task, tmp_path, formats=["saved_model"])
    latents, numbers = np.ones((4, 3), np.float32), np.full((4, 2), 0.5, np.float32)
    found = FORMATS["saved_model"].run(file.path, {"latents": latents, "conditioning_0": numbers})["outputs"]
    np.testing.assert_allclose(found, task.generate(tf.constant(latents), tf.constant(numbers)), rtol=1e-5)
    with pytest.raises(ExportError, match="keras"):
        export.export_task(task, tmp_path, formats=["keras"])
