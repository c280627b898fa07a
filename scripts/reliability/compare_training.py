"""Train small tasks in every mode and record the results, to compare two versions of gantape bit for bit.

    PYTHONPATH=OLD python scripts/reliability/compare_training.py record old.json
    PYTHONPATH=NEW python scripts/reliability/compare_training.py record new.json
    python scripts/reliability/compare_training.py compare old.json new.json

`record` trains a classifier, a GAN (lazy and repeated updates, accumulated gradients, skipped updates, a lazy penalty,
augmentation, a moving average), a run that is resumed in the middle of an epoch, two replicas and two workers, each for a few
steps. A record holds SHA-256 of every variable, the history, the order of the callbacks and the keys of `run.json`.
"""

import argparse
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MODES = ("eager", "graph", "xla", "xla-loop")
DISTRIBUTED_MODES = ("eager", "graph")
SEED = 3


def define_tasks() -> dict[str, tuple[type[Any], Callable[[], Any]]]:
    """Classes of tasks and their data; TensorFlow is imported here, since a worker has to join first."""
    import keras
    import numpy as np
    import tensorflow as tf

    import gantape as gt

    layers = keras.layers
    random = np.random.default_rng(0)
    inputs, labels = random.normal(size=(60, 4)).astype("float32"), random.integers(0, 3, 60)
    points = random.normal(size=(76, 2)).astype("float32")
    hole = points.copy()
    hole[[7, 20]] = np.nan

    class Classifier(gt.SupervisedTask):
        """Batch norm, dropout, a regularizer, metrics."""

        def build_model(self) -> Any:
            dense = layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.01))
            hidden = [dense, layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.2)]
            return keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3)])

        def build_optimizer(self) -> Any:
            return keras.optimizers.Adam(0.02)

        def build_loss(self) -> Any:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def build_metrics(self) -> Any:
            return gt.MetricSet(accuracy=keras.metrics.SparseCategoricalAccuracy())

    class Gan(gt.AdversarialTask):
        """Nearly everything that an update can have."""

        latent_size: int = 2
        discriminator_updates: int = 2
        generator_decay: float = 0.9

        def build_generator(self) -> Any:
            hidden = [layers.Dense(4), layers.BatchNormalization(), layers.ReLU()]
            return keras.Sequential([keras.Input((self.latent_size,)), *hidden, layers.Dense(2)])

        def build_discriminator(self) -> Any:
            return keras.Sequential([keras.Input((2,)), layers.Dense(4, "tanh"), layers.Dense(1)])

        def build_generator_optimizer(self) -> Any:
            return keras.optimizers.Adam(0.02)

        def build_discriminator_optimizer(self) -> Any:
            return keras.optimizers.Adam(0.01)

        def build_penalties(self) -> Any:
            return (gt.losses.GradientPenalty(), gt.losses.Lazy(gt.losses.R1(), every=2))

        def build_augmentations(self) -> Any:
            return (gt.augment.Adaptive([gt.augment.InstanceNoise(0.1)], images=200),)

        def build_discriminator_gradient_options(self) -> Any:
            return gt.GradientOptions(accumulate=2, clip_norm=0.5, skip_nonfinite=True)

        def build_generator_gradient_options(self) -> Any:
            return gt.GradientOptions(clip_value=0.1)

    class LazyGan(Gan):
        """An update every third step."""

        def updates(self) -> Any:
            discriminator, generator = super().updates()
            fields = ("name", "loss", "variables", "optimizer", "repeats", "average", "gradient_options", "lazy")
            return (discriminator, gt.Update(**{name: getattr(generator, name) for name in fields}, every=3))

    def classes() -> Any:
        return gt.data.from_arrays((inputs, labels), batch_size=4)

    def in_plane() -> Any:
        return gt.data.from_arrays(tf.constant(points).numpy(), batch_size=4)

    def with_hole() -> Any:
        return gt.data.from_arrays(hole, batch_size=4)

    return {"classifier": (Classifier, classes), "gan": (LazyGan, with_hole), "plain gan": (Gan, in_plane)}


class Diary:
    """A stateful action that remembers when it was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def start(self, progress: Any) -> None:
        """Note the start."""
        self.calls.append(f"start {progress.step}")

    def step(self, progress: Any) -> None:
        """Note a step."""
        self.calls.append(f"step {progress.step} {progress.epoch} {progress.examples} {progress.updates}")

    def end(self, progress: Any) -> None:
        """Note the end."""
        self.calls.append(f"end {progress.step} {progress.fraction_done}")

    def state(self) -> dict[str, Any]:
        """The notes."""
        return {"calls": self.calls}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the notes."""
        self.calls = [*state["calls"], "restored"]


