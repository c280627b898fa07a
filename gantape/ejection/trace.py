"""Records which operations a loss calls, at the level of `tf`, `keras` and layers.

The loss runs once, eagerly, on real tensors. Public functions are replaced for the time of a trace by ones that note the call,
and a tensor is recognised by its identity. So Python's control flow over static values unrolls itself.
"""

import contextlib
import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import keras
import tensorflow as tf

from gantape.ejection.comments import comment_above
from gantape.ejection.graph import Block, Node, literal
from gantape.ejection.passes import Passes
from gantape.errors import EjectError
from gantape.random.rng import RandomStreams

PACKAGE = __name__.partition(".")[0]


class Trace:
    """The calls of one loss.

    Args:
        names: The names of parts, by identity: layers, losses and variables.
        constants: The names of hyper-parameters that are floats, by identity.
        passes: The results of the forward passes that updates share. Traces of all updates have the same.
    """

    def __init__(self, names: dict[int, str], constants: dict[int, str], passes: Passes | None = None) -> None:
        self.names = dict(names)
        self.constants = constants
        self.passes = Passes() if passes is None else passes
        self.nodes: list[Node | Block] = []
        self.known: dict[int, Node] = {}
        self._alive: list[Any] = []
        self._ranks: dict[int, int] = {}
        self._block: tuple[str, ...] = ()
        self._tapes = 0
        self._reads = False
        self.depth = 0

    def input(self, tensor: Any, code: str) -> None:
        """Give a tensor that the loss receives its name."""
        self._keep(tensor, Node(code, (), (), name=code))

    def name(self, value: Any, code: str) -> None:
        """Give an object the code that stands for it."""
        self.names[id(value)] = code
        self._alive.append(value)

    def is_foreign(self, value: Any) -> bool:
        """Whether what is done with a value is not recorded: inside another call, and for variables without a name."""
        return self.depth > 0 or (isinstance(value, tf.Variable) and id(value) not in self.names)

    def node_of(self, tensor: Any) -> Node:
        """The call that made a tensor.

        Raises:
            EjectError: If it comes from elsewhere.
        """
        if id(tensor) not in self.known:
            raise EjectError(
                "a tensor comes from a call that cannot be written out.",
                where=user_line(),
                got=f"{type(tensor).__name__} of shape {tuple(tensor.shape)}",
                do="compute it in the loss, with functions of tf or keras, from the batch, layers and random streams.",
            )
        self._name_results()
        return self.known[id(tensor)]

    def call(self, function: Callable[..., Any], code: str, arguments: Any, keywords: Any, pure: bool = True) -> Any:
        """Call a function and record it; a call inside another is not recorded."""
        if self.depth:
            return function(*arguments, **keywords)
        self._name_results()
        self.depth += 1
        try:
            result = function(*arguments, **keywords)
        finally:
            self.depth -= 1
        leaves = [leaf for leaf in tf.nest.flatten(result) if tf.is_tensor(leaf)]
        if leaves and all(id(leaf) in self.known for leaf in leaves):
            return result
        operands: list[Any] = []
        texts = [self.code(value, operands) for value in arguments]
        texts += [f"{name}={self.code(value, operands)}" for name, value in keywords.items()]
        self.record(code if "{}" in code else f"{code}({', '.join(texts)})", operands, result, pure)
        return result

    def record(self, template: str, operands: list[Any], result: Any, pure: bool = True, operator: bool = False) -> None:
        """Record a call whose code is known."""
        name = "value" if self._reads else ""  # what reads a variable stays where it is: the variable may change
        self._reads = False
        node = Node(template, tuple(operands), self._block, pure, operator, name, comment=_comment())
        self.nodes.append(node)
        if tf.is_tensor(result):
            self._keep(result, node)
        elif isinstance(result, list | tuple):
            for place, member in enumerate(result):
                if tf.is_tensor(member):
                    part = Node(f"{{}}[{place}]", (node,), self._block)
                    self.nodes.append(part)
                    self._keep(member, part)
        elif isinstance(result, dict):
            for name, member in result.items():
                part = Node("{}[" + literal(name, "", {}) + "]", (node,), self._block)
                self.nodes.append(part)
                self._keep(member, part)

    def same(self, result: Any, tensor: Any) -> None:
        """Note that a result equals a tensor, so that the program has the tensor: Python's `sum` begins with 0."""
        if isinstance(tensor, tf.Variable):
            self.record(self.names[id(tensor)], [], result)
        else:
            self._keep(result, self.node_of(tensor))

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """A context in which nothing is recorded."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    @contextlib.contextmanager
    def tape(self, tape: Any, options: dict[str, Any]) -> Iterator[Any]:
        """A tape of the loss itself."""
        number = self._tapes = self._tapes + 1
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        with self.block(f"with tf.GradientTape({given}) as tape_{number}"), tape:
            yield _Tape(self, tape, number)

    @contextlib.contextmanager
    def block(self, head: str) -> Iterator[Block]:
        """A block of the code."""
        made = Block(head, self._block)
        self.nodes.append(made)
        before, self._block = self._block, (*self._block, head)
        try:
            yield made
        finally:
            self._block = before

    def _keep(self, tensor: Any, node: Node) -> None:
        self.known[id(tensor)] = node
        self._alive.append(tensor)  # so that no other tensor gets its identity

    def code(self, value: Any, operands: list[Any]) -> str:
        """The code of an argument; the calls that it needs are added to the operands."""
        if id(value) in self.names:
            self._reads = self._reads or isinstance(value, tf.Variable | keras.Variable)
            return self.names[id(value)]
        if tf.is_tensor(value):
            operands.append(self.node_of(value))
            return "{}"
        if isinstance(value, list | tuple) and not isinstance(value, tf.TensorShape):
            inner = ", ".join(self.code(member, operands) for member in value)
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' if len(value) == 1 else ''})"
        if isinstance(value, dict):
            return (
                "{{"
                + ", ".join(
                    f"{literal(name, user_line(), {})}: {self.code(member, operands)}" for name, member in value.items()
                )
                + "}}"
            )
        return literal(value, user_line(), self.constants).replace("{", "{{").replace("}", "}}")

    def _name_results(self) -> None:
        """Take the names of the author's local variables, those of the outermost function first."""
        frames = [frame for frame, _ in traceback.walk_stack(sys._getframe(1))]
        for rank, frame in enumerate(reversed(frames)):
            module = frame.f_globals.get("__name__", "")
            if module.startswith((f"{PACKAGE}.ejection", f"{PACKAGE}.steps", "keras", "tensorflow", "_pytest")):
                continue
            for name, value in list(frame.f_locals.items()):
                node = self.known.get(id(value)) if tf.is_tensor(value) else None
                if node is not None and node.template != node.name and self._ranks.get(id(node), 10**6) > rank:
                    node.name, self._ranks[id(node)] = name.strip("_"), rank


