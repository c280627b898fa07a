"""A table of wrong uses of the package, and the error in which each ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf
from misuse import (
    ImageGan,
    Unpacked,
    a_callback_that_returns,
    batches,
    broken,
    classifier,
    gan,
    images,
    inputs,
    labels,
    layers,
    moved,
    network,
    one_shot,
    record,
    resumed,
    steps,
    tensors,
    train,
    with_one,
)
from tiny import Classifier, LazyGan, PointGan, labelled, points

import gantape as gt
from gantape import errors, report
from gantape.report import SavedModels

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
    "a part that needs itself": (lambda _: classifier(build_model=lambda self: self.model), Task, "while it is being built"),
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
    "a list of arrays": (lambda _: gt.data.from_arrays([inputs, inputs], batch_size=1), Data, "numpy.stack"),
    "a list of unlike lists": (lambda _: gt.data.from_arrays([[1, 2], [3]], batch_size=1), Data, "one shape"),
    "no examples": (lambda _: batches(np.zeros((0, 4))), Data, "empty"),
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
        "iterated over more than once",
    ),
    "a dataset whose batches are smaller than its first": (
        lambda _: gt.Loop(PointGan(discriminator_updates=40)).run(gt.data.from_dataset(tensors(points().arrays)), steps=1),
        Data,
        "batches an epoch",
    ),
    "a batch that is no pair": (lambda _: train(data=batches(inputs)), Data, "a pair"),
    "a batch of four": (lambda _: train(data=gt.data.from_arrays((inputs,) * 4, batch_size=4)), Data, "a pair"),
    "a dict for a pair": (lambda _: train(data=batches({"x": inputs, "y": labels})), Data, "a pair"),
    "inputs of another shape": (lambda _: train(data=batches(inputs[:, :3], labels)), errors.ShapeError, "(None, 4)"),
    "whole numbers for floats": (
        lambda _: train(data=batches(inputs.astype(int), labels)),
        errors.DtypeError,
        'astype("float32")',
    ),
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
