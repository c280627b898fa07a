"""Convolutions that compute the same as Keras' own, faster on a CPU.

`faster(model)` gives a model with the same weights and outputs. Which layers gain, and in which mode, was measured: see
`gantape.layers.choice`.
"""

from gantape.layers.conversion import faster, plain
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose

__all__ = ["FastConv2D", "FastConv2DTranspose", "faster", "plain"]