class _Tape:
    def __init__(self, trace: Trace, tape: Any, number: int) -> None:
        self._trace, self._tape, self._name = trace, tape, f"tape_{number}"

    def watch(self, tensor: Any) -> None:
        self._trace.call(self._tape.watch, f"{self._name}.watch", (tensor,), {}, pure=False)

    def gradient(self, *arguments: Any, **keywords: Any) -> Any:
        return self._trace.call(self._tape.gradient, f"{self._name}.gradient", arguments, keywords)


class _BatchSize(int):
    """The number of examples in a batch."""


@attrs.frozen(eq=False)
class TracedStreams:
    """Random streams whose draws are recorded. A loss takes them for `RandomStreams`.

    Args:
        streams: The streams themselves.
        trace: The trace.
        paths: The names that lead to these streams from the run's seed, as code.
        batch_size: The number of examples that the program calls `BATCH_SIZE`.
    """

    streams: RandomStreams
    trace: Trace
    paths: tuple[str, ...]
    batch_size: int

    @property
    def seed(self) -> int:
        """The seed of the streams."""
        return self.streams.seed

    @property
    def step(self) -> Any:
        """The number of the step, which the program calls `step`."""
        return self.streams.step

    def stream(self, *names: str | int) -> "TracedStreams":
        below = ", ".join(literal(name, "", {}) for name in names)
        paths = (*self.paths, f"({below}{',' if len(names) == 1 else ''})")
        return attrs.evolve(self, streams=self.streams.stream(*names), paths=paths)

    def uniform(self, name: str, shape: Any, low: float = 0.0, high: float = 1.0) -> Any:
        return self._draw("uniform", name, shape, low, high)

    def normal(self, name: str, shape: Any, mean: float = 0.0, deviation: float = 1.0) -> Any:
        return self._draw("normal", name, shape, mean, deviation)

    def bits(self, name: str, shape: Any) -> Any:
        return self._draw("bits", name, shape)

    def integers(self, name: str, shape: Any, bound: int) -> Any:
        return self._draw("integers", name, shape, bound)

    def _draw(self, kind: str, name: str, shape: Any, *numbers: float) -> Any:
        last = f"({literal(name, '', {})},)"
        place = f"step, [{', '.join([*self.paths, last])}]"
        draw = functools.partial(getattr(self.streams, kind), name)
        self.trace.name(place, place)
        given = numbers if numbers not in ((0.0, 1.0),) else ()
        arguments = (place, self._named(shape), *given)
        drawn = self.trace.call(lambda _, *rest: draw(*rest), f"{kind}_numbers", arguments, {}, pure=False)
        node = self.trace.node_of(drawn)
        node.name = node.name or (name if name.isidentifier() else "")
        return drawn

    def _named(self, shape: Any) -> Any:
        """The shape, with a number of its own for the size of a batch, so that it is recognised."""
        if not isinstance(shape, list | tuple) or not shape or isinstance(shape[0], tf.Tensor) or shape[0] != self.batch_size:
            return shape
        size = _BatchSize(self.batch_size)
        self.trace.name(size, "BATCH_SIZE")
        return [size, *shape[1:]]


def _comment() -> tuple[str, ...]:
    """The author's comment above the statement that runs."""
    ours = (f"{PACKAGE}.ejection", f"{PACKAGE}.random", f"{PACKAGE}._tensorflow")
    skipped = (*ours, "keras", "tensorflow", "functools", "contextlib")
    for frame, line in traceback.walk_stack(sys._getframe(1)):
        module = frame.f_globals.get("__name__", "")
        if module == f"{PACKAGE}.ejection.updates":
            break
        if not module.startswith(skipped):
            return comment_above(frame.f_code.co_filename, line)
    return ()


def user_line() -> str:
    """File and line of the newest call outside of gantape, TensorFlow and Keras; of gantape's, if there is none."""
    frames = [(frame, line) for frame, line in traceback.walk_stack(sys._getframe(1))]
    for skipped in ((PACKAGE, "tensorflow", "keras"), (f"{PACKAGE}.ejection", f"{PACKAGE}.steps", "tensorflow", "keras")):
        for frame, line in frames:
            module = frame.f_globals.get("__name__", "")
            if not any(module == name or module.startswith(f"{name}.") for name in (*skipped, "contextlib", "functools")):
                return f"{frame.f_code.co_filename}, line {line}, in {frame.f_code.co_name}"
    return "the loss"