def train(case: str, mode: str, steps: tuple[int, ...], *, strategy: Any = None, saved: bool = False) -> dict[str, Any]:
    """Train for so many steps; where there are several numbers, each further one resumes the run of the one before."""
    import keras

    import gantape as gt

    task_class, data = define_tasks()[case]
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder, "run") if saved or len(steps) > 1 else None
        for part, count in enumerate(steps):
            keras.utils.set_random_seed(SEED + part)
            with strategy.scope() if strategy else contextlib.nullcontext():
                task = task_class()
            compiler = gt.StepCompiler(mode, steps_per_call=1 if mode == "eager" else 3, strategy=strategy)
            diary = Diary()
            callbacks = [
                gt.Callback(diary.start, gt.at_start()),
                gt.Callback(diary.step, gt.every(steps=2) | gt.every(epochs=1)),
                gt.Callback(diary.end, gt.at_end()),
            ]
            if part:
                loop = gt.Loop.resume(run_dir, task, compiler=compiler, callbacks=callbacks)
            else:
                norms = case == "gan"
                loop = gt.Loop(task, compiler=compiler, run_dir=run_dir, seed=SEED, callbacks=callbacks, gradient_norms=norms)
            validation = data() if case == "classifier" else None
            history = loop.run(data(), validation=validation, steps=count, record=gt.every(steps=2) | gt.at_end())
        record = json.loads((run_dir / "run.json").read_text()) if run_dir else {}
    return {
        "weights": digests(task),
        "history": [{name: value for name, value in row.items() if name != "seconds"} for row in history],
        "callbacks": diary.calls,
        "run.json": sorted(record),
    }


def digests(task: Any) -> dict[str, str]:
    """SHA-256 of every variable, by part and place."""
    import numpy as np

    found = {}
    for name in task.part_names():
        for place, variable in enumerate(getattr(getattr(task, name), "variables", ())):
            copies = getattr(variable.value, "values", None) or [variable.value]
            values = b"".join(np.array(copy.numpy()).tobytes() for copy in copies)
            found[f"{name}.{place}"] = hashlib.sha256(values).hexdigest()
    return found


def record_all(only: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every case, by name."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    cases: dict[str, Callable[[], dict[str, Any]]] = {}
    for mode in MODES:
        cases[f"classifier, {mode}"] = lambda mode=mode: train("classifier", mode, (17,))
        cases[f"gan, {mode}"] = lambda mode=mode: train("gan", mode, (11,))
        cases[f"gan resumed, {mode}"] = lambda mode=mode: train("gan", mode, (6, 5))
        cases[f"classifier resumed, {mode}"] = lambda mode=mode: train("classifier", mode, (8, 9))
    strategies: list[Any] = []
    for mode in DISTRIBUTED_MODES:

        def replicated(case: str, steps: int, mode: str = mode) -> dict[str, Any]:
            if not strategies:
                strategies.append(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
            return train(case, mode, (steps,), strategy=strategies[0])

        cases[f"classifier on two replicas, {mode}"] = lambda run=replicated: run("classifier", 8)
        cases[f"gan on two replicas, {mode}"] = lambda run=replicated: run("plain gan", 4)
    cases["classifier on two workers, graph"] = on_workers
    for name, case in cases.items():
        if only in name:
            yield name, case()


def on_workers() -> dict[str, Any]:
    """Two processes on this machine."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, __file__, "worker", *addresses]
    workers = [
        subprocess.Popen([*command, "--index", str(index)], stdout=subprocess.PIPE, env=environment) for index in range(2)
    ]
    outputs = [worker.communicate()[0] for worker in workers]
    found: dict[str, Any] = json.loads(outputs[0].splitlines()[-1])
    return found | {"weights of the other": json.loads(outputs[1].splitlines()[-1])["weights"]}


def differences(one: Any, other: Any, where: str = "") -> Iterator[str]:
    """Where two records differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            if name not in one or name not in other:
                yield f"{where}/{name}: only in the {'second' if name in other else 'first'}"
            else:
                yield from differences(one[name], other[name], f"{where}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{where}[{place}]")
    # As text: not a number is then itself.
    elif repr(one) != repr(other):
        yield f"{where}: {one!r} and {other!r}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    record = commands.add_parser("record", help="train, and write a record")
    record.add_argument("file", type=Path)
    record.add_argument("--only", default="", help="cases whose name holds this text")
    compare = commands.add_parser("compare", help="say where two records differ")
    compare.add_argument("first", type=Path)
    compare.add_argument("second", type=Path)
    worker = commands.add_parser("worker", help="one of two processes; started by `record`")
    worker.add_argument("addresses", nargs=2)
    worker.add_argument("--index", type=int)
    given = parser.parse_args()
    if given.command == "worker":
        import gantape as gt

        strategy = gt.distribute.join(given.addresses, given.index)
        print(json.dumps(train("classifier", "graph", (6,), strategy=strategy)))
        return 0
    if given.command == "record":
        found = {}
        for name, result in record_all(given.only):
            found[name] = result
            print(name, flush=True)
        given.file.write_text(json.dumps(found, indent=1) + "\n")
        return 0
    first, second = (json.loads(path.read_text()) for path in (given.first, given.second))
    if not given.first.samefile(given.second):
        shared = [name for name in first if name in second]
        found_differences = list(differences(first, second))
        print("\n".join(found_differences) or f"no difference in {len(shared)} cases")
        return int(bool(found_differences))
    return 0


if __name__ == "__main__":
    sys.exit(main())
