"""Train a GAN on digits; leave pictures, curves and networks in a directory of the run.

The flags below "task options" are the hyper-parameters of the chosen task and preset.
"""

from typing import Literal

import attrs
import command_line

import gantape as gt
from gantape import report, zoo

PRESETS: dict[str, type[gt.AdversarialTask]] = {"light": zoo.DCGAN, "guide": zoo.GuideDCGAN}


@attrs.frozen
class Choice:
    """What to train.

    Args:
        task: The kind of GAN.
        preset: "light" makes digits in minutes on a CPU; "guide" has the networks of the Keras guide, and needs a GPU.
        seed: The seed of everything: initial weights, noise, order of the data, latents of the pictures.
    """

    task: Literal["dcgan"] = "dcgan"
    preset: Literal["light", "guide"] = "light"
    seed: int = 0

    @property
    def task_class(self) -> type[gt.AdversarialTask]:
        """The class to train."""
        return PRESETS[self.preset]


def main() -> int:
    """Train, report, and return the exit code."""
    choice, options, task = command_line.parse(Choice, __doc__)
    data = options.batches(labels=False, pixels=task.pixels)
    run_dir = options.directory(choice.task)
    callbacks = report.report_adversarial(run_dir, record=command_line.RECORD, latent_seed=choice.seed)
    loop = options.loop(task, choice.seed, run_dir, callbacks)
    history = options.train(loop, data)
    command_line.complete_record(run_dir, preset=choice.preset, latent_seed=choice.seed, pixels=task.pixels)
    print(f"Run: {run_dir}\nMore images: python scripts/sample.py {run_dir}")
    return command_line.EXIT_CODES.get(history.stopped_by, 0)


if __name__ == "__main__":
    command_line.run_script(main)
