"""The benchmark of the time to a good picture: snapshots are saved when due, and its arithmetic is right."""

from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks import benchmark_time_to_quality as benchmark
from benchmarks.gans import snapshots


def run(contender: str, seed: int, *distances: float) -> dict[str, object]:
    curve = [(10.0 * (place + 1), distance, 0.9) for place, distance in enumerate(distances)]
    known = {"data": "mnist", "floor": 0.5, "judge": "judge a", "versions": {"gantape": "0.1.0"}}
    return {**known, "contender": contender, "seed": seed, "curve": curve}


def test_the_first_time_within_a_multiple_of_the_floor_counts() -> None:
    facts = run("default", 0, 6.0, 4.0, 2.6, 2.4)
    assert [benchmark.seconds_until(facts, times) for times in (20.0, 10.0, 5.0, 3.0)] == [10.0, 20.0, 40.0, float("inf")]


def test_the_table_has_medians_and_ranges() -> None:
    found = [run("default", seed, 4.0, distance) for seed, distance in enumerate([2.0, 0.6, 1.2])] + [run("fit", 0, 9.0, 8.0)]
    text = benchmark.table(found)
    times = "10 | 20 | 20 (20 to never) | never (20 to never) | never (20 to never)"
    assert f"| mnist | default | {times} | 2.40 × after 20 s | 90 % | 3 |" in text
    assert "| mnist | fit | never | never | never | never | never | 16.00 × after 20 s | 90 % | 1 |" in text


def test_snapshots_are_saved_when_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    clock = iter([101.0, 105.5, 106.0, 131.0])
    monkeypatch.setattr(snapshots.time, "time", lambda: next(clock))
    save = snapshots.Snapshots(tmp_path, 100.0, [5.0, 20.0, 30.0])
    assert [save(model) for _ in range(4)] == [False, False, False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00005.50.npz", "00031.00.npz"]
    with np.load(tmp_path / "00031.00.npz") as weights:
        np.testing.assert_array_equal(weights["arr_0"], model.get_weights()[0])


@pytest.mark.parametrize("contender", ["default", "guide", "fit"])
def test_generators_are_those_of_the_contenders(contender: str) -> None:
    trained = snapshots.generator_of(contender)  # type: ignore[arg-type]
    assert trained.output_shape[1:] == (28, 28, 1)
    last = trained.layers[-1].activation
    assert (snapshots.pixels_of(contender) == (0.0, 1.0)) == (last is keras.activations.sigmoid)  # type: ignore[arg-type]
