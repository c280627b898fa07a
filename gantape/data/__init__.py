"""Sources of batches: arrays in memory, any `tf.data.Dataset`, files, digits, photographs, mixtures of Gaussians."""

from gantape.data.arrays import ArrayBatches, from_arrays, shuffled
from gantape.data.augmented import AugmentedBatches, augmented
from gantape.data.batches import Batches, BatchStack, PeekableReader, Position, Reader, identity
from gantape.data.datasets import DatasetBatches, from_dataset
from gantape.data.folders import image_folder
from gantape.data.images import digits, fashion_mnist, mnist, mnist_or_digits
from gantape.data.indexed import Examples, IndexedBatches
from gantape.data.layout import Layout
from gantape.data.mixtures import grid, grid_centres, ring, ring_centres
from gantape.data.online import OnlineBatches, online
from gantape.data.pairs import outlines, unpaired, with_outlines
from gantape.data.photographs import photographs
from gantape.data.pixels import ScalePixels, scale_pixels
from gantape.data.pydatasets import PyDatasetBatches, from_pydataset
from gantape.data.records import RecordBatches, from_records
from gantape.data.sequences import from_hugging_face, from_sequence, from_tfds
from gantape.data.sets import UnpairedBatches, unpaired_sets

__all__ = [
    "ArrayBatches",
    "AugmentedBatches",
    "BatchStack",
    "Batches",
    "DatasetBatches",
    "Examples",
    "IndexedBatches",
    "Layout",
    "OnlineBatches",
    "PeekableReader",
    "Position",
    "PyDatasetBatches",
    "Reader",
    "RecordBatches",
    "ScalePixels",
    "UnpairedBatches",
    "augmented",
    "digits",
    "fashion_mnist",
    "from_arrays",
    "from_dataset",
    "from_hugging_face",
    "from_pydataset",
    "from_records",
    "from_sequence",
    "from_tfds",
    "grid",
    "grid_centres",
    "identity",
    "image_folder",
    "mnist",
    "mnist_or_digits",
    "online",
    "outlines",
    "photographs",
    "ring",
    "ring_centres",
    "scale_pixels",
    "shuffled",
    "unpaired",
    "unpaired_sets",
    "with_outlines",
]
