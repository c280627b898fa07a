"""The benchmarks compare like with like, and their arithmetic is right."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]

from benchmarks import benchmark_parts, keras_networks, workloads
from benchmarks.contenders import CONTENDERS, Order, takes_part
from benchmarks.measurements import Findings, Result
from benchmarks.targets import ratios


def networks(problem):
    if isinstance(problem, workloads.Classifier):
        return [problem.network]
    return [problem.generator, problem.discriminator] if isinstance(problem, workloads.GAN) else []


NETWORKS = [
    pytest.param(network, id=f"{name}-{index}")
    for name, workload in workloads.WORKLOADS.items()
    for index, network in enumerate(networks(workload.problem))
]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_description_is_the_network_that_keras_builds(network):
    built = keras_networks.network(network)
    assert [tuple(layer.output.shape[1:]) for layer in built.layers] == network.shapes()
    products = 0
    for layer in built.layers:
        kernels = [weight for weight in layer.weights if weight.name == "kernel"]
        places = 1
        if "Conv2D" in type(layer).__name__:
            places = np.prod((layer.input if "Transpose" in type(layer).__name__ else layer.output).shape[1:3])
        products += sum(int(np.prod(kernel.shape)) * int(places) for kernel in kernels)
    assert network.multiplications() == products


def test_the_guides_networks_are_the_zoos():
    """The workload's loops by hand and those of other frameworks train what gantape's task trains."""
    gan = workloads.WORKLOADS["dcgan"].problem
    counts = [keras_networks.network(network).count_params() for network in (gan.discriminator, gan.generator)]
    assert counts == [74_625, 1_339_905]
    task = keras_networks.task(workloads.WORKLOADS["dcgan"])
    assert [task.discriminator.count_params(), task.generator.count_params()] == counts


@given(st.integers(5, 60), st.integers(1, 5), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_an_order_shows_every_example_once_an_epoch(examples, batch_size, counts):
    order = Order(examples, batch_size)
    whole = examples // batch_size
    taken = np.concatenate([order.take(count) for count in counts])
    assert taken.shape == (sum(counts), batch_size)
    for start in range(0, len(taken) - whole + 1, whole):
        epoch = taken[start : start + whole].ravel()
        assert len(set(epoch)) == len(epoch)


def test_rates_of_parts_are_shares_of_the_first():
    rows = [
        {"part": "product", "mode": "graph", "flop": 4e9, "milliseconds": 20.0},
        {"part": "half as fast", "mode": "xla", "flop": 1e9, "milliseconds": 10.0},
        {"part": "no product", "mode": "xla", "flop": 0.0, "milliseconds": 1.0},
    ]
    shares = [line.split("|")[-3:-1] for line in benchmark_parts.table(rows).splitlines()[2:]]
    assert [[cell.strip() for cell in cells] for cells in shares] == [["200", "100%"], ["100", "50%"], ["", ""]]


speeds = st.lists(st.floats(1.0, 1e4), min_size=3, max_size=3)


@given(speeds, speeds)
def test_a_ratio_is_the_median_of_the_ratios_of_each_turn(ours, guides):
    found = Findings({"gantape-graph": Result(ours), "guide": Result(guides)})
    (row,) = ratios({"mlp": found})
    expected = np.array(ours) / np.array(guides)
    assert (row.median, row.lowest, row.highest) == pytest.approx((np.median(expected), expected.min(), expected.max()))
    assert row.target == 6.0
    assert row.is_met == (np.median(expected) >= 6.0)


def test_who_was_not_measured_has_no_ratio():
    found = Findings({"gantape-graph": Result([1.0]), "jax-scan": Result(note="jax is not installed")})
    assert ratios({"mlp": found}) == []


def test_every_contender_is_in_the_help_and_fits_a_workload():
    for name in CONTENDERS:
        assert any(takes_part(name, workload) for workload in workloads.WORKLOADS.values())


@pytest.mark.slow
def test_a_short_benchmark_leaves_its_table_and_record(tmp_path, monkeypatch, capsys):
    arguments = "--workloads ring empty --contenders guide hand-graph gantape-graph --seconds-per-measurement 0.05"
    arguments += f" --repetitions 2 --whole-run-steps 0 --memory-steps 0 --output {tmp_path}"
    monkeypatch.setattr(sys, "argv", ["benchmark_steps.py", *arguments.split()])
    runpy.run_path(str(ROOT / "scripts/benchmarks/benchmark_steps.py"), run_name="__main__")
    record = json.loads((tmp_path / "steps.json").read_text())
    assert set(record["workloads"]["ring"]["contenders"]) == {"guide", "hand-graph", "gantape-graph"}
    for contender in record["workloads"]["ring"]["contenders"].values():
        assert len(contender["steps_per_second"]) == 2
        assert min(contender["steps_per_second"]) > 0.0
    assert set(record["host_microseconds_per_step"]) == {"hand-graph", "gantape-graph"}
    assert {(row["subject"], row["against"]) for row in record["ratios"]} >= {("gantape-graph", "guide")}
    assert record["machine"]["versions"]["tensorflow"]
    assert "gantape-graph" in (tmp_path / "steps.txt").read_text()
    assert "gantape-graph" in capsys.readouterr().out
    assert (tmp_path / "ratios.png").stat().st_size > 0
