"""Draw what the updates of the default GAN call and move, and the way of the gradient: `docs/images/inspection.svg`."""

import sys
from pathlib import Path

import keras

import gantape as gt
from gantape.zoo import DCGAN

IMAGE = Path(__file__).parents[2] / "docs/images/inspection.svg"


def draw(path: Path) -> None:
    """Write the drawing."""
    keras.utils.set_random_seed(0)
    gt.inspect(DCGAN(width=1), gt.data.digits(batch_size=64, pixels=(-1.0, 1.0), labels=False)).save(path)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGE)
