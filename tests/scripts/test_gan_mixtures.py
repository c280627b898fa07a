"""GANs on mixtures of Gaussians: their figures for samples where these are known, their learning rates, their table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantape as gt
from benchmarks.gans import scoreboard
from benchmarks.gans.mixtures import OBJECTIVES, PROTOCOLS, MixtureGAN


def figures(mixture: Any, points: Any) -> dict[str, float]:
    return {result.name: result.value for result in PROTOCOLS[mixture].judge_points(points)}


@pytest.mark.parametrize(("mixture", "divergence"), [("ring", 0.0014), ("grid", 0.0049)])
def test_a_perfect_sampler_has_the_published_numbers(mixture: Any, divergence: float) -> None:
    protocol = PROTOCOLS[mixture]
    found = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        chosen = protocol.centres[generator.integers(0, len(protocol.centres), 2500)]
        found.append(figures(mixture, chosen + protocol.deviation * generator.normal(size=chosen.shape)))
    assert {result["modes"] for result in found} == {float(len(protocol.centres))}
    assert np.mean([result["good samples"] for result in found]) == pytest.approx(0.9889, abs=0.002)
    assert np.mean([result["reverse KL"] for result in found]) == pytest.approx(divergence, abs=0.0004)


def test_a_collapse_has_the_divergence_of_one_mode() -> None:
    centres = gt.data.ring_centres()
    collapsed = figures("ring", np.tile(centres[3], (1000, 1)))
    assert collapsed == {"modes": 1.0, "good samples": 1.0, "reverse KL": pytest.approx(np.log(8.0))}
    between = figures("ring", np.tile((centres[0] + 2.0 * centres[1]) / 3.0, (1000, 1)))
    assert between == {"modes": 0.0, "good samples": 0.0, "reverse KL": pytest.approx(np.log(8.0))}


def test_learning_rates_hold_for_half_of_the_steps_and_fall_to_zero() -> None:
    schedule: Any = MixtureGAN(hidden_units=2, learning_rate=0.5, steps=100).build_generator_optimizer()._learning_rate
    steps = np.array([0, 25, 49, 50, 75, 100])
    expected = 0.25 * (1.0 + np.cos(np.pi * np.maximum(steps - 50, 0) / 50))
    np.testing.assert_allclose([float(schedule(step)) for step in steps], expected, atol=1e-6)


def test_the_table_has_one_line_for_a_game(tmp_path: Path) -> None:
    def cell(row: str, seed: int, *values: float) -> dict[str, Any]:
        names = ("modes", "reverse KL", "good samples")
        entries = [
            {"name": name, "value": value, "count": 2500, "interval": [value, value], "baseline": baseline, "warning": ""}
            for name, value, baseline in zip(names, values, (8.0, 0.0014, 0.9888), strict=True)
        ]
        return {"row": row, "seed": seed, "minutes": 0.5, "measurements": entries}

    cells = [cell("ring-hinge", 0, 6.0, 0.1, 0.5), cell("ring-hinge", 1, 8.0, 0.3, 0.5), cell("grid-hinge", 0, 25.0, 0.0, 1.0)]
    lines = scoreboard.mixture_table(cells, "ring")
    assert lines[0] == "| ring | modes of 8 | good, % | reverse KL, nats | seeds | minutes |"
    assert lines[2] == "| hinge | 7.0 ± 1.0 | 50.0 ± 0.0 | 0.2000 ± 0.1000 | 2 | 0.5 |"
    assert lines[3] == "| *a perfect sampler* | 8 | 98.9 | 0.0014 | | |"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_step_of_every_objective_moves_both_networks(objective: str) -> None:
    task = MixtureGAN(objective=objective, hidden_units=4)
    networks = (task.generator, task.discriminator)
    before = [np.concatenate([np.ravel(weights) for weights in network.get_weights()]) for network in networks]
    gt.Loop(task, compiler=gt.StepCompiler("eager")).run(gt.data.ring(batch_size=8, examples=64), steps=1)
    for network, earlier in zip(networks, before, strict=True):
        after = np.concatenate([np.ravel(weights) for weights in network.get_weights()])
        assert np.isfinite(after).all()
        assert np.any(after != earlier)
