"""How a step runs: eagerly, in a graph or by XLA, one at a time or many in a call. Nothing here knows about tasks."""

from gantape.compiler.compiler import StepCompiler

__all__ = ["StepCompiler"]
