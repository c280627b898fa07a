"""Batches from TFRecord files, which can only be read sequentially."""

import glob
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import tensorflow as tf

from gantape.data.arrays import shuffled
from gantape.data.batches import Batches, BatchStack, Position, Reader, identity
from gantape.data.conversion import check_size
from gantape.errors import DataError, DataNotFoundError, counted, summary
from gantape.random.rng import derive_key
from gantape.types import Batch, Tensor

Compression = Literal["", "GZIP", "ZLIB"]
FILES_AT_ONCE, BATCHES_AHEAD, RECORDS_AT_ONCE = 4, 4, 4


@attrs.frozen(eq=False)
class RecordBatches(Batches):
    """Batches from TFRecord files. Made by `gantape.data.from_records`."""

    files: Sequence[str] = attrs.field(repr=False)
    parse: Callable[[Tensor], Batch] = attrs.field(repr=False)
    batch_size: int
    buffer: int = 4096
    compression: Compression = ""
    prepare: Callable[[Batch], Batch] = attrs.field(default=identity, repr=False)
    name: str = "records"

    @property
    def batches_per_epoch(self) -> None:
        return None

    def open(self, seed: int, position: Position) -> Reader:
        return _RecordReader(self, seed, position)

    def examples_in_order(self) -> Iterator[Batch]:
        yield from self._batches(self._records(self.files, at_once=1))

    def describe(self) -> dict[str, Any]:
        sizes = [[Path(file).name, Path(file).stat().st_size] for file in self.files]
        return {"name": self.name, "batch_size": self.batch_size, "files": sizes, "buffer": self.buffer}

    def epoch(self, seed: int, position: Position) -> Iterator[Batch]:
        """The batches of an epoch from a position on, in an order that is a pure function of (seed, epoch)."""
        files = [self.files[place] for place in shuffled(len(self.files), seed, position.epoch)]
        key = derive_key(seed, "records", position.epoch)

        def shuffled_stretch(number: Tensor, stretch: Tensor) -> Tensor:
            # Dataset.shuffle combines its seed with the global one, which may differ in another process.
            key_and_number = tf.stack([tf.constant(key, tf.int64), number])
            bits = tf.random.stateless_uniform(tf.shape(stretch), key_and_number, None, None, tf.int32, alg="philox")
            return tf.gather(stretch, tf.argsort(bits, stable=True))

        stretches = self._records(files, FILES_AT_ONCE).batch(self.buffer).enumerate()
        records = stretches.map(shuffled_stretch, num_parallel_calls=1).unbatch()
        return self._batches(records.skip(position.batch * self.batch_size))

    def _records(self, files: Sequence[str], at_once: int) -> Any:
        return tf.data.Dataset.from_tensor_slices(list(files)).interleave(
            lambda file: tf.data.TFRecordDataset(file, self.compression), cycle_length=at_once
        )

    def _batches(self, records: Any) -> Iterator[Batch]:
        examples = records.map(self.parse, num_parallel_calls=RECORDS_AT_ONCE, deterministic=True)
        found = iter(examples.batch(self.batch_size).prefetch(BATCHES_AHEAD).as_numpy_iterator())
        while True:
            try:
                batch = next(found, None)
            except tf.errors.OpError as error:
                raise DataError(
                    "a record cannot be read.",
                    where=f"{self.name}, {self.files[0]} and others" if len(self.files) > 1 else self.files[0],
                    got=summary(error),
                    do="check that the files are complete, that `compression` is right, and that `parse` matches what was "
                    "written.",
                ) from None
            if batch is None:
                return
            yield batch


@attrs.define(eq=False)
class _RecordReader(Reader):
    """Reads one batch ahead, to know which batch ends an epoch."""

    source: RecordBatches
    seed: int
    position: Position
    batches: Iterator[Batch] | None = None
    ahead: Batch | None = None

    def read(self, count: int) -> BatchStack:
        if self.batches is None:
            self.batches = self.source.epoch(self.seed, self.position)
            self.ahead = self._next()
        found: list[Batch] = []
        while len(found) < count and self.ahead is not None:
            found.append(self.ahead)
            self.ahead = self._next()
        if not found:
            raise DataError(
                "the records do not fill a batch.",
                where=f"{self.source.name}, argument `batch_size`",
                got=f"no batch of {counted(self.source.batch_size, 'example')}",
                do="choose a smaller batch_size.",
            )
        if self.ahead is None:
            self.position, self.batches = Position(self.position.epoch + 1), None
        else:
            self.position = self.position.after(len(found), None)
        return BatchStack.of(found, self.position, self.source.prepare)

    def _next(self) -> Batch | None:
        batch = next(self.batches, None) if self.batches is not None else None
        whole = batch is not None and len(tf.nest.flatten(batch)[0]) == self.source.batch_size
        return batch if whole else None


def from_records(
    files: str | Path | Sequence[str | Path],
    parse: Callable[[Tensor], Batch],
    *,
    batch_size: int,
    buffer: int = 4096,
    compression: Compression = "",
    prepare: Callable[[Batch], Batch] = identity,
) -> RecordBatches:
    """Batches from TFRecord files of any size, in an order that is a pure function of (seed, epoch).

    In each epoch the files are read in another order, four at a time, and each run of `buffer` consecutive records is shuffled;
    shuffling is therefore local. Write many files, each a random sample of all examples. A resumed run skips the earlier
    records of its epoch: it reads them without parsing.

    Args:
        files: A pattern such as "data/*.tfrecord", or the files.
        parse: Turns a record, a string scalar, into an example; it runs in `tf.data`.
        batch_size: Examples in a batch.
        buffer: Records that are shuffled at a time; up to twice as many are in memory.
        compression: Compression of the files: "", "GZIP" or "ZLIB".
        prepare: Applied to each batch inside the graph.

    Returns:
        Batches with the structure that `parse` returns.

    Raises:
        DataNotFoundError: If there are no such files.
        DataError: If the batch size or the buffer is not positive, or `parse` cannot be traced.
    """
    where = "gantape.data.from_records"
    if isinstance(files, str | Path):
        found = sorted(glob.glob(str(files)))  # noqa: PTH207  an absolute pattern has no folder that pathlib could start from
    else:
        found = [str(file) for file in files if Path(file).is_file()]
    if not found:
        raise DataNotFoundError(
            "there are no such files.",
            where=f"{where}, argument `files`",
            got=str(files),
            do='pass "folder/*.tfrecord", for example.',
        )
    check_size(batch_size, where)
    check_size(buffer, where, "buffer", "a buffer holds at least one record.")
    try:
        tf.data.Dataset.from_tensors(tf.constant("")).map(parse)
    except Exception as error:  # whatever the user's code raises
        raise DataError(
            "records cannot be parsed.",
            where=f"{where}, argument `parse`",
            got=summary(error),
            do="write it as a function for tf.data: from a string scalar to tensors, with TensorFlow operations.",
        ) from error
    return RecordBatches(found, parse, batch_size, buffer, compression, prepare, f"records {Path(found[0]).parent.name}")
