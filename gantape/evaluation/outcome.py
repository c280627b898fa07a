"""A simple judgement of generated images, from nearest real images and coverage of classes."""

from typing import Any

import attrs
import numpy as np

from gantape.errors import DataError
from gantape.evaluation.resemblance import RealImages, ResemblanceFigures

LEAST_NEAR = 0.5
"""Of the share of held-out real images that lie near real ones. Noise, collapsed and untrained generators have none, digits
with noise of a tenth of their range a third; a GAN that has just begun to draw every digit has more than nine tenths."""
LEAST_COVERAGE = 0.5
"""Of the coverage of held-out real images. One repeated image reaches 0.03 at most, one class a fourth, 16 images a third,
coloured discs drawn in grey 0.45; a GAN that has just begun to draw every digit nine tenths."""
LEAST_OF_A_CLASS = 0.1
"""Of the share that a class has among held-out real images: below, it is missing. At 30 expected images, 2 or fewer."""
COMMON_CLASS = 0.02
"""A class with a smaller share of real images is not looked for: it may be missing from 300 images by chance."""
DEFAULT_COUNT = 500
FEWEST_IMAGES = 50


@attrs.frozen
class Outcome:
    """Whether images are good, and why.

    Args:
        good: Whether they are good.
        reason: The outcome and its reason, in one sentence.
        count: Number of images.
        samples: Their figures.
        real: The figures of as many held-out real images: the best that can be expected.
    """

    good: bool
    reason: str
    count: int
    samples: ResemblanceFigures
    real: ResemblanceFigures

    def __str__(self) -> str:
        return self.reason


def judge_images(images: Any, real: Any, held_out: Any, *, labels: Any = None) -> Outcome:
    """Compare images with real ones: do they resemble real images, do they vary, and does every class occur?

    No network is used, nor anything that a task is trained with: the outcome is about failures that a person sees at a glance
    (noise, blur, copies of one image, missing classes). To compare good generators, use `frechet_distance`.

    Args:
        images: Generated images, shape `examples height width channels`.
        real: Real images with the same range of pixels. As many as there are images are used as reference, at most 500.
        held_out: Other real images, which define the best figures. At most as many images are compared as there are of these.
        labels: The labels of `real`, integers from 0; `None` to ignore classes.

    Raises:
        ShapeError: If these are not images, or differ in size.
        DataError: If there are fewer than 50 of any.
        RangeError: If a real pixel is not finite.
    """
    count = min(len(images), len(real), len(held_out), DEFAULT_COUNT)
    if count < FEWEST_IMAGES:
        raise DataError(
            "there are too few images to compare.",
            where="gantape.evaluation.judge_images",
            got=f"{len(images)} images, {len(real)} real ones, {len(held_out)} held-out ones",
            do=f"pass at least {FEWEST_IMAGES} of each; 500 make the outcome reliable.",
        )
    known = RealImages.of(real, labels, most=count)
    best = known.figures(held_out[:DEFAULT_COUNT])
    finite = np.isfinite(np.asarray(images[:DEFAULT_COUNT])).all(axis=(1, 2, 3))
    if not finite.all():
        nothing = ResemblanceFigures(0.0, 0.0, 0.0, (0.0,) * len(best.classes))
        return Outcome(
            False, f"Bad: {np.sum(~finite)} of {len(finite)} images have pixels that are not finite.", count, nothing, best
        )
    found = known.figures(images[:DEFAULT_COUNT])
    fault = _fault(found, best)
    return Outcome(not fault, f"Bad: {fault}." if fault else f"Good: {_praise(found, best)}.", count, found, best)


def _fault(found: ResemblanceFigures, best: ResemblanceFigures) -> str:
    """The first fault of images; empty if there is none."""
    if found.near < LEAST_NEAR * best.near:
        return f"{_percent(found.near)} of the images resemble real ones, where {_percent(best.near)} of real images do"
    if found.coverage < LEAST_COVERAGE * best.coverage:
        return (
            f"the images vary too little: they cover {_percent(found.coverage)} of the real ones, where as many other real "
            f"images cover {_percent(best.coverage)}"
        )
    missing = [
        str(label)
        for label, (share, real) in enumerate(zip(found.classes, best.classes, strict=True))
        if real >= COMMON_CLASS and share < LEAST_OF_A_CLASS * real
    ]
    if missing:
        return f"{'class' if len(missing) == 1 else 'classes'} {', '.join(missing)} of {len(best.classes)} missing"
    return ""


def _praise(found: ResemblanceFigures, best: ResemblanceFigures) -> str:
    shares = [share for share, real in zip(found.classes, best.classes, strict=True) if real >= COMMON_CLASS]
    classes = f"; each of {len(shares)} classes has {_percent(min(shares))} to {_percent(max(shares))}" if shares else ""
    return (
        f"{_percent(found.near)} of the images resemble real ones (of real images {_percent(best.near)}), and they cover "
        f"{_percent(found.coverage)} of the real ones ({_percent(best.coverage)}){classes}"
    )


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %"
