"""Whatever is got wrong is answered by one error that explains itself, before it costs anything.

Each wrong use ends in one kind of `GantapeError` that says what, where, got and do, with no line of TensorFlow's or Keras' own
code in what is printed, and leaves a run that is on the disk as it was.
"""

import json
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tiny import Classifier, LazyGan, PointGan, labelled, points

import gantape as gt
from gantape import errors, report
from gantape.loop.duration import Duration
from gantape.report import SavedModels

layers = keras.layers
inputs, labels = labelled().arrays
steps = gt.every(steps=1)


def train(task: gt.Task | None = None, data: Any = None, mode: Any = "graph", **options: Any) -> gt.History:
    """Two steps of a run, with what is asked for."""
    asked = {name: options.pop(name) for name in ("validation", "record", "epochs", "minutes") if name in options}
    length = {} if "epochs" in asked or "minutes" in asked else {"steps": options.pop("steps", 2)}
    loop = gt.Loop(task or Classifier(), compiler=gt.StepCompiler(mode), **options)
    return loop.run(labelled() if data is None else data, **length, **asked)


def classifier(**methods: Any) -> gt.Task:
    return type("Mine", (Classifier,), methods)()


def gan(**methods: Any) -> gt.Task:
    return type("MyGan", (PointGan,), methods)()


def moved(**changes: Any) -> gt.Task:
    """A classifier whose update is another one."""
    return classifier(updates=lambda self: tuple(attrs.evolve(update, **changes) for update in Classifier.updates(self)))


def network(*parts: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), *parts])


def batches(one: Any, other: Any = None) -> gt.data.ArrayBatches:
    return gt.data.from_arrays(one if other is None else (one, other), batch_size=4)


def with_one(array: Any, value: Any) -> Any:
    changed = array.copy()
    changed.flat[:] = np.where(np.arange(changed.size) % 4 == 0, value, changed.flat[:])
    return changed


def images(channels: int = 1, size: int = 28, low: float = -1.0, high: float = 1.0) -> Any:
    return np.random.default_rng(0).uniform(low, high, (8, size, size, channels)).astype(np.float32)


class ImageGan(gt.AdversarialTask):
    latent_size: int = 4

    def build_generator(self):
        return keras.Sequential([keras.Input((4,)), layers.Dense(784, "tanh"), layers.Reshape((28, 28, 1))])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(1)])

    def build_generator_optimizer(self):
        return keras.optimizers.SGD(0.01)

    def build_discriminator_optimizer(self):
        return keras.optimizers.SGD(0.01)


def one_shot(count: int) -> tf.data.Dataset:
    """A dataset that can be read once: the second pass finds nothing."""
    left = [count]

    def generate():
        while left[0]:
            left[0] -= 1
            yield np.zeros(4, np.float32), np.int64(0)

    signature = (tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.int64))
    return tf.data.Dataset.from_generator(generate, output_signature=signature).batch(2)


def tensors(*arrays: Any, batch: int = 4) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(batch)


def a_callback_that_returns(value: Any) -> gt.Callback:
    return gt.Callback(lambda progress: value, steps)


@attrs.frozen
class Unpacked:
    """An action that remembers what is no plain data."""

    def __call__(self, progress: gt.Progress) -> None: ...

    def state(self) -> dict[str, Any]:
        return {"weights": {1, 2}}

    def restore(self, state: dict[str, Any]) -> None: ...


def resumed(folder: Path, *, name: str = "run", task: Any = None, data: Any = None, **options: Any) -> Any:
    return gt.Loop.resume(folder / name, task or Classifier(), **options).run(data or labelled(), steps=1)


