"""An assertion that a task computes the same in every mode."""

from collections.abc import Callable, Sequence

import keras

from gantape.certificate import Certificate
from gantape.compiler.programs import MODES, NamedMode
from gantape.data import Batches
from gantape.errors import ModesError
from gantape.loop import Loop
from gantape.steps.saved import random_numbers_restored
from gantape.tasks import Task


def assert_modes_agree(
    make_task: Callable[[], Task],
    data: Batches | Callable[[], Batches],
    *,
    steps: int = 3,
    modes: Sequence[NamedMode] = MODES,
    seed: int = 0,
) -> Certificate:
    """Raise a `ModesError` unless the first steps compute the same in every mode, but for rounding.

    ```python
    def test_my_task_is_the_same_in_every_mode():
        assert_modes_agree(lambda: MyTask(), data)
    ```

    Args:
        make_task: Makes the task.
        data: The training data, or a function that makes it.
        steps: The number of steps.
        modes: The modes; each is compared with the first.
        seed: The seed of the initial weights, of random numbers and of the order of the data.

    Returns:
        What `Loop.certify` returns.

    Raises:
        ModesError: If a variable or a reported scalar differs by more than rounding explains, or a mode cannot run the step. It
            is an `AssertionError` too.
    """
    with random_numbers_restored():
        keras.utils.set_random_seed(seed)
        loop = Loop(make_task(), seed=seed, progress=False)
        certificate = loop.certify(data if isinstance(data, Batches) else data(), steps=steps, modes=modes)
    if not certificate.agree:
        first, *others = certificate.differences
        raise ModesError(
            f"{', '.join(certificate.modes)} do not compute the same.",
            where=certificate.causes[0] if certificate.causes else f"{type(loop.task).__name__}, step {first.step}",
            got=f"{first}; and {len(others)} more",
            do="mend the cause if one is named: draw random numbers from `rng`, and keep what changes in variables that a part "
            "holds. `loop.certify(data)` shows the whole table.",
        )
    if certificate.failures:
        mode, failure = next(iter(certificate.failures.items()))
        raise ModesError(
            "a mode cannot run the step.",
            where=f'gantape.testing.assert_modes_agree, mode "{mode}"',
            got=failure,
            do="mend the line that is named, or leave this mode out: assert_modes_agree(..., modes=...).",
        )
    return certificate
