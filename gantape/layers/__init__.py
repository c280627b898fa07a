"""Layers: convolutions that compute the same as Keras' own, faster on a CPU, and what the field's discriminators are made of.

`faster(model)` gives a model with the same weights and outputs. Which layers gain, and in which mode, was measured: see
`gantape.layers.choice`.
"""

from gantape.layers.conversion import faster, plain
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose
from gantape.layers.groups import MinibatchDeviation, Pack
from gantape.layers.spectral import SpectralNorm

__all__ = ["FastConv2D", "FastConv2DTranspose", "MinibatchDeviation", "Pack", "SpectralNorm", "faster", "plain"]
