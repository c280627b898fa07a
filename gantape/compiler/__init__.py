"""How a step is run: eagerly, in a graph, by XLA, one at a time or many in a call. Knows no task."""

from gantape.compiler.compiler import StepCompiler

__all__ = ["StepCompiler"]
