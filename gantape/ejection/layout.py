"""Lays a program out: long lines are broken at brackets and operators, as formatters do."""

import io
import itertools
import re
import tokenize

import attrs

WIDTH = 128
OPEN, CLOSE = "([{", ")]}"


@attrs.frozen
class _Pair:
    """The places of a bracket and of the one that closes it."""

    first: int
    last: int


def laid_out(text: str) -> str:
    """The program with short lines, and with at most two empty lines in a row."""
    lines = [part for line in text.splitlines() for part in _broken(line)]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"


def _broken(line: str) -> list[str]:
    """A line in as many as it needs."""
    if len(line) <= WIDTH:
        return [line]
    indent, code = line[: len(line) - len(line.lstrip())], line.strip()
    pairs, operators, commas = _structure(code)
    head = re.match(r"(\w+ = |return )", code)
    if head and operators:
        places = [head.end(), *operators, len(code)]
        parts = [code[first:last].strip() for first, last in itertools.pairwise(places)]
        inner = [short for part in parts for short in _broken(f"{indent}    {part}")]
        return [f"{indent}{head.group()}(", *inner, f"{indent})"]
    if not pairs:
        return [line]
    pair = max(pairs, key=lambda found: found.last - found.first)
    cuts = [pair.first, *(place for place in commas if pair.first < place < pair.last), pair.last]
    body = code[pair.first + 1 : pair.last]
    start, end = f"{indent}{code[: pair.first + 1]}", f"{indent}{code[pair.last :]}"
    if len(body) + len(indent) + 4 <= WIDTH or len(cuts) == 2:
        return [start, *_broken(f"{indent}    {body}"), end]
    members = [code[first + 1 : last].strip() for first, last in itertools.pairwise(cuts)]
    return [start, *(short for member in members if member for short in _broken(f"{indent}    {member},")), end]


def _structure(code: str) -> tuple[list[_Pair], list[int], list[int]]:
    """The outermost brackets, the additions outside of them, and the commas directly inside of them."""
    pairs: list[_Pair] = []
    operators: list[int] = []
    commas: list[int] = []
    begun: list[int] = []
    before = ""
    for token in _tokens(code):
        place = token.start[1]
        if token.string in OPEN:
            begun.append(place)
        elif token.string in CLOSE:
            first = begun.pop()
            pairs += [] if begun else [_Pair(first, place)]
        elif token.string == "," and len(begun) == 1:
            commas.append(place)
        elif token.string in ("+", "-") and not begun and before not in ("=", "return", "*", "/"):
            operators.append(place)
        before = token.string
    return pairs, operators, commas


def _tokens(code: str) -> list[tokenize.TokenInfo]:
    """The tokens of one line, which may be the beginning of a block or a part of a call."""
    found: list[tokenize.TokenInfo] = []
    try:
        found.extend(token for token in tokenize.generate_tokens(io.StringIO(code).readline) if token.string)
    except tokenize.TokenError:
        return []
    return found
