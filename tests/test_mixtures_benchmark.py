"""The numbers of the benchmark on mixtures, on samples whose numbers are known, and its table."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import gantape as gt

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
from benchmark_mixtures import GAMES, PROTOCOLS, PointGAN, judge, play, table


@pytest.mark.parametrize(("mixture", "divergence"), [("ring", 0.0014), ("grid", 0.0049)])
def test_a_perfect_sampler_has_the_published_numbers(mixture: str, divergence: float) -> None:
    protocol = PROTOCOLS[mixture]
    found = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        chosen = protocol.centres[generator.integers(0, len(protocol.centres), 2500)]
        found.append(
            judge(chosen + protocol.deviation * generator.normal(size=chosen.shape), protocol.centres, protocol.deviation)
        )
    assert {result["modes"] for result in found} == {float(len(protocol.centres))}
    assert np.mean([result["good"] for result in found]) == pytest.approx(0.9889, abs=0.002)
    assert np.mean([result["reverse_kl"] for result in found]) == pytest.approx(divergence, abs=0.0004)


def test_a_collapse_has_the_divergence_of_one_mode() -> None:
    centres = gt.data.ring_centres()
    assert judge(np.tile(centres[3], (50, 1)), centres, 0.01) == {"modes": 1.0, "good": 1.0, "reverse_kl": np.log(8.0)}
    between = np.tile((centres[0] + 2.0 * centres[1]) / 3.0, (50, 1))
    assert judge(between, centres, 0.01)["modes"] == judge(between, centres, 0.01)["good"] == 0.0


def test_the_table_has_the_means_of_the_seeds_that_were_played(tmp_path: Path) -> None:
    for seed, modes in enumerate((6.0, 8.0)):
        result = {"modes": modes, "good": 0.5, "reverse_kl": 0.1, "seconds": 1.0}
        (tmp_path / f"ring-hinge-100-{seed}.json").write_text(json.dumps(result))
    assert table("ring", tmp_path, 3, 100).splitlines()[2:] == ["| hinge | 7.0 | 50.0% | 0.1000 | 2 |"]


def test_every_game_is_played() -> None:
    for game in GAMES:
        task = PointGAN(game=game, units=4)
        gt.Loop(task, compiler=gt.StepCompiler("eager")).run(gt.data.ring(batch_size=8, examples=64), steps=1)
    assert play("ring", "hinge", seed=0, steps=2, mode="graph")["seconds"] > 0.0
