"""One of several processes that train together: a program, run by the tests.

    python tests/helpers/worker.py CONFIG.json INDEX

A worker that is lost makes the others start anew. With one address in the configuration, it is a single process.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

from loguru import logger

import gantape as gt
from gantape.distribute.workers import join, restart
from gantape.errors import WorkerLostError


def main(file: Path, index: int) -> None:
    """Train, and write down what became of it."""
    config = json.loads(file.read_text())
    # Before anything of TensorFlow is used.
    strategy = join(config["addresses"], index) if len(config["addresses"]) > 1 else None
    import keras
    from replicas import Averaged, SynchronizedBatchNorm, points, supervised, weights_of

    keras.config.set_floatx("float64")
    keras.utils.set_random_seed(index)  # the chief's weights are everyone's
    with strategy.scope() if strategy else contextlib.nullcontext():
        task = Averaged() if config["task"] == "gan" else SynchronizedBatchNorm()
    compiler = gt.StepCompiler(strategy=strategy, steps_per_call=config.get("steps_per_call"))
    run_dir, settings = Path(config["run_dir"]), gt.Checkpoints(every=gt.every(steps=config.get("save_every", 1000)))
    noted: list[int] = []

    def note(progress: gt.Progress) -> gt.Stop | None:
        noted.append(progress.step)
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])  # what the chief's action makes is its own
        with (run_dir / f"progress-{index}.txt").open("a") as lines:
            lines.write(f"{progress.step} {time.time()}\n")
        time.sleep(config.get("pause", 0.0))
        return gt.Stop("enough") if progress.step >= config.get("stop_at", 10**9) else None

    callbacks = [gt.Callback(note, gt.every(steps=2))]
    if (run_dir / "run.json").exists():
        loop = gt.Loop.resume(run_dir, task, compiler=compiler, callbacks=callbacks, checkpoints=settings)
    else:
        loop = gt.Loop(task, compiler=compiler, run_dir=run_dir, seed=3, callbacks=callbacks, checkpoints=settings)
    record = gt.every(steps=config["record"]) | gt.at_end()
    if config["task"] == "gan":
        data = points(batch_size=12)
        history = loop.run(data, steps=config["steps"] - loop.state.step, record=record)
        evaluated = {}
    else:
        data = supervised(batch_size=12)
        history = loop.run(data, validation=data, steps=config["steps"] - loop.state.step, record=record)
        evaluated = loop.evaluate(data)
    result = {
        "weights": {name: value.tolist() for name, value in weights_of(task).items()},
        "rows": [dict(row) for row in history],
        "evaluated": evaluated,
        "noted": noted,
        "stopped_by": history.stopped_by,
        "files": sorted(path.name for path in run_dir.iterdir()),
    }
    file.with_name(f"result-{index}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    logger.enable("gantape")
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]))
    except WorkerLostError as error:
        logger.error("{}", error)
        restart()
