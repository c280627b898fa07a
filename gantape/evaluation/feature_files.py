"""Networks in files as features: InceptionV3 and others, with the preprocessing of clean-fid."""

import hashlib
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
from PIL import Image

from gantape.errors import DataError, ShapeError, summary
from gantape.evaluation.features import FeatureNetwork
from gantape.types import Model

DEFAULT_SIDE = 299
"""The side of InceptionV3's images, for a network that takes any size."""

LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)
"""Weights of red, green and blue in grey, as Pillow's (ITU-R 601-2)."""

WHERE = "gantape.evaluation.load_features"


@attrs.frozen
class CleanResize:
    """Resizes images as clean-fid does, for a network that was trained on larger ones.

    Each channel of the bytes 0..255 is resized as float32 by Pillow's bicubic filter, which is antialiased, and clipped to
    0..255; nothing is rounded afterwards. Grey images become colour, and colour images grey, if the network needs it. Then
    0..255 is mapped to `pixels`.

    Args:
        height: Height for the network.
        width: Width for the network.
        channels: Channels for the network.
        pixels: The values of black and white for the network.

    References:
        Parmar et al. 2022, arXiv 2104.11222.
    """

    height: int
    width: int
    channels: int
    pixels: tuple[float, float]

    def __call__(self, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Images for the network, from images with pixels from 0 to 1.

        Raises:
            ShapeError: If they are neither grey nor in colour.
        """
        if images.shape[-1] not in (1, 3):
            raise ShapeError(
                "images have 1 channel, grey, or 3, red, green and blue.",
                where="gantape.evaluation.FeatureNetwork.features, argument `images`",
                got=f"{images.shape[-1]} channels",
                do="leave out what is no colour, such as transparency: images[..., :3].",
            )
        stored = np.moveaxis(np.round(np.clip(images, 0.0, 1.0) * 255.0).astype(np.float32), -1, 1)
        resized = np.stack([np.stack([self._channel(channel) for channel in image], axis=-1) for image in stored])
        if resized.shape[-1] > self.channels:
            resized = resized @ LUMA
        resized = np.broadcast_to(resized, (*resized.shape[:3], self.channels))
        low, high = self.pixels
        return (low + resized * ((high - low) / 255.0)).astype(np.float32)

    def _channel(self, channel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if channel.shape == (self.height, self.width):
            return channel
        return np.asarray(Image.fromarray(channel).resize((self.width, self.height), Image.Resampling.BICUBIC)).clip(0.0, 255.0)


def load_features(path: str | Path, *, pixels: tuple[float, float] = (-1.0, 1.0)) -> FeatureNetwork:
    """Features from a network in a file, such as InceptionV3 without its last layer.

    Images are resized to the network's input as clean-fid does; see `CleanResize`. Outputs with the axes of an image are
    averaged over height and width. Figures can be compared with published ones only if these used the same weights, the same
    preprocessing and the same N: published Fréchet distances mostly use the Inception weights of Heusel et al., which are not
    those that Keras downloads.

    Args:
        path: A `.keras` file, which is loaded without running code from it, or the folder of a SavedModel, which may hold any
            operation of TensorFlow: load only those that you trust.
        pixels: The values of black and white that the network was trained with: (-1, 1) for InceptionV3, (0, 255) for networks
            that scale pixels themselves.

    Raises:
        DataError: If it cannot be loaded, does not map images to features, or does not tell images apart.
    """
    path = Path(path)
    model, shape = _loaded(path)
    height, width, channels = shape
    prepare = CleanResize(height, width, channels, pixels)
    identity = _hash(path)
    axes = "batch height width channels"
    found = FeatureNetwork(
        model, identity, f"{path.name}, {height}×{width}, pixels {pixels[0]:g} to {pixels[1]:g}", axes, prepare
    )
    _check(found, channels)
    return found


def _loaded(path: Path) -> tuple[Model, tuple[int, int, int]]:
    """The model with one axis of features, and the shape of its images."""
    try:
        if path.is_dir():
            layer = keras.layers.TFSMLayer(path, call_endpoint="serving_default")
            (signature,) = layer._reloaded_obj.signatures["serving_default"].structured_input_signature[1].values()
            axes, source = tuple(signature.shape), layer
        else:
            source = keras.saving.load_model(path, compile=False, safe_mode=True)
            axes = tuple(source.input_shape)
    except Exception as error:  # Keras raises what its layers raise
        raise DataError(
            "the network for features cannot be loaded.",
            where=str(path),
            got=summary(error)[:300],
            do="name a .keras file, or the folder of a SavedModel with one input of images.",
        ) from None
    if len(axes) != 4 or axes[-1] not in (1, 3):
        raise _no_features(path, f"an input of shape {axes}")
    height, width = (DEFAULT_SIDE if side is None else int(side) for side in axes[1:3])
    inputs = keras.Input((height, width, axes[-1]))
    outputs: Any = source(inputs)
    outputs = next(iter(outputs.values())) if isinstance(outputs, dict) and len(outputs) == 1 else outputs
    if len(getattr(outputs, "shape", ())) == 4:
        outputs = keras.layers.GlobalAveragePooling2D()(outputs)
    if len(getattr(outputs, "shape", ())) != 2:
        raise _no_features(path, f"outputs {outputs}"[:300])
    return keras.Model(inputs, outputs), (height, width, int(axes[-1]))


def _no_features(path: Path, got: str) -> DataError:
    return DataError(
        "the network does not map images to features.",
        where=str(path),
        got=got,
        do='save one with the input (height, width, 3) and one output, such as InceptionV3(include_top=False, pooling="avg").',
    )


def _check(network: FeatureNetwork, channels: int) -> None:
    """Raise a `DataError` unless black, white and noise have different features."""
    noise = np.random.default_rng(0).uniform(size=(1, 32, 32, channels))
    found = network.features(np.concatenate([np.zeros_like(noise), np.ones_like(noise), noise]))
    if min(np.ptp(found[[0, 1]], axis=0).max(), np.ptp(found[[1, 2]], axis=0).max()) < 1e-6:
        raise DataError(
            "the network does not tell black, white and noise apart.",
            where=WHERE,
            got=str(network),
            do="check its weights, and give the range of pixels that it was trained with.",
        )


def _hash(path: Path) -> str:
    """A hash of the contents of a file, or of the files in a folder."""
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()
