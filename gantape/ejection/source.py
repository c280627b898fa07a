"""The source of classes and functions that a program takes over, with what they call."""

import ast
import builtins
import inspect
import re
import symtable
import sys
import textwrap
import types
from collections.abc import Iterator
from typing import Any

from gantape.errors import EjectError, GantapeError

PACKAGE = __name__.partition(".")[0]
GIVEN = {"tensorflow": "tf", "keras": "keras", "numpy": "np"}
"""The modules that every program imports, and their names there."""


class Sources:
    """The source of classes and functions, those that others need first.

    Type annotations are left out, and so is what only matters in gantape: its errors, and the registration of classes.
    """

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self._texts: dict[str, str] = {}
        self._objects: dict[str, Any] = {}
        self._users: list[Any] = []  # the parts of which each uses the next

    def __str__(self) -> str:
        return "\n\n\n".join(self._texts.values())

    def add(self, part: Any) -> str:
        """Take a class or a function over, and return its name.

        Raises:
            EjectError: If its source is not available, or uses something that is not.
        """
        name = part.__name__
        if name in self._objects:
            if self._objects[name] is part:
                return str(name)
            raise self._refusal(part, f"another part of the name `{name}`")
        if not name.isidentifier():
            raise self._refusal(part, "a lambda")
        if part.__module__.partition(".")[0] in GIVEN:
            raise self._refusal(part, "a part of a library that is none of its public ones")
        self._objects[name] = part
        try:
            text = textwrap.dedent(inspect.getsource(part))
        except (OSError, TypeError) as error:
            raise self._refusal(part, str(error)) from error
        module = vars(sys.modules[part.__module__])
        text = _stripped(text, module)
        self._users.append(part)
        for used in sorted(_globals_of(text)):
            if used in module:
                self._need(part, used, module[used])
            elif not hasattr(builtins, used) and used != name:
                raise self._refusal(part, f"`{used}`, which is not defined in its module")
        self._users.pop()
        self._texts[name] = text
        return str(name)

    def _need(self, part: Any, name: str, value: Any) -> None:
        if isinstance(value, types.ModuleType):
            if GIVEN.get(value.__name__) != name:
                self._import(part, name, value.__name__)
        elif isinstance(value, type | types.FunctionType):
            top = value.__module__.partition(".")[0]
            if top in sys.stdlib_module_names or top in GIVEN:
                self._import(part, name, f"{value.__module__}.{value.__qualname__}")
            elif self.add(value) != name:
                self._texts[name] = f"{name} = {value.__name__}"
        elif value is None or isinstance(value, bool | int | float | str | tuple):
            self._objects[name] = value
            self._texts[name] = f"{name} = {value!r}"
        else:
            raise self._refusal(part, f"`{name}`, which is a {type(value).__name__}")

    def _import(self, part: Any, name: str, path: str) -> None:
        above, _, last = path.rpartition(".")
        if path.partition(".")[0] not in (*sys.stdlib_module_names, *GIVEN):
            raise self._refusal(part, f"the module {path}")
        line = f"from {above} import {last}" if above else f"import {last}"
        self.imports.add(line if name == last else f"{line} as {name}")

    def _refusal(self, part: Any, got: str) -> EjectError:
        user = f", which {self._users[0].__qualname__} needs" if self._users and self._users[0] is not part else ""
        return EjectError(
            "the source of a part cannot be taken over.",
            where=f"{part.__module__}.{part.__qualname__}{user}",
            got=got,
            do="define it in a file, at the top of a module, with tf, keras, np and functions like it.",
        )


def _globals_of(text: str) -> set[str]:
    """The names that a definition uses and does not define."""
    return set(_unbound(symtable.symtable(text, "source", "exec")))


def _unbound(table: Any) -> Iterator[str]:
    for symbol in table.get_symbols():
        outside = symbol.is_global() or (table.get_type() == "module" and not symbol.is_assigned())
        if symbol.is_referenced() and outside:
            yield symbol.get_name()
    for child in table.get_children():
        yield from _unbound(child)


def _stripped(text: str, module: dict[str, Any]) -> str:
    """A definition without annotations, registration and gantape's errors."""
    edits: list[tuple[int, int, str]] = []
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))

    def begin(node: Any) -> int:
        return starts[node.lineno - 1] + int(node.col_offset)

    def end(node: Any) -> int:
        return starts[node.end_lineno - 1] + int(node.end_col_offset)

    source = text.encode()
    for node in ast.walk(ast.parse(text)):
        for decorator in getattr(node, "decorator_list", []):
            if ast.unparse(decorator).partition("(")[0].rpartition(".")[2] in ("final", "register_keras_serializable"):
                edits.append((starts[decorator.lineno - 1], starts[decorator.end_lineno], ""))
        if isinstance(node, ast.FunctionDef):
            for argument, default in _arguments(node.args):
                if argument.annotation is not None:
                    name_end = begin(argument) + len(argument.arg.encode())
                    last = end(argument.annotation) if default is None else begin(default)
                    edits.append((name_end, last, "" if default is None else "="))
            if node.returns is not None:
                edits.append((source.rindex(b"->", 0, begin(node.returns)) - 1, end(node.returns), ""))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            edits.append((end(node.target), end(node.annotation), ""))
        elif isinstance(node, ast.If) and _is_guard(node, module):
            edits.append((starts[node.lineno - 1], starts[node.end_lineno or node.lineno], ""))
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and module["__name__"].startswith(f"{PACKAGE}."):
            docstring = ast.get_docstring(node)
            if docstring:
                first = docstring.splitlines()[0].replace("`", "")
                edits.append((begin(node.body[0]), end(node.body[0]), f'"""{first}"""'))
    for start, stop, new in sorted(edits, reverse=True):
        source = source[:start] + new.encode() + source[stop:]
    return re.sub(r"  # type: ignore(\[.*?\])?", "", source.decode()).rstrip()


def _arguments(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The arguments of a function with their defaults."""
    ordered = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(ordered) - len(arguments.defaults)), *arguments.defaults]
    yield from zip(ordered, defaults, strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from ((one, None) for one in (arguments.vararg, arguments.kwarg) if one is not None)


def _is_guard(node: ast.If, module: dict[str, Any]) -> bool:
    """Whether a condition only raises one of gantape's errors."""
    raised = node.body[0]
    if node.orelse or len(node.body) > 1 or not isinstance(raised, ast.Raise) or not isinstance(raised.exc, ast.Call):
        return False
    error = module.get(ast.unparse(raised.exc.func))
    return isinstance(error, type) and issubclass(error, GantapeError)
