"""A program that computes something else than the loop is refused."""

from typing import Any

import pytest

import gantape as gt
from gantape.ejection.constants import named_numbers
from gantape.ejection.parts import Named
from gantape.ejection.prove import compared
from gantape.ejection.write import saved_arrays
from gantape.errors import EjectError
from gantape.zoo import DCGAN

IMAGES = gt.data.digits(batch_size=8, labels=False, pixels=(-1.0, 1.0))


@pytest.fixture(scope="module")
def written() -> tuple[Named, str, Any]:
    task = DCGAN(width=2, hidden_units=4, latent_size=4)
    made = gt.eject(task, IMAGES, check=0)
    with named_numbers(task) as constants:
        named = Named(task, IMAGES, 0, tuple(task.updates()), constants)
    return named, made.text, saved_arrays(named)


def test_the_program_equals_the_loop_and_the_tasks_own_batch_norm_rounds_otherwise(written: tuple[Named, str, Any]) -> None:
    named, text, saved = written
    kinds = [type(layer) for model in named.networks.values() for layer in model.layers]
    check = compared(named, text, saved, 2)
    assert check.equal
    assert check.share == 0.0
    assert check.faster_layers > 0.0
    assert [type(layer) for model in named.networks.values() for layer in model.layers] == kinds


@pytest.mark.parametrize(
    ("right", "wrong"),
    {
        "rate": ("BETA_1 = 0.5", "BETA_1 = 0.501"),
        "term": ("        loss = real_loss + fake_loss\n", "        loss = real_loss\n"),
        "sign": ("        loss = real_loss + fake_loss\n", "        loss = real_loss - fake_loss\n"),
        "order": ('"order", epoch', '"order", epoch + 1'),
        "metric": ("    metric_real_score.update_state(real)\n", ""),
        "statistics": ("generator(latent, training=True)", "generator(latent, training=False)"),
        "step": ("step, [(", "step + 1, [("),
    }.values(),
)
def test_a_wrong_program_is_refused(written: tuple[Named, str, Any], right: str, wrong: str) -> None:
    named, text, saved = written
    assert right in text
    with pytest.raises(EjectError, match="would not compute what the loop does"):
        compared(named, text.replace(right, wrong), saved, 2)
