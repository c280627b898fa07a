"""The base class of tasks: its fields are hyper-parameters, its `build_` methods declare the parts."""

import difflib
import inspect
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, dataclass_transform

import attrs

from gantape._tensorflow import convert_methods
from gantape.errors import GantapeError, HyperparameterError, TaskError, summary
from gantape.metrics import MetricSet
from gantape.random.rng import RandomStreams
from gantape.shapes import Images
from gantape.steps.checks import check_updates
from gantape.steps.loss_scale import Precision, check_loss_scales, default_precision, policy
from gantape.steps.losses import Losses
from gantape.steps.step import Update
from gantape.tasks.holdings import holdings_of
from gantape.tasks.part import Part
from gantape.types import Batch, Variable


@attrs.define(frozen=True, slots=False, eq=False, kw_only=True)
@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(attrs.field,))
class Task(ABC):
    """A learning task: models, optimizers and losses.

    A subclass becomes an attrs class without a decorator: its annotated fields are hyper-parameters, passed by name, checked
    against their types, frozen, and saved with the run. Each method `build_x` declares the part `x`. When the constructor
    returns, every part exists, and so do all variables, the optimizers' included. Parts may use one another.

    Args:
        precision: Keras dtype policy of the layers, active while the parts are built: "float32", "float64", or
            "mixed_bfloat16" or "mixed_float16", in which weights, losses and metrics stay in float32. In "mixed_float16" every
            optimizer gets its own loss scale. By default, Keras' global policy.

    Raises:
        HyperparameterError: If a hyper-parameter has a wrong name, type or value.
        TaskError: If a `build_` method is missing or fails, or the updates cannot be trained.
    """

    precision: Precision = attrs.field(factory=default_precision)

    metrics = Part[MetricSet]()
    evaluation_metrics = Part[MetricSet]()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            raise TaskError(
                "a task has no `__init__` of its own.",
                where=cls.__name__,
                got=f"__init__{inspect.signature(vars(cls)['__init__'])}",
                do="annotate hyper-parameters in the class, as in `width: int = 32`, and make each part in a build_<part>.",
            )
        convert_methods(cls)
        for name in list(vars(cls)):
            part = name.removeprefix("build_")
            if part != name and not hasattr(cls, part):
                descriptor: Part[Any] = Part()
                descriptor.__set_name__(cls, part)
                setattr(cls, part, descriptor)
        attrs.define(cls, frozen=True, slots=False, eq=False, kw_only=True, auto_attribs=True)
        cls.__setattr__ = _refuse_assignment  # type: ignore[assignment, method-assign]  # a better message than attrs'

    def __new__(cls, *arguments: Any, **hyperparameters: Any) -> "Task":
        missing = sorted(getattr(cls, "__abstractmethods__", ()))
        if missing:
            raise TaskError(
                f"{cls.__name__} leaves {'methods' if len(missing) > 1 else 'a method'} undefined.",
                where=cls.__name__,
                got=f"no {', '.join(missing)}",
                do=f"define {', '.join(f'{name}(self)' for name in missing)} in {cls.__name__}.",
            )
        _check_names(cls, arguments, hyperparameters)
        return super().__new__(cls)

    def __attrs_post_init__(self) -> None:
        self._check_types()
        self.check_hyperparameters()
        with policy(self.precision):
            for name in self.part_names():
                self._build(name)
            self.check_parts()
            updates = self.updates()
            check_updates(updates, type(self).__name__)
        self._check_metrics()
        scaled = {update.name: update.optimizer for update in updates}
        check_loss_scales(scaled, self.precision, type(self).__name__)

    @abstractmethod
    def updates(self) -> tuple[Update, ...]:
        """The updates of a step, in order."""

    def build_metrics(self) -> MetricSet:
        """The metrics that are updated with the losses. Called twice: training and evaluation each have their own."""
        return MetricSet()

    def build_evaluation_metrics(self) -> MetricSet:
        """The metrics of evaluation; those of training by default."""
        return self.build_metrics()

    def check_hyperparameters(self) -> None:
        """Raise a `HyperparameterError` for invalid values. Called before anything is built."""

    def check_parts(self) -> None:
        """Raise an error if the parts do not fit together. Called when all are built."""

    def set_up(self, batches: Iterator[Batch]) -> None:
        """Prepare parts for the data, as the `adapt` of a layer does. Called once, before the first step of a new run.

        A resumed run restores what was found here, and does not call it.

        Args:
            batches: The prepared training batches of one pass, in order. Without end if the data is.
        """

    def check_batch(self, batch: Batch) -> None:
        """Raise an error if a batch does not fit the models. Called with one prepared batch before the first step."""

    def evaluate(self, batch: Batch, rng: RandomStreams) -> Losses:
        """The losses of a batch in evaluation. No variable changes.

        Raises:
            TaskError: If the task does not define it.
        """
        raise TaskError(
            "this task does not define how it is evaluated.",
            where=f"{type(self).__name__}.evaluate",
            got="a call of Loop.evaluate, or validation data",
            do="define evaluate(self, batch, rng), which returns gantape.Losses.",
        )

    def sample_grid(self, count: int, rng: RandomStreams, batch: Batch | None = None) -> Images:
        """A grid of images that shows what was learnt: `rows columns height width channels`.

        Args:
            count: Approximate number of images.
            rng: Random streams; with equal ones, grids of one run can be compared.
            batch: Input examples, for a task that translates or reconstructs.

        Raises:
            TaskError: If the task does not define it.
        """
        raise TaskError(
            "this task does not define a grid of samples.",
            where=f"{type(self).__name__}.sample_grid",
            got="a report that draws pictures",
            do='define sample_grid(self, count, rng, batch=None), which returns images "rows columns height width channels".',
        )

    @classmethod
    def part_names(cls) -> tuple[str, ...]:
        """The names of the parts, those of base classes first."""
        names: dict[str, None] = {}
        for base in reversed(cls.__mro__):
            names |= {name: None for name, value in vars(base).items() if isinstance(value, Part)}
        return tuple(names)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The fields and their values."""
        return {field.name: getattr(self, field.name) for field in _fields(type(self))}

    @property
    def variables(self) -> list[Variable]:
        """Every variable that a part holds, at any depth, each once: weights, statistics, seeds, optimizers, metrics."""
        return list(holdings_of(self).variables.values())

    def _build(self, name: str) -> None:
        where = f"{type(self).__name__}.build_{name}"
        try:
            part = getattr(self, name)
        except GantapeError:
            raise
        except Exception as error:
            raise TaskError(
                "a part cannot be built.",
                where=where,
                got=summary(error),
                do="fix this method; the first exception is the cause of this one.",
            ) from error
        if part is None:
            raise TaskError("a part is missing.", where=where, got="None", do="return what the method builds.")

    def _check_metrics(self) -> None:
        shared = [name for name in self.metrics.names if self.metrics[name] in self.evaluation_metrics]
        if shared:
            raise TaskError(
                "training and evaluation share a metric, and would reset each other's values.",
                where=f"{type(self).__name__}.build_metrics",
                got=", ".join(shared),
                do="make new metrics in each call of build_metrics.",
            )

    def _check_types(self) -> None:
        cls = type(self)
        try:
            types: Mapping[str, Any] = typing.get_type_hints(cls)
        except NameError:
            return
        for name, value in self.hyperparameters.items():
            wrong = isinstance(value, bool) and types[name] in (int, float)
            if wrong or not _has_type(value, types[name]):
                raise HyperparameterError(
                    "a hyper-parameter has the wrong type.",
                    where=f"{cls.__name__}, field `{name}`",
                    got=f"{value!r}, a {type(value).__name__}",
                    do=f"give a value of type {inspect.formatannotation(types[name])}.",
                )
            if types[name] is float:
                object.__setattr__(self, name, float(value))  # frozen; Keras refuses a learning rate of 1


def require_positive(task: Task, *names: str) -> None:
    """Raise a `HyperparameterError` unless the named hyper-parameters are positive."""
    for name in names:
        if not getattr(task, name) > 0:
            raise _wrong_number(task, name, "positive", "give a number above zero.")


def require_not_negative(task: Task, *names: str) -> None:
    """Raise a `HyperparameterError` if a named hyper-parameter is negative."""
    for name in names:
        if not getattr(task, name) >= 0:
            raise _wrong_number(task, name, "zero or positive", "give zero or a number above it.")


def _wrong_number(task: Task, name: str, rule: str, do: str) -> HyperparameterError:
    where = f"{type(task).__name__}, field `{name}`"
    return HyperparameterError(f"a hyper-parameter has to be {rule}.", where=where, got=repr(getattr(task, name)), do=do)


def _has_type(value: Any, annotation: Any) -> bool:
    """Whether a value fits an annotation, whatever that is; an int fits `float`."""
    # Typeguard is imported with the first task: it looks through all installed packages for its plugins.
    from typeguard import CollectionCheckStrategy, TypeCheckError, check_type

    try:
        check_type(value, annotation, collection_check_strategy=CollectionCheckStrategy.ALL_ITEMS)
    except TypeCheckError:
        return False
    return True


def _refuse_assignment(task: Task, name: str, value: Any) -> None:
    if isinstance(getattr(type(task), name, None), Part):
        getattr(type(task), name).__set__(task, value)
    raise HyperparameterError(
        "a task cannot be changed.",
        where=f"{type(task).__name__}.{name}",
        got=repr(value),
        do=f"make another: {type(task).__name__}({name}=...) for a hyper-parameter; define build_{name} for a part.",
    )


def _fields(cls: Any) -> tuple[Any, ...]:
    return attrs.fields(cls)


def _check_names(cls: type, arguments: tuple[Any, ...], hyperparameters: Mapping[str, Any]) -> None:
    known = [field.name for field in _fields(cls)]
    if arguments:
        raise HyperparameterError(
            "hyper-parameters are given by name.",
            where=cls.__name__,
            got=", ".join(map(repr, arguments)),
            do=f"write {cls.__name__}({', '.join(f'{name}=...' for name in known)}).",
        )
    for name in hyperparameters:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise HyperparameterError(
                "there is no such hyper-parameter.",
                where=cls.__name__,
                got=name,
                do=f"did you mean `{close[0]}`?" if close else f"the fields are {', '.join(known) or 'none'}.",
            )
    required = [field.name for field in _fields(cls) if field.default is attrs.NOTHING and field.name not in hyperparameters]
    if required:
        raise HyperparameterError(
            "a hyper-parameter without a default is missing.",
            where=cls.__name__,
            got=f"no {', '.join(required)}",
            do=f"write {cls.__name__}({', '.join(f'{name}=...' for name in required)}).",
        )
