"""Data that is read when it is needed: folders of images, sequences, TFRecord files. Order, resumption, memory, errors."""

import sys
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import gantape as gt
from gantape.data import Position, from_records, from_sequence, image_folder, shuffled
from gantape.errors import DataError, DataNotFoundError
from gantape.testing import assert_resumes_exactly

EXAMPLES = 23


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one colour each, of two classes; the number of a picture is its red."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(EXAMPLES):
        place = folder / ("ants" if number < 10 else "bees")
        place.mkdir(exist_ok=True)
        Image.new("RGB", (12 + number, 20), (number, 100, 200)).save(place / f"{number:03}.png")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three files of whole numbers."""
    folder = tmp_path_factory.mktemp("records")
    numbers = iter(range(EXAMPLES))
    for file, size in enumerate((9, 8, 6)):
        with tf.io.TFRecordWriter(str(folder / f"{file}.tfrecord")) as writer:
            for _ in range(size):
                writer.write(str(next(numbers)).encode())
    return str(folder / "*.tfrecord")


def number(record: Any) -> Any:
    return tf.strings.to_number(record, tf.int32)


def numbers_of(data: gt.data.Batches, seed: int, position: Position, batches: int, count: int = 1) -> list[int]:
    """The first number of each example that is read from a position on."""
    reader, found = data.open(seed, position), []
    while len(found) < batches:
        stack = reader.read(min(count, batches - len(found)))
        found += [np.asarray(tf.nest.flatten(stack.batch(place))[0]) for place in range(stack.count)]
    return [int(example.reshape(-1)[0]) for batch in found for example in batch]


def sources(folder: Path, records: str) -> dict[str, Any]:
    return {
        "folder": image_folder(folder, batch_size=4, size=8),
        "sequence": from_sequence(range(EXAMPLES), batch_size=4),
        "records": from_records(records, number, batch_size=4, buffer=5),
    }


@pytest.mark.parametrize("kind", ["folder", "sequence", "records"])
def test_order_is_a_function_of_seed_and_epoch_and_holds_each_example_once(kind, folder, records):
    data = sources(folder, records)[kind]
    first = numbers_of(data, 0, Position(), 5)
    assert first == numbers_of(data, 0, Position(), 5, count=3)
    assert len(set(first)) == 20
    assert first != numbers_of(data, 1, Position(), 5)
    assert first != numbers_of(data, 0, Position(1, 0), 5)
    keras.utils.set_random_seed(99)
    assert first == numbers_of(data, 0, Position(), 5)


@pytest.mark.parametrize("kind", ["folder", "sequence"])
def test_order_is_that_of_arrays(kind, folder, records):
    data = sources(folder, records)[kind]
    for epoch in (0, 3):
        assert numbers_of(data, 2, Position(epoch, 0), 5) == shuffled(EXAMPLES, 2, epoch)[:20].tolist()
    assert data.rows(2, Position(3, 1), 2) == shuffled(EXAMPLES, 2, 3)[4:12].tolist()


@pytest.mark.parametrize("kind", ["folder", "sequence", "records"])
@given(batch=st.integers(0, 4), epoch=st.integers(0, 3), count=st.integers(1, 6))
@settings(max_examples=8, deadline=None)
def test_a_reader_goes_on_from_any_position(kind, folder, records, batch, epoch, count):
    data = sources(folder, records)[kind]
    whole = numbers_of(data, 7, Position(epoch, 0), 5)
    assert numbers_of(data, 7, Position(epoch, batch), 5 - batch, count) == whole[4 * batch :]


@pytest.mark.parametrize("kind", ["folder", "sequence", "records"])
def test_epochs_end_with_their_last_whole_batch(kind, folder, records):
    reader = sources(folder, records)[kind].open(0, Position())
    stack = reader.read(100)
    assert (stack.count, stack.ends_epoch, stack.next) == (5, True, Position(1, 0))
    assert reader.read(1).next == Position(1, 1)


@pytest.mark.parametrize("kind", ["folder", "sequence", "records"])
def test_evaluation_sees_every_example_once_in_order(kind, folder, records):
    batches = list(sources(folder, records)[kind].examples_in_order())
    found = [int(np.asarray(example).reshape(-1)[0]) for batch in batches for example in tf.nest.flatten(batch)[0]]
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 4, 3]
    assert found == list(range(EXAMPLES))


def test_images_are_cut_to_shape_and_brought_to_size(tmp_path):
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    Image.fromarray(picture).save(tmp_path / "wide.bmp")
    (batch,) = image_folder(tmp_path, batch_size=1, size=5).examples_in_order()
    assert (batch.shape, batch.dtype, batch.min()) == ((1, 5, 5, 3), np.uint8, 255)
    (batch,) = image_folder(tmp_path, batch_size=1, size=(10, 30), channels=1).examples_in_order()
    np.testing.assert_array_equal(batch[0, ..., 0], picture[..., 0])


def test_labels_are_the_folders_and_pixels_are_scaled(folder):
    data = image_folder(folder, batch_size=EXAMPLES, size=4, labels=True, pixels=(0.0, 1.0))
    ((images, labels),) = data.examples_in_order()
    assert labels.tolist() == [0] * 10 + [1] * 13
    assert data.describe()["classes"] == ["ants", "bees"]
    prepared, _ = data.prepare((images, labels))
    np.testing.assert_allclose(prepared[0, 0, 0], np.array([0, 100, 200]) / 255.0, rtol=1e-6)


class Colours(gt.AdversarialTask):
    latent_size: int = 2

    def build_generator(self):
        dense = keras.layers.Dense(192, activation="tanh")
        return keras.Sequential([keras.Input((self.latent_size,)), dense, keras.layers.Reshape((8, 8, 3))])

    def build_discriminator(self):
        return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])

    def build_generator_optimizer(self):
        return keras.optimizers.Adam(0.01)

    def build_discriminator_optimizer(self):
        return keras.optimizers.Adam(0.01)


class Counting(gt.Task):
    """Moves towards the numbers of the examples, so that their order shows."""

    def build_model(self):
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    def build_optimizer(self):
        return keras.optimizers.SGD(0.1)

    def updates(self):
        return (gt.Update("model", self.loss, (self.model,), self.optimizer),)

    def loss(self, batch, rng):
        numbers = tf.cast(tf.reshape(batch, [4, -1])[:, 0], tf.float32)
        return gt.Losses({"square": tf.reduce_mean(tf.square(self.model(tf.ones([1, 1])) - numbers))})


@pytest.mark.parametrize("gigabytes", ["0", "1"])
def test_a_run_on_a_folder_resumes_bit_for_bit(folder, gigabytes, tmp_path, monkeypatch):
    monkeypatch.setenv("GANTAPE_CACHE", str(tmp_path))
    monkeypatch.setenv("GANTAPE_IMAGE_CACHE_GB", gigabytes)
    data = image_folder(folder, batch_size=4, size=8)
    assert_resumes_exactly(Colours, lambda: data, steps=12, stops=(3, 8))


@pytest.mark.parametrize("kind", ["sequence", "records"])
def test_a_run_resumes_bit_for_bit(kind, folder, records):
    assert_resumes_exactly(Counting, lambda: sources(folder, records)[kind], steps=12, stops=(3, 5, 8))


# Memory


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def most_growth(data: gt.data.Batches, batches: int) -> int:
    reader = data.open(0, Position())
    reader.read(1)
    before, most = resident(), 0
    for _ in range(batches):
        reader.read(1)
        most = max(most, resident() - before)
    return most


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux shows it")
def test_memory_stays_bounded(tmp_path):
    """160 MB of records, of which 64 are shuffled at a time, 4 MB; 120 MB of images."""
    blank = bytes(2**16)
    with tf.io.TFRecordWriter(str(tmp_path / "large.tfrecord")) as writer:
        for _ in range(2500):
            writer.write(blank)
    data = from_records(
        tmp_path / "large.tfrecord", lambda record: tf.io.decode_raw(record, tf.uint8)[:1024], batch_size=16, buffer=64
    )
    assert most_growth(data, 150) < 2**26
    for place in range(600):
        Image.new("RGB", (256, 256), (place % 256, 0, 0)).save(tmp_path / f"{place}.bmp")
    assert most_growth(image_folder(tmp_path, batch_size=16, size=256), 36) < 2**26


# Errors


def test_a_file_that_is_no_image_is_named(tmp_path):
    for place in range(8):
        Image.new("L", (4, 4)).save(tmp_path / f"{place}.png")
    data = image_folder(tmp_path, batch_size=2, size=4, channels=1)
    (tmp_path / "5.png").write_bytes(b"broken")  # after its beginning was read
    with pytest.raises(DataError) as caught:
        list(data.examples_in_order())
    assert caught.value.where == str(tmp_path / "5.png")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda empty, folder: image_folder(empty, batch_size=1, size=4), "no image in it"),
        (lambda empty, folder: image_folder(empty / "none", batch_size=1, size=4), "which is no folder"),
        (lambda empty, folder: image_folder(folder, batch_size=1, size=0), "size=0"),
        (lambda empty, folder: image_folder(folder, batch_size=1, size=4, channels=2), "channels=2"),
        (lambda empty, folder: image_folder(folder / "ants", batch_size=1, size=4, labels=True), "10 images in no subfolder"),
        (lambda empty, folder: image_folder(folder, batch_size=0, size=4), "batch_size"),
        (lambda empty, folder: image_folder(folder, batch_size=24, size=4).open(0, Position()), "23 examples"),
        (lambda empty, folder: from_records(empty / "*.tfrecord", number, batch_size=1), "tfrecord"),
        (lambda empty, folder: from_sequence([], batch_size=1), "of length 0"),
        (lambda empty, folder: from_records(folder / "notes.txt", lambda record: 1 / 0, batch_size=1), "argument `parse`"),
        (lambda empty, folder: from_sequence(iter([1]), batch_size=1), "iterator"),
        (lambda empty, folder: gt.data.with_outlines(image_folder(folder, batch_size=1, size=4)), "in memory"),
    ],
)
def test_wrong_uses_are_answered(make, words, folder, tmp_path):
    with pytest.raises(DataError, match=words):
        make(tmp_path, folder)


def test_records_that_are_broken_or_do_not_fit_are_told(records, tmp_path):
    (tmp_path / "broken.tfrecord").write_bytes(b"not a record at all, but long enough for a header")
    with pytest.raises(DataError, match="a record cannot be read"):
        list(from_records(tmp_path / "broken.tfrecord", number, batch_size=1).examples_in_order())
    with pytest.raises(DataError, match="do not fill a batch"):
        from_records(records, number, batch_size=24).open(0, Position()).read(1)
    with pytest.raises(DataError, match=r"argument `buffer`"):
        from_records(records, number, batch_size=1, buffer=0)


def test_examples_of_several_shapes_are_refused():
    data = from_sequence([np.zeros(3), np.zeros(4)], batch_size=2)
    with pytest.raises(DataError, match="one shape"):
        data.open(0, Position()).read(1)


# Other libraries: what is called, with modules that stand for them


def test_hugging_face_and_tfds_are_asked_for_their_data(monkeypatch):
    examples = [{"image": np.full((2, 2), row, np.uint8), "label": row} for row in range(6)]
    hub, tfds = types.ModuleType("datasets"), types.ModuleType("tensorflow_datasets")
    hub.load_dataset = lambda path, split: examples if (path, split) == ("shapes", "train") else 1 / 0
    tfds.data_source = hub.load_dataset
    monkeypatch.setitem(sys.modules, "datasets", hub)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", tfds)
    for load in (gt.data.from_hugging_face, gt.data.from_tfds):
        data = load("shapes", split="train", batch_size=2, read=lambda example: (example["image"], example["label"]))
        images, labels = next(data.examples_in_order())
        assert (images.shape, labels.tolist()) == ((2, 2, 2), [0, 1])
        with pytest.raises(DataNotFoundError, match="cannot be loaded"):
            load("shapes", split="test", batch_size=2, read=lambda example: example["image"])


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    for name, extra, load in (
        ("datasets", "huggingface", gt.data.from_hugging_face),
        ("tensorflow_datasets", "tfds", gt.data.from_tfds),
    ):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(DataNotFoundError, match=rf"pip install 'gantape\[{extra}\]'"):
            load("mnist", split="train", batch_size=2, read=lambda example: example["image"])
