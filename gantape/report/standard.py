"""Standard reports of runs, composed of the actions of this package."""

from collections.abc import Mapping
from pathlib import Path

from gantape.callbacks import Callback
from gantape.report.animation import Animation
from gantape.report.grids import SampleGrids
from gantape.report.interpolation import Interpolation
from gantape.report.models import SavedModels
from gantape.report.page import html_report
from gantape.schedule import at, at_end, at_start, every
from gantape.types import Batch

_NETWORKS = {"averaged_generator": "generator.keras", "discriminator": "discriminator.keras"}
_NONE: Mapping[str, str] = {}


def report_adversarial(run_dir: Path, *, latent_seed: int = 0) -> tuple[Callback, ...]:
    """The report of an adversarial task that makes examples from latents: these files and those of `report_images`.

    | file | holds |
    |---|---|
    | `interpolation.png` | interpolations between pairs of latents |
    | `generator.keras` | the averaged generator, from which samples come |
    | `discriminator.keras` | the discriminator |

    Args:
        run_dir: The run's directory.
        latent_seed: The seed of the latents of all pictures.
    """
    return (
        *report_images(run_dir, seed=latent_seed, models=_NETWORKS),
        Callback(Interpolation(run_dir / "interpolation.png", latent_seed), at_end()),
    )


def report_images(
    run_dir: Path, *, seed: int = 0, models: Mapping[str, str] = _NONE, examples: Batch | None = None
) -> tuple[Callback, ...]:
    """The report of any task that has a `sample_grid`.

    | file | holds |
    |---|---|
    | `samples/step-000500.png` | grids of samples from the same random numbers: at the start, in between, at the end |
    | `samples.gif` | these pictures as an animation |
    | `report.html` | all of this on one page, with curves and settings, brought up to date during the run |
    | files in `models` | the models |

    Args:
        run_dir: The run's directory.
        seed: Seed of the random numbers of all pictures.
        models: The file of each part to save.
        examples: A prepared batch, for a task whose grids need examples.
    """
    samples = run_dir / "samples"
    grids = SampleGrids(samples, seed, examples=examples)
    return (
        Callback(grids, at_start() | at(50, 100, 200) | every(steps=500) | at_end()),
        Callback(Animation(samples, run_dir / "samples.gif"), at_end()),
        html_report(run_dir),
        Callback(SavedModels({part: run_dir / file for part, file in models.items()}), at_end()),
    )


def report_supervised(run_dir: Path) -> tuple[Callback, ...]:
    """The report of a supervised task.

    | file | holds |
    |---|---|
    | `report.html` | curves, figures and settings on one page, brought up to date during the run |
    | `model.keras` | the model |

    Args:
        run_dir: The run's directory.
    """
    return (
        html_report(run_dir),
        Callback(SavedModels({"model": run_dir / "model.keras"}), at_end()),
    )
