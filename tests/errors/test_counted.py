"""Numbers with their nouns."""

import pytest

from gantape.errors import counted


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "step", "0 steps"), (1, "batch", "1 batch"), (2, "batch", "2 batches"), (1797, "example", "1,797 examples")],
)
def test_the_noun_is_plural_unless_the_number_is_one(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text
