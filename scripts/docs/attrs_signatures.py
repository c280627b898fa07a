"""An extension of griffe, which reads the source for the reference: it gives attrs classes and tasks their constructors.

attrs writes `__init__` from the annotated fields when a class is made; in the source there is none to be found.
"""

from collections.abc import Iterator
from typing import Any

import griffe

DECORATORS = {"attrs.frozen", "attrs.define"}
TASK = "gantape.tasks.task.Task"


class AttrsSignatures(griffe.Extension):
    """Adds `__init__` to the classes that attrs adds one to."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Visit every class of a package, once all of them are known."""
        for cls in _classes(pkg):
            if "__init__" not in cls.members and (kind := _parameter_kind(cls)):
                cls.set_member("__init__", _constructor(cls, kind))


def _classes(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Class]:
    for member in parent.members.values():
        if not member.is_alias and isinstance(member, griffe.Module | griffe.Class):
            if isinstance(member, griffe.Class):
                yield member
            yield from _classes(member)


def _parameter_kind(cls: griffe.Class) -> griffe.ParameterKind | None:
    """How fields are given: by name for tasks, by place too for other attrs classes; nothing for classes without attrs."""
    if any(base.path == TASK for base in [cls, *cls.mro()]):
        return griffe.ParameterKind.keyword_only
    if any(decorator.callable_path in DECORATORS for decorator in cls.decorators):
        return griffe.ParameterKind.positional_or_keyword
    return None


def _constructor(cls: griffe.Class, kind: griffe.ParameterKind) -> griffe.Function:
    found: dict[str, griffe.Parameter] = {}
    for base in reversed([cls, *cls.mro()]):
        for name, field in base.members.items():
            if isinstance(field, griffe.Attribute) and _is_field(name, field):
                found[name] = griffe.Parameter(name, annotation=field.annotation, kind=kind, default=_default(field.value))
    this = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    return griffe.Function("__init__", parameters=griffe.Parameters(this, *found.values()), returns="None")


def _is_field(name: str, attribute: griffe.Attribute) -> bool:
    return not name.startswith("_") and attribute.annotation is not None and "instance-attribute" in attribute.labels


def _default(value: str | griffe.Expr | None) -> str | griffe.Expr | None:
    """The default in a value such as `attrs.field(default=..., repr=False)`; any other value is the default itself."""
    if not isinstance(value, griffe.ExprCall) or value.canonical_path != "attrs.field":
        return value
    given = {argument.name: argument.value for argument in value.arguments if isinstance(argument, griffe.ExprKeyword)}
    return f"{given['factory']}()" if "factory" in given else given.get("default")