def broken(folder: Path, path: str, text: str | bytes) -> Path:
    """A copy of the run with a file that says something else."""
    shutil.copytree(folder / "run", folder / "copy")
    (folder / "copy" / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def record(**changes: Any) -> str:
    facts = {
        "run": "1",
        "task": "Classifier",
        "hyperparameters": {"precision": "float32"},
        "data": {},
        "seed": 0,
        "mode": "eager",
        "steps_per_call": 1,
    }
    return json.dumps(facts | changes)


Task, Hyper, Data, Schedule = errors.TaskError, errors.HyperparameterError, errors.DataError, errors.ScheduleError
Directory, Resume, Compile = errors.RunDirectoryError, errors.ResumeError, errors.CompileError

# What is done (given a folder with a finished run in it, `run`), the error, and a part of what it says.
WRONG: dict[str, tuple[Callable[[Path], Any], type[errors.GantapeError], str]] = {
    # tasks
    "a hyper-parameter misspelt": (lambda _: Classifier(learning_rat=1.0), Hyper, "`learning_rate`"),
    "a hyper-parameter of another type": (lambda _: Classifier(learning_rate="0.1"), Hyper, "type float"),
    "a hyper-parameter without its name": (lambda _: Classifier(0.1), Hyper, "by name"),
    "a truth value for a number": (lambda _: PointGan(latent_size=True), Hyper, "type int"),
    "a latent size of zero": (lambda _: PointGan(latent_size=0), Hyper, "above zero"),
    "a negative number of updates": (lambda _: PointGan(discriminator_updates=-1), Hyper, "above zero"),
    "a hyper-parameter set afterwards": (lambda _: setattr(Classifier(), "learning_rate", 1.0), Hyper, "make another"),
    "a part set afterwards": (lambda _: setattr(Classifier(), "model", network()), Task, "build_model"),
    "the abstract class": (lambda _: gt.SupervisedTask(), Task, "build_model"),
    "a part that is None": (lambda _: classifier(build_model=lambda self: None), Task, "return what"),
    "a part that needs itself": (lambda _: classifier(build_model=lambda self: self.model), Task, "inside its own"),
    "a part that fails": (lambda _: classifier(build_model=lambda self: network(layers.Dense(-1))), Task, "cannot be built"),
    "a list for a model": (lambda _: classifier(build_model=lambda self: [layers.Dense(3)]), errors.GantapeError, ""),
    "a model without input": (
        lambda _: classifier(build_model=lambda self: keras.Sequential([layers.Dense(3)])),
        Task,
        "keras.Input",
    ),
    "a frozen model": (
        lambda _: classifier(build_model=lambda self: network(layers.Dense(3, trainable=False))),
        Task,
        "nothing to move",
    ),
    "a text for an optimizer": (lambda _: classifier(build_optimizer=lambda self: "adam"), Task, "keras.optimizers.Adam"),
    "a class for an optimizer": (
        lambda _: classifier(build_optimizer=lambda self: keras.optimizers.Adam),
        Task,
        "keras.optimizers.Adam",
    ),
    "one optimizer for two updates": (
        lambda _: gan(build_discriminator_optimizer=lambda self: self.generator_optimizer),
        Task,
        "share one optimizer",
    ),
    "no update": (lambda _: classifier(updates=lambda self: ()), Task, "at least one update"),
    "an update that is none": (lambda _: classifier(updates=lambda self: (1,)), Task, "gantape.Update"),
    "no repeats": (lambda _: moved(repeats=0), Task, "repeats=0"),
    "an interval of zero": (lambda _: moved(every=0), Task, "every=0"),
    "nothing to move": (lambda _: moved(variables=()), Task, "nothing to move"),
    "two updates of one name": (
        lambda _: gan(updates=lambda self: tuple(attrs.evolve(update, name="same") for update in PointGan.updates(self))),
        Task,
        "share one name",
    ),
    "a class for a metric": (
        lambda _: classifier(build_metrics=lambda self: gt.MetricSet(accuracy=keras.metrics.Accuracy)),
        errors.GantapeError,
        "give an instance",
    ),
    "a generator of other latents": (
        lambda _: gan(build_generator=lambda self: keras.Sequential([keras.Input((9,)), layers.Dense(2)])),
        Task,
        "self.latent_size",
    ),
    "a discriminator of other examples": (
        lambda _: gan(build_discriminator=lambda self: keras.Sequential([keras.Input((5,)), layers.Dense(1)])),
        Task,
        "what the generator makes",
    ),
    "a discriminator of ten scores": (
        lambda _: gan(build_discriminator=lambda self: keras.Sequential([keras.Input((2,)), layers.Dense(10)])),
        errors.ShapeError,
        "Dense(1)",
    ),
    # data
    "a list for an array": (lambda _: gt.data.from_arrays([1, 2, 3], batch_size=1), Data, "numpy.asarray"),
    "no examples": (lambda _: batches(np.zeros((0, 4))), Data, "not zero"),
    "arrays of different lengths": (lambda _: batches(inputs, labels[:-1]), Data, "lengths"),
    "an array of objects": (lambda _: batches(np.array([None, {}] * 4)), Data, "numbers"),
    "a batch size of zero": (lambda _: gt.data.from_arrays(inputs, batch_size=0), Data, "positive"),
    "a batch size of a half": (lambda _: gt.data.from_arrays(inputs, batch_size=0.5), Data, "positive"),
    "more in a batch than there is": (lambda _: train(data=labelled(3)), Data, "fewer examples"),
    "a split that leaves nothing": (lambda _: labelled().split(validation=64), Data, "leave some"),
    "a split that does not exist": (lambda _: gt.data.digits(batch_size=4, split="val"), Data, '"train" or "test"'),
    "an array for batches": (lambda _: train(data=inputs), Data, "from_arrays"),
    "nothing for batches": (lambda _: gt.Loop(Classifier()).run(None, steps=1), Data, "from_arrays"),
    "a dataset for batches": (lambda _: train(data=tensors(inputs, labels)), Data, "from_dataset"),
    "a list for a dataset": (lambda _: gt.data.from_dataset([inputs]), Data, "from_arrays"),
    "an empty dataset": (lambda _: gt.data.from_dataset(tensors(inputs, labels).take(0)), Data, "empty"),
    "a dataset without batches": (lambda _: gt.data.from_dataset(tf.data.Dataset.range(5)), Data, "dataset.batch"),
    "a dataset that ends early": (
        lambda _: train(data=gt.data.from_dataset(one_shot(12)), steps=50, mode="eager"),
        Data,
        "read again from its start",
    ),
    "a dataset whose batches are smaller than its first": (
        lambda _: gt.Loop(PointGan(discriminator_updates=40)).run(gt.data.from_dataset(tensors(points().arrays)), steps=1),
        Data,
        "batches an epoch",
    ),
    "a batch that is no pair": (lambda _: train(data=batches(inputs)), Data, "a pair"),
    "a batch of three": (lambda _: train(data=gt.data.from_arrays((inputs,) * 3, batch_size=4)), Data, "a pair"),
    "a dict for a pair": (lambda _: train(data=batches({"x": inputs, "y": labels})), Data, "a pair"),
    "inputs of another shape": (lambda _: train(data=batches(inputs[:, :3], labels)), errors.ShapeError, "(None, 4)"),
    "whole numbers for floats": (lambda _: train(data=batches(inputs.astype(int), labels)), errors.DtypeError, "scale"),
    "a label too high": (lambda _: train(data=batches(inputs, labels + 1)), errors.RangeError, "labels from"),
    "a label below zero": (lambda _: train(data=batches(inputs, labels - 1)), errors.RangeError, "number the classes from 0"),
    "missing values": (lambda _: train(data=batches(with_one(inputs, np.nan), labels)), errors.RangeError, "clean it"),
    "infinite values": (lambda _: train(PointGan(), batches(with_one(points().arrays, np.inf))), errors.RangeError, "clean it"),
    "images from 0 to 255": (lambda _: train(ImageGan(), batches(images(high=255.0))), errors.RangeError, "scale_pixels"),
    "images of bytes": (lambda _: train(ImageGan(), batches(images().astype("uint8"))), errors.DtypeError, "scale_pixels"),
    "images without channels": (lambda _: train(ImageGan(), batches(images()[..., 0])), errors.ShapeError, "[..., None]"),
    "images of three channels": (lambda _: train(ImageGan(), batches(images(3))), errors.ShapeError, "28 28 1"),
    "images of another size": (lambda _: train(ImageGan(), batches(images(size=32))), errors.ShapeError, "28 28 1"),
    "validation that is no data": (lambda _: train(validation=inputs), Data, "`validation`"),
    "too few batches for a step": (lambda _: train(PointGan(discriminator_updates=5), points(16)), Data, "5 a step"),
    # the loop
    "a class for a task": (lambda _: gt.Loop(Classifier), Task, "Classifier()"),
    "a model for a task": (lambda _: gt.Loop(network(layers.Dense(3))), Task, "instance of your class"),
    "a mode for a compiler": (lambda _: gt.Loop(Classifier(), compiler="graph"), Hyper, "StepCompiler"),
    "a mode that does not exist": (lambda _: gt.StepCompiler("fast"), Hyper, "xla-loop"),
    "no steps in a call": (lambda _: gt.StepCompiler(steps_per_call=0), Hyper, "positive"),
    "a text for a file of measurements": (lambda _: gt.StepCompiler("auto", autotune_cache="m.json"), Hyper, "pathlib"),
    "a number for a directory": (lambda _: gt.Loop(Classifier(), run_dir=3), Directory, "a path"),
    "a seed of a half": (lambda _: gt.Loop(Classifier(), seed=0.5), Schedule, "whole number"),
    "a function for a callback": (lambda _: gt.Loop(Classifier(), callbacks=[print]), Schedule, "gantape.Callback"),
    "a callback without a list": (lambda _: gt.Loop(Classifier(), callbacks=print), Schedule, "a list"),
    "a callback of Keras": (
        lambda _: gt.Loop(Classifier(), callbacks=[keras.callbacks.EarlyStopping()]),
        Schedule,
        "from_keras",
    ),
    "a class for a callback of Keras": (
        lambda _: gt.callbacks.from_keras(keras.callbacks.EarlyStopping, Classifier().model),
        Schedule,
        "EarlyStopping()",
    ),
    "a callback of Keras without a model": (
        lambda _: gt.callbacks.from_keras(keras.callbacks.EarlyStopping(), None),
        Schedule,
        "task.model",
    ),
    "a callback without a schedule": (lambda _: gt.Callback(print, 100), Schedule, "gantape.every"),
    "an action that cannot be called": (lambda _: gt.Callback("print", steps), Schedule, "an action"),
    "an action that returns True": (lambda _: train(callbacks=[a_callback_that_returns(True)], mode="eager"), Schedule, "Stop"),
    "no rule for stopping": (lambda _: gt.Loop(Classifier()).run(labelled()), Schedule, "exactly one"),
    "two rules for stopping": (lambda _: train(epochs=1, minutes=1.0), Schedule, "epochs=1, minutes=1.0"),
    "no steps": (lambda _: train(steps=0), Schedule, "positive"),
    "a text for steps": (lambda _: train(steps="10"), Schedule, "positive"),
    "half an epoch": (lambda _: train(epochs=0.5), Schedule, "whole number"),
    "endless minutes": (lambda _: train(minutes=float("inf")), Schedule, "positive"),
    "a text for a record": (lambda _: train(record="epoch"), Schedule, "a schedule"),
    "an interval of no steps": (lambda _: gt.every(steps=0), Schedule, "positive"),
    "an interval without a unit": (lambda _: gt.every(), Schedule, "one unit"),
    "an interval of two units": (lambda _: gt.every(steps=1, epochs=1), Schedule, "one unit"),
    "an interval of negative seconds": (lambda _: gt.every(seconds=-1.0), Schedule, "positive"),
    "step 0": (lambda _: gt.at(0), Schedule, "from 1"),
    "no step": (lambda _: gt.at(), Schedule, "at_start"),
    "a number for a schedule of checkpoints": (lambda _: gt.Checkpoints(every=100), Schedule, "gantape.every"),
    "no checkpoint kept": (lambda _: gt.Checkpoints(keep=0), Schedule, "at least one"),
    "a text for the best": (lambda _: gt.Checkpoints(best="loss"), Schedule, "gantape.Best"),
    "seconds for checkpoints": (lambda _: gt.Loop(Classifier(), checkpoints=60), Schedule, "gantape.Checkpoints"),
    "a memory that is no plain data": (
        lambda folder: train(run_dir=folder / "new", callbacks=[gt.Callback(Unpacked(), steps)], mode="eager"),
        Schedule,
        "plain data",
    ),
    "a GAN evaluated": (lambda _: gt.Loop(PointGan()).evaluate(points()), Task, "evaluate(self"),
    "a column that was not recorded": (lambda _: train(mode="eager").values("los"), errors.MetricError, "columns"),
    "one-hot labels for a loss of numbers": (
        lambda _: train(data=batches(inputs, np.eye(3, dtype="float32")[labels])),
        errors.GantapeError,
        "shape",
    ),
    "a part saved that is none": (
        lambda folder: train(callbacks=[gt.Callback(SavedModels({"generater": folder / "m.keras"}), steps)], mode="eager"),
        Task,
        "generater",
    ),
    "a grid of vectors": (lambda _: report.image_grid(np.zeros((4, 2))), errors.ShapeError, "height"),
    # a run's directory
    "a directory that holds a run": (lambda folder: train(run_dir=folder / "run"), Directory, "gantape.Loop.resume"),
    "a file for a directory": (lambda folder: train(run_dir=folder / "run/run.json"), Directory, "cannot be written"),
    "a run that is not there": (lambda folder: resumed(folder, name="other"), Directory, "not the directory of a run"),
    "a record that is no JSON": (lambda folder: resumed(broken(folder, "run.json", "{"), name="copy"), Directory, "run.json"),
    "a record of something else": (
        lambda folder: resumed(broken(folder, "run.json", '{"name": "x"}'), name="copy"),
        Directory,
        "gantape made",
    ),
    "a record without end": (
        lambda folder: resumed(broken(folder, "run.json", '{"a":' * 10**5), name="copy"),
        Directory,
        "nested",
    ),
    "a record of an older kind": (
        lambda folder: resumed(broken(folder, "run.json", '{"task": "Classifier"}'), name="copy"),
        Directory,
        "this version",
    ),
    "a record of a mode that does not exist": (
        lambda folder: resumed(broken(folder, "run.json", record(mode="fast")), name="copy"),
        Directory,
        "mode",
    ),
    "a record of another run": (
        lambda folder: resumed(
            broken(folder, "run.json", record(hyperparameters={"precision": "float32", "learning_rate": 0.05})), name="copy"
        ),
        Directory,
        "another run",
    ),
    "another task": (lambda folder: resumed(folder, task=LazyGan()), Resume, "another task"),
    "another learning rate": (lambda folder: resumed(folder, task=Classifier(learning_rate=1.0)), Resume, "changed="),
    "a change of what does not exist": (lambda folder: resumed(folder, changed=("learning",)), Resume, "learning_rate"),
    "another batch size": (lambda folder: resumed(folder, data=labelled(batch_size=8)), Resume, "batch_size=8"),
    "other data": (lambda folder: resumed(folder, data=labelled(60)), Resume, "checksum"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in it."""
    folder = tmp_path_factory.mktemp("kept")
    train(run_dir=folder / "run", mode="eager")
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


def check(error: BaseException) -> None:
    """An error has its four parts and shows no code of libraries."""
    assert isinstance(error, gt.GantapeError)
    assert all((error.what, error.where, error.got, error.do))
    printed = "".join(traceback.format_exception(error))
    own = printed.split("The above exception was the direct cause")[-1]
    assert "site-packages/tensorflow" not in own
    assert "site-packages/keras" not in own


def test_there_are_enough() -> None:
    assert len(WRONG) >= 100


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_use_ends_in_one_clear_error(name: str, run: Path, tmp_path: Path) -> None:
    use, kind, says = WRONG[name]
    shutil.copytree(run / "run", tmp_path / "run")
    before = contents(tmp_path / "run")
    with pytest.raises(kind) as caught:
        use(tmp_path)
    check(caught.value)
    assert kind is errors.GantapeError or type(caught.value) is kind
    assert says in str(caught.value)
    assert contents(tmp_path / "run") == before


junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([print, int, gt.Stop("x"), gt.at_end(), Path("x"), {}, (), np.zeros(3), np.float32(1.0), Classifier]),
)

OPEN_TO_ALL: dict[str, Callable[[Any, Any], Any]] = {
    "every": lambda one, other: gt.every(steps=one, seconds=other),
    "at": lambda one, other: gt.at(one, other),
    "Duration": lambda one, other: Duration.of(steps=one, minutes=other),
    "StepCompiler": lambda one, other: gt.StepCompiler(one, other),
    "StepCompiler, by name": lambda one, other: gt.StepCompiler(max_traces=one, autotune_cache=other),
    "Checkpoints": lambda one, other: gt.Checkpoints(one, other),
    "Callback": lambda one, other: gt.Callback(one, other),
    "from_arrays": lambda one, other: gt.data.from_arrays(one, batch_size=other),
    "from_dataset": lambda one, other: gt.data.from_dataset(one),
    "from_keras": lambda one, other: gt.callbacks.from_keras(one, other),
    "split": lambda one, other: labelled().split(validation=one, test=other),
    "MetricSet": lambda one, other: gt.MetricSet(one=one, other=other),
    "Task": lambda one, other: PointGan(latent_size=one, learning_rate=other),
    "Loop": lambda one, other: gt.Loop(one, compiler=other),
    "Loop, by name": lambda one, other: gt.Loop(Classifier(), run_dir=one, callbacks=other),
    "Loop, seed": lambda one, other: gt.Loop(Classifier(), seed=one, checkpoints=other),
}


@pytest.mark.parametrize("name", OPEN_TO_ALL)
def test_whatever_is_given_is_taken_or_explained(name: str) -> None:
    @given(one=junk, other=junk)
    def law(one: Any, other: Any) -> None:
        if name == "Task" and isinstance(one, int) and not isinstance(one, bool) and one > 100:
            one = 3  # a network of that size would be built
        try:
            OPEN_TO_ALL[name](one, other)
        except gt.GantapeError as error:
            check(error)

    law()
