"""Sources of batches: arrays in memory, any `tf.data.Dataset`, files, MNIST and similar images, mixtures of Gaussians."""

from gantape.data.arrays import ArrayBatches, from_arrays, shuffled
from gantape.data.batches import Batches, BatchStack, PeekableReader, Position, Reader, identity
from gantape.data.datasets import DatasetBatches, from_dataset
from gantape.data.folders import image_folder
from gantape.data.images import digits, fashion_mnist, mnist, mnist_or_digits
from gantape.data.indexed import Examples, IndexedBatches
from gantape.data.mixtures import grid, grid_centres, ring, ring_centres
from gantape.data.pairs import outlines, unpaired, with_outlines
from gantape.data.pixels import ScalePixels, scale_pixels
from gantape.data.records import RecordBatches, from_records
from gantape.data.sequences import from_hugging_face, from_sequence, from_tfds

__all__ = [
    "ArrayBatches",
    "BatchStack",
    "Batches",
    "DatasetBatches",
    "Examples",
    "IndexedBatches",
    "PeekableReader",
    "Position",
    "Reader",
    "RecordBatches",
    "ScalePixels",
    "digits",
    "fashion_mnist",
    "from_arrays",
    "from_dataset",
    "from_hugging_face",
    "from_records",
    "from_sequence",
    "from_tfds",
    "grid",
    "grid_centres",
    "identity",
    "image_folder",
    "mnist",
    "mnist_or_digits",
    "outlines",
    "ring",
    "ring_centres",
    "scale_pixels",
    "shuffled",
    "unpaired",
    "with_outlines",
]
