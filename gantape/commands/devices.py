"""Flags for the devices and machines that train together; parsed first, since TensorFlow has to be configured before use."""

import functools
import os
from pathlib import Path
from typing import Annotated, Any

import attrs
import tensorflow as tf
import tyro
from loguru import logger

from gantape.distribute.workers import Workers, join
from gantape.errors import HyperparameterError


@attrs.frozen
class Devices:
    """Where to train.

    Args:
        replicas: Devices of this machine that train together, each on its part of a batch: GPUs if there are enough, else
            virtual CPU devices, which are no faster and serve as a test.
        workers: host:port of every machine, separated by commas, the same list everywhere; the first is the chief, the only one
            that writes. All need the same shared --run-dir. Restart a failed worker with the same command: all resume from
            the newest checkpoint. The environment variable TF_CONFIG does the same.
        worker_index: The index of this worker in the list, from 0.
    """

    replicas: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    workers: str = ""
    worker_index: int = 0

    @property
    def several_workers(self) -> bool:
        """Whether other processes take part."""
        return bool(self.workers or os.environ.get("TF_CONFIG"))

    def check(self, run_dir: Path | None) -> None:
        """Check that the flags can be combined.

        Raises:
            HyperparameterError: If they cannot.
        """
        if self.several_workers and self.replicas is not None:
            raise HyperparameterError(
                "a worker takes all GPUs that it sees.",
                where="--replicas and --workers",
                got=f"--replicas {self.replicas}",
                do="leave --replicas out; CUDA_VISIBLE_DEVICES says which GPUs a worker sees.",
            )
        if self.several_workers and run_dir is None:
            raise HyperparameterError(
                "workers share the directory of the run.",
                where="--workers",
                got="no --run-dir and no --resume",
                do="name a directory that all workers can read, such as --run-dir /shared/runs/digits.",
            )
        if self.replicas is not None and self.replicas < 1:
            raise HyperparameterError(
                "a number of replicas is at least one.", where="--replicas", got=str(self.replicas), do="give 1 or more."
            )

    @property
    def chief(self) -> bool:
        """Whether this process writes."""
        return Workers(self.strategy()).chief

    @functools.cache  # noqa: B019  flags are values, and the same flags are the same strategy
    def strategy(self) -> Any:
        """The strategy; `None` for one device. The first call makes it and must precede any use of TensorFlow."""
        if self.several_workers:
            return join([address.strip() for address in self.workers.split(",") if address.strip()], self.worker_index)
        if self.replicas is None:
            return None
        if len(tf.config.list_physical_devices("GPU")) >= self.replicas:
            return tf.distribute.MirroredStrategy([f"GPU:{place}" for place in range(self.replicas)])
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * self.replicas)
        logger.info("there are no {} GPUs: training on virtual devices of the CPU", self.replicas)
        return tf.distribute.MirroredStrategy([f"CPU:{place}" for place in range(self.replicas)])
