"""Train the default GAN on the embedded digits, and draw what it makes of the same latents: `docs/images/training.webp`.

    python scripts/docs/animate_samples.py

Frames lie closer together at the beginning, where most happens. It takes about two minutes on two cores.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import gantape as gt
from gantape.report import image_grid
from gantape.zoo import DCGAN

STEPS, FRAMES = 2_000, 22
COLUMNS, ROWS = 12, 3
ZOOM, CAPTION = 2, 44
MILLISECONDS, LAST_MILLISECONDS = 220, 4_000


def draw(task: DCGAN, step: int) -> Image.Image:
    """One frame: images of the same latents, and the step."""
    made = task.generate(task.latents(COLUMNS * ROWS, gt.RandomStreams(1)))
    grid = Image.fromarray(image_grid(made, columns=COLUMNS, pixels=task.pixels)[..., 0])
    grid = grid.resize((ZOOM * grid.width, ZOOM * grid.height), Image.Resampling.NEAREST)
    frame = Image.new("L", (grid.width, grid.height + CAPTION))
    frame.paste(grid)
    text = f"after {step:,} steps" if step else "before the first step"
    ImageDraw.Draw(frame).text((8, grid.height + 4), text, fill=255, font=ImageFont.load_default(30))
    return frame


def main(path: Path) -> None:
    """Train, drawing on the way, and join the frames."""
    keras.utils.set_random_seed(0)
    task = DCGAN()
    frames = [draw(task, 0)]
    steps = sorted({int(step) for step in np.geomspace(100, STEPS, FRAMES)})
    callback = gt.Callback(lambda progress: frames.append(draw(task, progress.step)), gt.at(*steps))
    digits = gt.data.digits(batch_size=64, labels=False, pixels=task.pixels)
    gt.Loop(task, callbacks=[callback], compiler=gt.StepCompiler("auto"), seed=0).run(digits, steps=STEPS)
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=50, method=6)


if __name__ == "__main__":
    default = Path(__file__).parents[2] / "docs/images/training.webp"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
