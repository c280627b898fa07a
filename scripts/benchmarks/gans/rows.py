"""The rows of the scoreboard: task, data, length of training, and evaluation."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import gantape as gt
from benchmarks.gans.mixtures import OBJECTIVES, PROTOCOLS, SAMPLES, STEPS, Mixture, MixtureGAN
from benchmarks.gans.recipes import StackedDCGAN, TinyStacked
from gantape import evaluation as ev
from gantape.conditioning import ClassLabels
from gantape.random.rng import derive_key
from gantape.zoo import CGAN, DCGAN, GuideDCGAN

DIGIT_SAMPLES = 10_000
STACKED_EXAMPLES = 60_000

Measured = tuple[ev.Measurement, ...]


@attrs.frozen(eq=False)
class Row:
    """A row.

    Args:
        task: The function that makes the task.
        data: The function from the task to its batches.
        length: Steps or minutes, as `Loop.run` takes them.
        judge: The function from the trained task to its figures.
        published: Published results, in words.
        mode: How steps are compiled.
        mixture: The mixture of Gaussians, for a row that needs no MNIST.
    """

    task: Callable[[], Any]
    data: Callable[[Any], gt.data.Batches]
    length: Mapping[str, float]
    judge: Callable[[Any], Measured]
    published: str = ""
    mode: Any = "auto"
    mixture: Mixture | None = None


@functools.cache
def mnist_judge() -> ev.Judge:
    """The judge of MNIST, from the cache if it is there."""
    return ev.train_judge(gt.data.mnist(batch_size=64), gt.data.mnist(batch_size=64, split="test"))


def stacked_digits(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Three digits of the training set as colour channels, drawn independently: shape `count 28 28 3`."""
    images = gt.data.mnist(batch_size=1, labels=False).arrays
    generator = np.random.Generator(np.random.Philox(derive_key(seed, "stacked digits")))
    return np.concatenate([images[generator.integers(0, len(images), count)] for _ in range(3)], axis=-1)


def _stacked_data(task: Any) -> gt.data.Batches:
    return gt.data.from_arrays(
        stacked_digits(STACKED_EXAMPLES, 0),
        batch_size=128 if isinstance(task, TinyStacked) else 64,
        prepare=gt.data.scale_pixels(*task.pixels),
        name="stacked mnist",
    )


def _judge_stacked(samples: int) -> Callable[[Any], Measured]:
    def judge(task: Any) -> Measured:
        found = ev.make_samples(task, samples, 1)
        return ev.mode_coverage(
            _stacked_modes(found, task.pixels), count=1000, reference=_stacked_modes(stacked_digits(samples, 1), (0, 255))
        )

    return judge


def look_at_stacked(images: Any, pixels: tuple[float, float]) -> list[ev.Embedding]:
    """The outputs of MNIST's judge for each of the three colour channels."""
    return [mnist_judge().embed(images[..., channel : channel + 1], pixels=pixels) for channel in range(3)]


def _stacked_modes(images: Any, pixels: tuple[float, float]) -> Any:
    hundreds, tens, ones = (seen.labels for seen in look_at_stacked(images, pixels))
    return hundreds * 100 + tens * 10 + ones


def _digits(task: Any) -> gt.data.Batches:
    return gt.data.mnist(batch_size=64, labels=isinstance(task.condition, ClassLabels), pixels=task.pixels)


def _judge_digits(task: Any) -> Measured:
    return _score(ev.make_samples(task, DIGIT_SAMPLES, 1), task.pixels)


def _judge_requested(task: Any) -> Measured:
    images, requested = ev.make_samples(task, DIGIT_SAMPLES, 2), ev.drawn_labels(task, DIGIT_SAMPLES, 2)
    judge = mnist_judge()
    accuracy = ev.label_accuracy(requested, judge.embed(images, pixels=task.pixels).labels, real_accuracy=judge.accuracy)
    scaled = ((images - task.pixels[0]) / (task.pixels[1] - task.pixels[0])).astype(np.float32)
    samples = gt.data.from_arrays((scaled, requested), batch_size=64, name="samples")
    test, train = gt.data.mnist(batch_size=64, split="test"), gt.data.mnist(batch_size=64)
    return (accuracy, ev.classifier_accuracy_score(samples, test, reference=train), *_score(images, task.pixels))


def _score(images: Any, pixels: tuple[float, float]) -> Measured:
    judge = mnist_judge()
    train, test = (
        judge.embed(gt.data.mnist(batch_size=1, split=split, labels=False).arrays, pixels=(0, 255))
        for split in ("train", "test")
    )
    seen = judge.embed(images, pixels=pixels)
    shares = np.bincount(seen.labels, minlength=10) / len(seen.labels)
    rarest, commonest = (
        ev.Measurement(name, float(value), len(images), (float(value), float(value)))
        for name, value in (("rarest class", shares.min()), ("commonest class", shares.max()))
    )
    return (*ev.score_samples(seen, train=train, test=test), rarest, commonest)


def _mixture(mixture: Mixture, objective: str) -> Row:
    protocol = PROTOCOLS[mixture]
    return Row(
        lambda: MixtureGAN(objective=objective, scale=protocol.scale),
        lambda task: protocol.batches(),
        {"steps": STEPS},
        protocol.judge,
        mode="xla-loop",
        mixture=mixture,
    )


def _rows() -> dict[str, Row]:
    return {
        **{f"{mixture}-{objective}": _mixture(mixture, objective) for mixture in PROTOCOLS for objective in OBJECTIVES},
        "stacked-tiny": Row(
            lambda: TinyStacked(),
            _stacked_data,
            {"steps": 50_000},
            _judge_stacked(25_600),
            "DCGAN 78.5 modes, reverse KL 5.21; PacDCGAN4 667, 1.81 (500,000 updates)",
        ),
        "stacked-quarter": Row(
            lambda: StackedDCGAN(),
            _stacked_data,
            {"steps": 10_000},
            _judge_stacked(26_000),
            "DCGAN 78.9 modes, reverse KL 4.50; PacDCGAN2 1000, 0.06 (16 times the width, 100,000 steps)",
        ),
        "mnist-10": Row(lambda: DCGAN(), _digits, {"minutes": 10.0}, _judge_digits),
        "mnist-10-guide": Row(lambda: GuideDCGAN(), _digits, {"minutes": 10.0}, _judge_digits),
        "mnist-30": Row(lambda: DCGAN(), _digits, {"minutes": 30.0}, _judge_digits),
        "mnist-requested": Row(lambda: CGAN(), _digits, {"steps": 15_000}, _judge_requested),
    }


ROWS = _rows()
"""Every row by name."""


def sample_picture(task: Any, path: Path) -> None:
    """Draw 64 samples, if they are images; points as a scatter plot."""
    from gantape.report import image_grid, save_picture

    samples = ev.make_samples(task, 64 if task.generator.output_shape[1:] != (2,) else SAMPLES, 2)
    if samples.ndim == 4:
        save_picture(image_grid(samples[..., : 3 if samples.shape[-1] == 3 else 1], pixels=task.pixels), path, zoom=1)
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.add_subplot(aspect="equal").scatter(*samples.T, s=2, alpha=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=60)
