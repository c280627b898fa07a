"""Findings: what is probably not meant, and nobody else reports. Where there is doubt, there is none."""

import attrs


@attrs.frozen
class Clue:
    """Something in an update that is probably not meant.

    Args:
        what: The finding, in one sentence.
        where: The line of the user, or the update and the network.
        do: How to mend it.
    """

    what: str
    where: str
    do: str

    def __str__(self) -> str:
        return f"{self.what}\n      where:  {self.where}\n      do:     {self.do}"
