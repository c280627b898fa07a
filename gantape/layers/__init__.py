"""Keras layers that are faster or have correct second derivatives, and further layers for GANs.

`faster(model)` returns a model with the same weights and outputs. Which layers are faster, and in which mode, was measured: see
`gantape.layers.choice`.
"""

from gantape.layers.attention import SelfAttention, SkipLayerExcitation
from gantape.layers.conditional import ConditionalBatchNorm
from gantape.layers.conversion import faster, for_inference, in_float32, plain
from gantape.layers.convolutional import FastConv2D, FastConv2DTranspose, FastUpSampling2D
from gantape.layers.equalized import Equalized, PixelNorm
from gantape.layers.fading import FadeIn
from gantape.layers.groups import MinibatchDeviation, Pack
from gantape.layers.modulation import LearnedConstant, ModulatedConv2D, NoiseInput, NoiseMaps
from gantape.layers.normalization import BatchNorm, LayerNorm
from gantape.layers.resampling import FilteredResampling2D
from gantape.layers.spectral import SpectralNorm

__all__ = [
    "BatchNorm",
    "ConditionalBatchNorm",
    "Equalized",
    "FadeIn",
    "FastConv2D",
    "FastConv2DTranspose",
    "FastUpSampling2D",
    "FilteredResampling2D",
    "LayerNorm",
    "LearnedConstant",
    "MinibatchDeviation",
    "ModulatedConv2D",
    "NoiseInput",
    "NoiseMaps",
    "Pack",
    "PixelNorm",
    "SelfAttention",
    "SkipLayerExcitation",
    "SpectralNorm",
    "faster",
    "for_inference",
    "in_float32",
    "plain",
]
