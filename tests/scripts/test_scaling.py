"""The sheet of what more devices would bring is arithmetic, and is held to what is known of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling import CLUSTERS, LINKS, Cluster, Link, exchange_seconds, ring_seconds, simulate

sizes = st.floats(0.0, 1e9)
counts = st.integers(2, 64)


def ring_by_hand(size: float, count: int, link: Link) -> float:
    """Every member sends a chunk to its neighbour, N - 1 times to add up and N - 1 times to hand round."""
    seconds, chunk = 0.0, size / count
    for _ in range(2):
        for _ in range(count - 1):
            seconds += link.latency_seconds + chunk / link.bytes_per_second
    return seconds


@given(size=sizes, count=counts)
def test_a_ring_is_its_messages_one_after_the_other(size: float, count: int) -> None:
    for link in LINKS.values():
        assert ring_seconds(size, count, link) == pytest.approx(ring_by_hand(size, count, link))


@given(size=sizes, count=counts)
def test_a_ring_sends_less_than_twice_the_size_over_a_link(size: float, count: int) -> None:
    link = Link("without latency", 1.0, 0.0)
    assert size <= ring_seconds(size, count, link) * (1 + 1e-12)
    assert ring_seconds(size, count, link) <= 2 * size


@given(size=sizes)
def test_one_device_exchanges_nothing(size: float) -> None:
    assert exchange_seconds(size, Cluster(1, 1)) == 0.0


@given(seconds=st.floats(1e-4, 10.0), exchanges=st.lists(sizes, min_size=1, max_size=6))
def test_no_cluster_is_faster_than_its_devices(seconds: float, exchanges: list[float]) -> None:
    rows = simulate(seconds, exchanges)
    assert [row["devices"] for row in rows] == [cluster.devices for cluster in CLUSTERS]
    for row in rows:
        assert row["strong_speedup"] <= row["devices"] * (1 + 1e-12)
        assert row["strong_speedup"] <= row["weak_speedup"] * (1 + 1e-12) <= row["devices"] * (1 + 1e-9)
    assert rows[0]["strong_speedup"] == pytest.approx(1.0)
    free = simulate(seconds, [0.0] * len(exchanges), speed=1e-9)
    assert free[-1]["strong_speedup"] == pytest.approx(free[-1]["devices"], rel=1e-3)
