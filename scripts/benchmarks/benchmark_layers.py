"""Speed of gantape's layers against Keras' own: forward, gradient, and both, in graph mode and in XLA.

    python scripts/benchmarks/benchmark_layers.py                                   # a few minutes
    python scripts/benchmarks/benchmark_layers.py --only 7x7 --repetitions 100 --output benchmarks/layers

`keras` is the layer of Keras, `gantape` the faster layer, which rewrites where `gantape.layers.choice` says so, `rewritten`
the rewriting wherever it can be done: what the choice is to be judged by. The variants of a case run in turn in one process,
so that whatever else the machine does meets them alike. Times are milliseconds, the median and the quartiles; a ratio is
the median, over the turns, of Keras' time over the variant's. Results are a table (`layers.txt`) and JSON with the machine
and the versions (`layers.json`).
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import keras
import numpy as np
import tensorflow as tf
import tyro
from benchmarks.machine import machine_facts

from gantape.layers import FastConv2D, FastConv2DTranspose
from gantape.layers.columns import convolve_by_columns
from gantape.layers.geometry import Strides, Window
from gantape.layers.phases import convolve, convolve_transposed

Function = Callable[..., Any]
HEADER = f"{'case':46}{'mode':7}{'part':10}{'variant':11}{'median':>9}  {'quartiles':17}{'ratio':>6}"
WARM_UP = 2


@attrs.frozen
class Case:
    """A convolution without bias of square images, padding `"same"`.

    Args:
        network: The network that contains it.
        transposed: Whether it is transposed.
        kernel: Height and width of the kernel.
        stride: The stride along both axes.
        channels: Input and output channels.
        size: Height and width of the input images.
    """

    network: str
    transposed: bool
    kernel: int
    stride: int
    channels: tuple[int, int]
    size: int

    KINDS: ClassVar[Mapping[bool, tuple[type, type]]] = {
        False: (keras.layers.Conv2D, FastConv2D),
        True: (keras.layers.Conv2DTranspose, FastConv2DTranspose),
    }

    @property
    def name(self) -> str:
        """The name in the table."""
        kind = "transposed" if self.transposed else "convolution"
        channels = f"{self.channels[0]}->{self.channels[1]}"
        return f"{self.network}: {kind} {self.kernel}x{self.kernel}/{self.stride} {channels} at {self.size}"

    def inputs(self, batch_size: int) -> tuple[Any, ...]:
        """Images and kernel, and a gradient with respect to the outputs."""
        images, (layer, _) = (batch_size, self.size, self.size, self.channels[0]), self._layers()
        layer.build(images)
        random = np.random.default_rng(0)
        shapes = (images, layer.kernel.shape, layer.compute_output_shape(images))
        return tuple(tf.constant(random.normal(size=shape), tf.float32) for shape in shapes)

    def variants(self) -> dict[str, Function]:
        """The functions from images and kernel to outputs, by variant."""
        own, fast = self._layers()
        return {"keras": _as_function(own, self), "gantape": _as_function(fast, self), "rewritten": self._rewritten}

    def _layers(self) -> tuple[Any, Any]:
        own, fast = (
            kind(self.channels[1], self.kernel, self.stride, padding="same", use_bias=False)
            for kind in self.KINDS[self.transposed]
        )
        return own, fast

    def _rewritten(self, images: Any, kernel: Any) -> Any:
        kernel_size, size, steps = (self.kernel, self.kernel), (self.size, self.size), (self.stride, self.stride)
        if self.transposed:
            return convolve_transposed(images, kernel, Strides.of_transpose(kernel_size, steps, size, "same"))
        if self.stride == 1:
            return convolve_by_columns(images, kernel, Window.of(kernel_size, size, "same"))
        return convolve(images, kernel, Strides(kernel_size, steps, size, "same"))


def _as_function(layer: Any, case: Case) -> Function:
    layer.build((None, case.size, case.size, case.channels[0]))
    return lambda images, kernel: layer.stateless_call([kernel], [], images)[0]


CASES = (
    Case("guide", True, 4, 2, (128, 128), 7),
    Case("guide", True, 4, 2, (128, 128), 14),
    Case("guide", False, 7, 1, (128, 1), 28),
    Case("guide", False, 3, 2, (64, 128), 14),
    Case("light", True, 4, 2, (128, 64), 7),
    Case("light", True, 4, 2, (64, 1), 14),
    Case("light", False, 4, 2, (1, 64), 28),
    Case("light", False, 4, 2, (64, 128), 14),
    Case("colour", True, 5, 2, (64, 3), 16),
    Case("colour", False, 3, 1, (64, 3), 32),
)


@attrs.frozen
class Benchmark:
    """Measure gantape's layers against Keras' own.

    Args:
        repetitions: Measurements of each variant.
        batch_size: Images in a batch.
        only: Measure the cases whose name contains this.
        output: The folder for results; nothing is written without one.
    """

    repetitions: int = 30
    batch_size: int = 64
    only: str = ""
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None

    def run(self) -> None:
        """Measure, print the table, and write the results."""
        print(HEADER)
        rows: list[dict[str, Any]] = []
        for case in CASES:
            if self.only in case.name:
                for mode in ("graph", "xla"):
                    found = self._measure(case, mode)
                    print("\n".join(map(_line, found)), flush=True)
                    rows += found
        if self.output is not None:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "layers.txt").write_text("\n".join([HEADER, *map(_line, rows)]) + "\n")
            settings = attrs.asdict(self) | {"output": str(self.output)}
            record = {"machine": machine_facts(), "settings": settings, "rows": rows}
            (self.output / "layers.json").write_text(json.dumps(record, indent=2) + "\n")

    def _measure(self, case: Case, mode: str) -> list[dict[str, Any]]:
        inputs, rows = case.inputs(self.batch_size), []
        for part, make in PARTS.items():
            functions = {
                name: tf.function(make(variant), jit_compile=mode == "xla") for name, variant in case.variants().items()
            }
            times = _take_turns(functions, inputs, self.repetitions)
            for name, milliseconds in times.items():
                low, median, high = np.percentile(milliseconds, (25, 50, 75)).round(3).tolist()
                ratio = round(float(np.median(times["keras"] / milliseconds)), 2)
                rows.append(
                    {"case": case.name, "mode": mode, "part": part, "variant": name}
                    | {"median": median, "quartiles": [low, high], "ratio": ratio}
                )
        return rows


def _forward(variant: Function) -> Function:
    return lambda images, kernel, _: variant(images, kernel)


def _gradient(variant: Function) -> Function:
    def function(images: Any, kernel: Any, upstream: Any) -> Any:
        return _both(variant)(images, kernel, upstream)[1:]

    return function


def _both(variant: Function) -> Function:
    def function(images: Any, kernel: Any, upstream: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            outputs = variant(images, kernel)
        return outputs, *tape.gradient(outputs, (images, kernel), upstream)

    return function


PARTS: Mapping[str, Callable[[Function], Function]] = {"forward": _forward, "gradient": _gradient, "both": _both}


def _take_turns(functions: Mapping[str, Function], inputs: tuple[Any, ...], repetitions: int) -> dict[str, Any]:
    """Milliseconds of each function in each turn, without compilation and warm-up; the order rotates with each turn."""
    names = list(functions)
    times = {name: np.zeros(WARM_UP + repetitions) for name in names}
    for turn in range(WARM_UP + repetitions):
        for place in range(len(names)):
            name = names[(turn + place) % len(names)]
            start = time.perf_counter()
            tf.nest.flatten(functions[name](*inputs))[0].numpy()
            times[name][turn] = 1e3 * (time.perf_counter() - start)
    return {name: found[WARM_UP:] for name, found in times.items()}


def _line(row: Mapping[str, Any]) -> str:
    quartiles = "{:.2f} - {:.2f}".format(*row["quartiles"])
    name = f"{row['case']:46}{row['mode']:7}{row['part']:10}{row['variant']:11}"
    return f"{name}{row['median']:9.2f}  {quartiles:17}{row['ratio']:6.2f}"


if __name__ == "__main__":
    tyro.cli(Benchmark).run()
