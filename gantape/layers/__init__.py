"""Keras layers that are faster or have correct second derivatives, and further layers for discriminators.

`faster(model)` returns a model with the same weights and outputs. Which layers are faster, and in which mode, was measured: see
`gantape.layers.choice`.
"""

from gantape.layers.conversion import faster, for_inference, in_float32, plain
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose
from gantape.layers.groups import MinibatchDeviation, Pack
from gantape.layers.normalization import BatchNorm, LayerNorm
from gantape.layers.spectral import SpectralNorm

__all__ = [
    "BatchNorm",
    "FastConv2D",
    "FastConv2DTranspose",
    "LayerNorm",
    "MinibatchDeviation",
    "Pack",
    "SpectralNorm",
    "faster",
    "for_inference",
    "in_float32",
    "plain",
]
