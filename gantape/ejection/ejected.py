"""A loop by hand, and how it compares with the task."""

import difflib

import attrs


@attrs.frozen
class Check:
    """The comparison of the file with `Loop.run`, both run eagerly for a few steps.

    Args:
        steps: How many.
        difference: The largest difference between the weights of the networks afterwards.
        share: The norm of the difference divided by the norm of what training moved, in the network where this is largest.
    """

    steps: int
    difference: float
    share: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether they are equal bit for bit."""
        return self.difference == 0.0

    def __str__(self) -> str:
        if not self.steps:
            return "It was not compared with gantape's loop."
        rounded = f"apart by at most {self.difference:.1e}, by {self.share:.1e} of what training moved"
        found = "equal bit for bit" if self.equal else rounded
        return f"After {self.steps} steps in eager mode, its weights and those of `gantape.Loop` were\n{found}."


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
