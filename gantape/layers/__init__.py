"""Layers that compute the same as Keras' own: convolutions, faster on a CPU; normalisation, right when differentiated twice.

`faster(model)` gives a model with the same weights and outputs. Which layers gain, and in which mode, was measured: see
`gantape.layers.choice`.
"""

from gantape.layers.conversion import faster, plain
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose
from gantape.layers.normalization import BatchNorm, LayerNorm

__all__ = ["BatchNorm", "FastConv2D", "FastConv2DTranspose", "LayerNorm", "faster", "plain"]
