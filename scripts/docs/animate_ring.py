"""Train with each adversarial loss on the ring of Gaussians, and draw the animations of `docs/images/ring`.

Samples are black, real points green. Red is where the discriminator's score is high, blue where it is low; white is the middle
of the scores in each picture, and each picture has its own colour scale.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import gantape as gt
from gantape import losses

layers = keras.layers
STEPS, FRAMES = 3_000, 15
SIDE, CELLS, REACH = 150, 30, 1.6
CAPTION = 22
SHADES = 11

OBJECTIVES: dict[str, tuple[losses.AdversarialLoss, tuple[losses.Penalty, ...]]] = {
    "minimax": (losses.Minimax(), ()),
    "non_saturating": (losses.NonSaturating(), ()),
    "least_squares": (losses.LeastSquares(), ()),
    "pearson": (losses.LeastSquares.pearson(), ()),
    "hinge": (losses.Hinge(), ()),
    "noisy_labels": (losses.NoisyLabels(), ()),
    "relativistic_average": (losses.RelativisticAverage(), ()),
    "relativistic_average_hinge": (losses.RelativisticAverageHinge(), ()),
    "wasserstein": (losses.Wasserstein(), (losses.GradientPenalty(1.0),)),
    "relativistic_pairing": (losses.RelativisticPairing(), (losses.R1(0.1), losses.R2(0.1))),
}
"""The losses by the names of their files."""


class RingGan(gt.AdversarialTask):
    """Two small dense networks; `objective` names the loss."""

    objective: str
    latent_size: int = 16
    learning_rate: float = 1e-3

    def build_generator(self) -> Any:
        hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
        return keras.Sequential([keras.Input((self.latent_size,)), *hidden, layers.Dense(2)])

    def build_discriminator(self) -> Any:
        hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
        return keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])

    def build_generator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def build_discriminator_optimizer(self) -> Any:
        return keras.optimizers.Adam(self.learning_rate, beta_1=0.5)

    def build_loss(self) -> losses.AdversarialLoss:
        return OBJECTIVES[self.objective][0]

    def build_penalties(self) -> tuple[losses.Penalty, ...]:
        return OBJECTIVES[self.objective][1]


def palette() -> list[int]:
    """Shades from blue through white to red, then black, green and dark grey."""
    colours = []
    for place in np.linspace(-1.0, 1.0, SHADES):
        fade = 255 - round(150 * abs(place))
        colours += [255, fade, fade] if place > 0 else [fade, fade, 255]
    return [*colours, 0, 0, 0, 0, 140, 0, 90, 90, 90]


BLACK, GREEN, GREY = SHADES, SHADES + 1, SHADES + 2


def draw(task: RingGan, centres: Any) -> Image.Image:
    """One picture: numbers of colours."""
    ticks = np.linspace(-REACH, REACH, CELLS)
    places = np.stack(np.meshgrid(ticks, -ticks), axis=-1).reshape(-1, 2).astype(np.float32)
    # Of reversed labels, low scores are real.
    sign = -1.0 if isinstance(task.loss, losses.NoisyLabels) else 1.0
    scores = sign * np.array(task.discriminator(places, training=False)).reshape(CELLS, CELLS)
    middle = (scores.max() + scores.min()) / 2.0
    shades = np.rint((scores - middle) / max(np.ptp(scores) / 2.0, 1e-9) * (SHADES // 2)) + SHADES // 2
    picture = Image.fromarray(shades.astype(np.uint8), "L").resize((SIDE, SIDE), Image.Resampling.NEAREST)
    pencil = ImageDraw.Draw(picture)
    made = np.array(task.generate(task.latents(160, gt.RandomStreams(1))))
    for points, colour, radius in ((centres, GREEN, 2), (made, BLACK, 0)):
        for x, y in (points * [1.0, -1.0] + REACH) * (SIDE / (2.0 * REACH)):
            if radius:
                pencil.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)
            else:
                pencil.point([(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)], fill=colour)
    return picture


def train(objective: str, draw_task: Callable[[RingGan], Image.Image]) -> list[Image.Image]:
    """A picture after each part of the training."""
    keras.utils.set_random_seed(0)
    task = RingGan(objective=objective)
    pictures: list[Image.Image] = []
    callback = gt.Callback(lambda progress: pictures.append(draw_task(task)), gt.every(steps=STEPS // FRAMES))
    gt.Loop(task, callbacks=[callback], seed=0).run(gt.data.ring(batch_size=128), steps=STEPS)
    return pictures


def frame(picture: Image.Image, step: int) -> Image.Image:
    """A picture, with the step below it."""
    whole = Image.new("P", (SIDE, SIDE + CAPTION), SHADES // 2)
    whole.putpalette(palette())
    whole.paste(picture)
    ImageDraw.Draw(whole).text((2, SIDE + 2), f"step {step:,}", fill=GREY, font=ImageFont.load_default(14))
    return whole


def main(folder: Path) -> None:
    """Train with every loss, and write an animation of each."""
    folder.mkdir(parents=True, exist_ok=True)
    centres = gt.data.ring_centres()
    durations = [400] * (FRAMES - 1) + [3000]
    for objective in OBJECTIVES:
        pictures = train(objective, lambda task: draw(task, centres))
        frames = [frame(picture, (place + 1) * (STEPS // FRAMES)) for place, picture in enumerate(pictures)]
        path = folder / f"{objective}.gif"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "docs/images/ring"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
