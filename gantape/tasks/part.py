"""The parts of a task, and how they are built."""

from typing import Any, Generic, Protocol, TypeVar, cast, get_args, overload

from gantape.errors import TaskError
from gantape.steps.loss_scale import Precision, with_loss_scale
from gantape.tasks.part_types import check_part

P = TypeVar("P")


class HasParts(Protocol):
    """An object with parts: a task."""

    @property
    def precision(self) -> Precision:
        """The dtype policy of its layers."""


class Part(Generic[P]):
    """A part of a task, made once by the method `build_<name>`.

    `Task` adds one for every `build_` method. Declaring it, as in `generator = Part[keras.Model]()`, gives type checkers the
    part's type.
    """

    @property
    def _declared(self) -> Any:
        """The type P, if it was given: `typing` stores it when `Part[P]` is called."""
        return next(iter(get_args(getattr(self, "__orig_class__", None))), None)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, task: None, owner: type) -> "Part[P]": ...
    @overload
    def __get__(self, task: HasParts, owner: type) -> P: ...
    def __get__(self, task: HasParts | None, owner: type) -> "Part[P] | P":
        if task is None:
            return self
        parts = vars(task).setdefault("_parts", {})
        if self._name not in parts:
            parts[self._name] = _BEING_BUILT
            try:
                part = with_loss_scale(getattr(task, f"build_{self._name}")(), task.precision)
                check_part(part, self._declared, f"{type(task).__name__}.build_{self._name}")
                parts[self._name] = part
            except BaseException:
                del parts[self._name]
                raise
        part = parts[self._name]
        if part is _BEING_BUILT:
            raise TaskError(
                "a part needs itself to be built.",
                where=f"{type(task).__name__}.build_{self._name}",
                got=f"self.{self._name} while it is being built",
                do="move what both need into a build_ method of its own.",
            )
        return cast(P, part)

    def __set__(self, task: HasParts, value: Any) -> None:
        raise TaskError(
            "a part is made by its build_ method and cannot be set.",
            where=f"{type(task).__name__}.{self._name}",
            got=type(value).__name__,
            do=f"return it from build_{self._name}.",
        )


_BEING_BUILT = object()
