"""The contenders by name: what trains a workload, and with which features."""

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from benchmarks.workloads import GAN, Nothing, Workload

Arrays = Mapping[str, np.ndarray[Any, Any]]
"""The examples, `examples`, and their labels, `labels`, if they have any."""


class Contender(ABC):
    """Trains a workload its own way. Its constructor builds networks and data; nothing is compiled before `run`."""

    @abstractmethod
    def run(self, steps: int) -> int:
        """Run about `steps` steps, wait for them, and return the number that ran."""


@attrs.frozen
class Entry:
    """The module and the variant of a contender.

    Args:
        module: The module with the function `contender(workload, arrays, variant)`.
        variant: The variant within the module.
        needs: An optional package that it needs.
    """

    module: str
    variant: str
    needs: str = ""

    def make(self, workload: Any, arrays: Arrays) -> Contender:
        """Build the contender; frameworks are imported here."""
        made: Contender = importlib.import_module(f"benchmarks.{self.module}").contender(workload, arrays, self.variant)
        return made

    @property
    def why_skipped(self) -> str:
        """Why this contender cannot take part here; empty if it can."""
        missing = self.needs and importlib.util.find_spec(self.needs) is None
        return f"{self.needs} is not installed (pip install gantape[bench])" if missing else ""


COMPILED = ("graph", "xla", "xla-loop")
MODES = ("eager", *COMPILED)

CONTENDERS: dict[str, Entry] = {
    "guide-eager": Entry("guide", "eager"),
    "guide": Entry("guide", "graph"),
    **{f"hand-{mode}": Entry("by_hand", mode) for mode in MODES},
    **{f"gantape-{mode}": Entry("with_gantape", mode) for mode in (*MODES, "auto")},
    **{f"shared-{mode}": Entry("with_gantape", f"shared-{mode}") for mode in COMPILED},
    **{f"fit-{steps}": Entry("with_fit", str(steps)) for steps in (1, 32, 128)},
    **{f"fit-xla-{steps}": Entry("with_fit", f"xla-{steps}") for steps in (1, 32, 128)},
    **{f"torch-{kind}": Entry("with_torch", kind, "torch") for kind in ("eager", "one-thread", "channels-last", "compile")},
    **{f"jax-{kind}": Entry("with_jax", kind, "jax") for kind in ("jit", "scan")},
}


def takes_part(contender: str, workload: Workload) -> bool:
    """Whether a contender supports a workload.

    An empty step measures gantape against the same by hand. In GANs gantape's generator can be moved by the examples that the
    discriminator has just seen ("shared"), which is less to do: it is not compared with the others under their name. Where
    steps are so long that few fit in a call, nothing is gained from many steps in an execution of `fit`.
    """
    if isinstance(workload.problem, Nothing):
        return contender.startswith(("gantape-", "hand-"))
    if contender.startswith("shared-"):
        return isinstance(workload.problem, GAN) and workload.steps_per_call < 128
    if contender.startswith("fit-"):
        return int(contender.rpartition("-")[2]) <= workload.steps_per_call
    return True


class Order:
    """Endless shuffled batches, as rows of indices.

    Args:
        examples: The number of examples.
        batch_size: Examples in a batch; the rest of an epoch is dropped.
    """

    def __init__(self, examples: int, batch_size: int) -> None:
        self._generator = np.random.default_rng(0)
        self._examples = examples
        self.batch_size = batch_size
        self._rows = self._epoch()

    def take(self, count: int) -> np.ndarray[Any, np.dtype[np.int32]]:
        """The next batches, shape `count batch`."""
        while len(self._rows) < count:
            self._rows = np.concatenate([self._rows, self._epoch()])
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken

    def _epoch(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        order = self._generator.permutation(self._examples).astype(np.int32)
        whole = self._examples // self.batch_size
        return order[: whole * self.batch_size].reshape(whole, self.batch_size)
