"""Random numbers: named streams that are a pure function of seed, step and name."""

from gantape.random.rng import RandomStreams

__all__ = ["RandomStreams"]
