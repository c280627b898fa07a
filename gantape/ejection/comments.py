"""The author's comments above the statements that a loss runs."""

import ast
import functools
import linecache


def comment_above(file: str, line: int) -> tuple[str, ...]:
    """The comment directly above the statement of a line, as lines that begin with a hash; none if there is none."""
    return _comments(file).get(line, ())


@functools.cache
def _comments(file: str) -> dict[int, tuple[str, ...]]:
    """The comments of a file, by the lines of the statements below them."""
    lines = linecache.getlines(file)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:  # a cell of a notebook with commands
        return {}
    found: dict[int, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            above: list[str] = []
            place = node.lineno - 2
            while place >= 0 and lines[place].strip().startswith("#"):
                above.insert(0, lines[place].strip())
                place -= 1
            if above:
                found.update(dict.fromkeys(range(node.lineno, (node.end_lineno or node.lineno) + 1), tuple(above)))
    return found
