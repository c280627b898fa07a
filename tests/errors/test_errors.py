"""Errors say what, where, got and do, and form the tree that is drawn in their module."""

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import gantape as gt
from gantape import errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.GantapeError)]
ABSTRACT = {"GantapeError", "TensorError"}


def drawn_tree() -> dict[str, str]:
    """Each error in the drawing, with its parent."""
    tree: dict[str, str] = {}
    path = ["GantapeError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ]*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            path[depth:] = [found[2]]
            tree[found[2]] = path[depth - 1]
    return tree


def test_the_drawing_is_the_tree() -> None:
    tree = {kind.__name__: kind.__bases__[0].__name__ for kind in KINDS if kind is not gt.GantapeError}
    assert drawn_tree() == tree


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_carries_its_four_parts(kind: type[gt.GantapeError]) -> None:
    error = kind("it is wrong.", where="here", got="this", do="that.")
    assert str(error) == "it is wrong.\n  where:  here\n  got:    this\n  do:     that."
    assert (error.what, error.where, error.got, error.do) == ("it is wrong.", "here", "this", "that.")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_a_copy_is_the_same_error(kind: type[gt.GantapeError], copied: Callable[[Exception], Exception]) -> None:
    error = copied(kind("it is wrong.", where="here", got="this", do="that."))
    assert type(error) is kind
    assert str(error) == "it is wrong.\n  where:  here\n  got:    this\n  do:     that."


def test_every_error_is_raised_somewhere() -> None:
    called: set[str] = set()
    for path in Path(gt.__file__).parent.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        called |= {call.func.id.removeprefix("_") for call in calls if isinstance(call.func, ast.Name)}
    assert {kind.__name__ for kind in KINDS} - called == ABSTRACT


def test_a_message_is_never_long_and_copies_of_it_are_equal() -> None:
    error = gt.GantapeError("a problem.", where="here", got="x" * 100_000, do="fix it.")
    assert len(str(error)) < 1500
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "(100,000 characters)" in error.got
