"""A loop by hand, and how it compares with the task."""

import difflib

import attrs

from gantape.errors import counted


@attrs.frozen
class Check:
    """The comparison of the program with `Loop.run`, for a few steps, with the same layers of Keras in both.

    Args:
        steps: How many.
        mode: The mode of both.
        difference: The largest difference between weights, states of optimizers and metrics afterwards.
        share: The norm of the difference divided by the norm of what training moved, in the part where this is largest.
        faster_layers: The same share between the loop with the layers of Keras and the loop with the task's own faster
            layers, which round differently; 0 if it has none.
    """

    steps: int
    mode: str = "eager"
    difference: float = 0.0
    share: float = 0.0
    faster_layers: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether they are equal bit for bit."""
        return self.difference == 0.0

    def __str__(self) -> str:
        if not self.steps:
            return "It was not compared with gantape's loop."
        rounded = f"apart by at most {self.difference:.1e}, by {self.share:.1e} of what training moved"
        found = "equal bit for bit" if self.equal else rounded
        text = (
            f"After {counted(self.steps, 'step')} in {self.mode} mode, its weights and those of `gantape.Loop` were\n{found}."
        )
        if not self.faster_layers:
            return text
        return (
            f"{text} Both had the layers of Keras. The task has faster ones,\n"
            f"whose rounding alone changes the weights by {self.faster_layers:.1e} of what training moved."
        )


@attrs.frozen
class Ejected:
    """A task written out as a loop by hand. Printed, it is the program.

    Args:
        text: The program.
        notes: What it leaves out or does otherwise.
        check: The comparison with the task.
    """

    text: str
    notes: tuple[str, ...]
    check: Check

    def diff(self, other: "Ejected") -> str:
        """The lines that differ in another program, as a unified diff."""
        pairs = (self.text.splitlines(), other.text.splitlines())
        return "\n".join(difflib.unified_diff(*pairs, "this", "other", lineterm="", n=2))

    def __str__(self) -> str:
        return self.text
