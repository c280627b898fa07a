"""Train random small models by gantape and by Keras, and compare all weights and logged values.

Supervised tasks are compared with `fit` and `evaluate`, GANs with a loop written by hand. Prints each difference with the
smallest case that shows it, and a summary as JSON; the exit code is 1 if anything differed.
"""

import collections
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cli.quiet_start  # noqa: F401, I001  has to come before TensorFlow
import attrs
import tyro
from hypothesis import HealthCheck, Phase, given, seed, settings
from loguru import logger

from gantape.compiler.programs import Mode
from reliability.against_keras.cases import cases
from reliability.against_keras.compare import compare, smallest
from reliability.against_keras.gans import gans

HOW = settings(max_examples=20, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@attrs.frozen
class Arguments:
    """The length of the comparison.

    Args:
        minutes: How long to draw cases. A case that has begun is finished, and failing cases are simplified afterwards.
        modes: The modes of gantape; Keras runs the same way.
        seed: The seed of the first cases.
        most: At most this many failing cases are simplified.
        output: A JSON file for the summary.
    """

    minutes: float = 60.0
    modes: tuple[Mode, ...] = ("eager", "eager", "eager", "eager", "eager", "graph", "xla")
    seed: int = 0
    most: int = 10
    output: Path | None = None


class Comparison:
    """Draws cases until the time is over, and counts what differs."""

    def __init__(self, arguments: Arguments) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.failing: list[tuple[Any, str]] = []
        self._arguments = arguments
        self._end = time.monotonic() + 60.0 * arguments.minutes

    def run(self) -> None:
        """Draw supervised tasks and GANs in turn."""
        number = self._arguments.seed
        while time.monotonic() < self._end:
            self._draw("supervised", cases(self._arguments.modes), number)
            self._draw("adversarial", gans(), number)
            number += 1

    def _draw(self, name: str, strategy: Any, number: int) -> None:
        @seed(number)
        @HOW
        @given(strategy)
        def draw(case: Any) -> None:
            self._try(name, case)

        draw()

    def _try(self, name: str, case: Any) -> None:
        if time.monotonic() > self._end:
            return
        self.counts[name] += 1
        try:
            found = "\n".join(f"    {difference}" for difference in compare(case)[:5])
        except Exception as error:
            found = f"    {type(error).__name__}: {str(error)[:500]}"
        if found:
            self.counts[f"{name}, different"] += 1
            self.failing.append((case, found))
            logger.warning("{}\n{}", case, found)


def main() -> int:
    """Compare, simplify what differs, and print a summary."""
    arguments = tyro.cli(Arguments, prog=Path(__file__).name, description=__doc__)
    comparison = Comparison(arguments)
    comparison.run()
    simplest = [repr(smallest(case)) for case, _ in comparison.failing[: arguments.most]]
    summary = {"minutes": arguments.minutes, "seed": arguments.seed, "cases": comparison.counts, "smallest": simplest}
    text = json.dumps(summary, indent=2)
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    return int(bool(comparison.failing))


if __name__ == "__main__":
    sys.exit(main())
