"""Several processes, on one machine or on many, that train one task together.

Every worker runs the same program on the same data, and takes its rows of each batch. Time, signals and decisions of callbacks
differ between workers: the chief broadcasts its own, in one small exchange after each call.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import tensorflow as tf
from loguru import logger

from gantape.errors import HyperparameterError, ScheduleError, WorkerLostError

SECONDS_BETWEEN_MESSAGES = 15.0

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
"""Errors that TensorFlow 2.21 raises in an exchange when another process has ended."""


class Workers:
    """The workers of a strategy; for every strategy but `MultiWorkerMirroredStrategy`, one worker, which is the chief.

    Args:
        strategy: The strategy, or `None`.
    """

    def __init__(self, strategy: Any = None) -> None:
        resolver: Any = getattr(strategy, "cluster_resolver", None)
        cluster = resolver.cluster_spec().as_dict() if resolver is not None else {}
        self.addresses = (*cluster.get("chief", []), *cluster.get("worker", []))
        self.several = len(self.addresses) > 1
        self.chief = not self.several or (resolver.task_type, resolver.task_id) in (("chief", 0), self._first(cluster))
        self._strategy = strategy
        self._alone = False
        self._exchange = tf.function(self._sums, autograph=False)

    def broadcast(self, numbers: Sequence[float], flags: Sequence[bool] = ()) -> tuple[list[float], list[bool]]:
        """Broadcast the chief's numbers, and combine flags. Every worker has to call it, with as many numbers and flags.

        Args:
            numbers: All workers get those of the chief.
            flags: Each is set if any worker has set it.
        """
        if not self.several:
            return list(numbers), list(flags)
        sums = self._exchange(tf.constant(numbers, tf.float64), tf.constant(list(flags), tf.float64)).numpy().tolist()
        return sums[: len(numbers)], [raised > 0.0 for raised in sums[len(numbers) :]]

    def runs_everywhere(self, action: Any) -> bool:
        """Whether every worker runs an action: those that record rows, since all workers read metrics together."""
        return not self.several or bool(getattr(action, "on_every_worker", False))

    def runs_here(self, action: Any) -> bool:
        """Whether this worker runs an action."""
        return self.chief or self.runs_everywhere(action)

    def chief_only(self, running: bool) -> None:
        """Note whether the code that runs next is the chief's alone."""
        self._alone = running

    def check_together(self, what: str) -> None:
        """Raise a `ScheduleError` if code that needs all workers is called in an action that only the chief runs.

        Args:
            what: The code, as the subject of the error.

        Raises:
            ScheduleError: If so.
        """
        if self.several and self._alone:
            raise ScheduleError(
                f"{what} needs all workers, and actions are the chief's alone.",
                where="a callback",
                got=f"{len(self.addresses)} workers",
                do="give validation= to Loop.run, and read its rows in progress.history.",
            )

    def lost(self, error: BaseException) -> WorkerLostError | None:
        """The error to raise instead of one that another worker's end has caused; `None` for any other error."""
        cause: BaseException | None = error
        while self.several and cause is not None:
            if isinstance(cause, _LOST):
                return _lost(cause, f"one of the workers {', '.join(self.addresses)}")
            cause = cause.__cause__ or cause.__context__
        return None

    @staticmethod
    def _first(cluster: Any) -> tuple[str, int]:
        return ("worker", -1) if cluster.get("chief") else ("worker", 0)

    def _sums(self, numbers: Any, flags: Any) -> Any:
        def of_replica() -> Any:
            # The chief's first replica is the first of all.
            first = tf.cast(tf.equal(tf.distribute.get_replica_context().replica_id_in_sync_group, 0), tf.float64)
            return tf.concat([numbers * first, flags], 0)

        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, self._strategy.run(of_replica), axis=None)


def _lost(error: Any, where: str) -> WorkerLostError:
    lines = [line.strip() for line in (error.message or "").splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Graph execution error", "Detected at", "File"))]
    return WorkerLostError(
        "another worker has ended, or cannot be reached any more.",
        where=where,
        got=f"{type(error).__name__}: {telling[0][:200] if telling else 'no message'}",
        do="start all workers again with the same command: the run goes on from its newest checkpoint.",
    )


def join(addresses: Sequence[str] = (), index: int = 0) -> Any:
    """Join the other workers, and wait until all have joined. Call it before any other function of TensorFlow.

    Args:
        addresses: `host:port` of every worker, in the same order everywhere; the first is the chief. By default, those of the
            environment variable TF_CONFIG.
        index: The index of this process among them.

    Returns:
        The strategy: make the task in its scope, and pass it to `gantape.StepCompiler`.

    Raises:
        HyperparameterError: If the addresses or the index are invalid.
        WorkerLostError: If another worker ends before all have joined.
    """
    if addresses:
        wrong = [address for address in addresses if not address.rpartition(":")[0] or not address.rpartition(":")[2].isdigit()]
        if wrong or len(set(addresses)) < len(addresses) or index not in range(len(addresses)):
            raise HyperparameterError(
                "workers have an address each, and this one a place among them.",
                where="gantape.distribute.join",
                got=f"addresses {', '.join(addresses)}, index {index}",
                do='give "host:port" for each, no two alike, and an index from 0.',
            )
        cluster = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": index}}
        os.environ["TF_CONFIG"] = json.dumps(cluster)
    elif not os.environ.get("TF_CONFIG"):
        raise HyperparameterError(
            "it is not known who the workers are.",
            where="gantape.distribute.join",
            got="neither addresses nor the environment variable TF_CONFIG",
            do='name them: join(["host-a:2222", "host-b:2222"], index).',
        )
    config = json.loads(os.environ["TF_CONFIG"])
    others = f"{config.get('cluster')}; this is {config.get('task')}"
    logger.info("waiting for all workers of {}", others)
    joined = threading.Event()
    threading.Thread(target=_log_while_waiting, args=(joined, others), daemon=True).start()
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except _LOST as error:
        raise _lost(error, f"the workers of {others}") from None
    finally:
        joined.set()
    logger.info("all workers have joined")
    return strategy


def restart() -> NoReturn:
    """Replace this process by a new one with the same command: when a worker is lost, all of them restart."""
    logger.warning("restarting; training resumes from the newest checkpoint when all workers have joined again")
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(1.0)  # not too often, in case the error is permanent
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _log_while_waiting(joined: threading.Event, others: str) -> None:
    while not joined.wait(SECONDS_BETWEEN_MESSAGES):
        logger.info("still waiting for all workers of {}", others)
