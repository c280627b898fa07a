"""Train with each adversarial loss on the ring of Gaussians, and draw `docs/images/ring.gif`.

Samples are black, real points green. Red is where the discriminator's score is high, blue where it is low; white is the middle
of the scores in each picture, and each picture has its own colour scale.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageDraw

import gantape as gt
from gantape import losses

layers = keras.layers
STEPS, FRAMES = 3_000, 15
SIDE, CELLS, REACH = 120, 30, 1.6
SHADES = 11

GAMES: dict[str, tuple[losses.AdversarialLoss, tuple[losses.Penalty, ...]]] = {
    "Minimax": (losses.Minimax(), ()),
    "NonSaturating": (losses.NonSaturating(), ()),
    "LeastSquares": (losses.LeastSquares(), ()),
    "…pearson()": (losses.LeastSquares.pearson(), ()),
    "Hinge": (losses.Hinge(), ()),
    "NoisyLabels": (losses.NoisyLabels(), ()),
    "RelativisticAverage": (losses.RelativisticAverage(), ()),
    "Rel.AverageHinge": (losses.RelativisticAverageHinge(), ()),
    "Wasserstein + GP": (losses.Wasserstein(), (losses.GradientPenalty(1.0),)),
    "Rel.Pairing+R1+R2": (losses.RelativisticPairing(), (losses.R1(0.1), losses.R2(0.1))),
}
COLUMNS = 5


class RingGan(gt.AdversarialTask):
    """Two small dense networks; `game` names the loss."""

    game: str
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
        return GAMES[self.game][0]

    def build_penalties(self) -> tuple[losses.Penalty, ...]:
        return GAMES[self.game][1]


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


def train(game: str, draw_task: Callable[[RingGan], Image.Image]) -> list[Image.Image]:
    """A picture after each part of the training."""
    keras.utils.set_random_seed(0)
    task = RingGan(game=game)
    pictures: list[Image.Image] = []
    callback = gt.Callback(lambda progress: pictures.append(draw_task(task)), gt.every(steps=STEPS // FRAMES))
    gt.Loop(task, callbacks=[callback], seed=0).run(gt.data.ring(batch_size=128), steps=STEPS)
    return pictures


def join(pictures: dict[str, list[Image.Image]], frame: int) -> Image.Image:
    """One frame: the pictures of all games, with their names."""
    rows, cell = -(-len(pictures) // COLUMNS), SIDE + 18
    whole = Image.new("P", (COLUMNS * (SIDE + 4), rows * cell + 14), SHADES // 2)
    whole.putpalette(palette())
    pencil = ImageDraw.Draw(whole)
    for place, (game, frames) in enumerate(pictures.items()):
        left, top = (place % COLUMNS) * (SIDE + 4) + 2, (place // COLUMNS) * cell
        pencil.text((left, top + 3), game, fill=BLACK)
        whole.paste(frames[frame], (left, top + 16))
    pencil.text((2, rows * cell + 1), f"step {(frame + 1) * (STEPS // FRAMES)}", fill=GREY)
    return whole


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs/images/ring.gif"
    centres = gt.data.ring_centres()
    drawn = {game: train(game, lambda task: draw(task, centres)) for game in GAMES}
    frames = [join(drawn, frame) for frame in range(FRAMES)]
    durations = [400] * (FRAMES - 1) + [3000]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)
