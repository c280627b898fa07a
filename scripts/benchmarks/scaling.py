"""The expected speed-up of more devices, computed from measured compute, message sizes and stated assumptions.

A step of N devices takes T(N) = c B/N + u·t(S): compute for the examples of one device, and u exchanges of the gradients of S
bytes, of which none overlaps with compute (TensorFlow may do better). A ring all-reduce among N devices sends 2 (N-1)/N · S
bytes over each link, in 2 (N-1) messages: t(S) = 2 (N-1) (latency + S / (N · bandwidth)).

References:
    Patarasuk and Yuan 2009, Bandwidth optimal all-reduce algorithms for clusters of workstations, section 3 (the ring).
    Thakur, Rabenseifner and Gropp 2005, Optimization of collective communication operations in MPICH (latency + size over
    bandwidth).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs


@attrs.frozen
class Link:
    """A connection between devices.

    Args:
        name: The name.
        bytes_per_second: Bandwidth in one direction.
        latency_seconds: Latency of a message.
    """

    name: str
    bytes_per_second: float
    latency_seconds: float


LINKS = {
    "in one machine": Link("NVLink or PCIe 4.0 x16, the slower of both: 25 GB/s, 10 µs", 25e9, 10e-6),
    "between machines": Link("Ethernet of 25 Gbit/s, of which 80 % arrive: 2.5 GB/s, 50 µs", 2.5e9, 50e-6),
}
SPEED_OF_A_GPU = 20.0
"""The assumed speed relative to the measured CPU. A faster device makes exchanges weigh more."""


@attrs.frozen
class Cluster:
    """Several machines with several devices each."""

    machines: int
    devices_each: int

    @property
    def devices(self) -> int:
        """The total number of devices."""
        return self.machines * self.devices_each


CLUSTERS = (Cluster(1, 1), Cluster(1, 2), Cluster(1, 4), Cluster(1, 8), Cluster(2, 8), Cluster(4, 8))


def ring_seconds(size: float, count: int, link: Link) -> float:
    """Seconds of a ring all-reduce of `size` bytes among `count` members."""
    return 0.0 if count < 2 else 2 * (count - 1) * (link.latency_seconds + size / (count * link.bytes_per_second))


def exchange_seconds(size: float, cluster: Cluster, links: Mapping[str, Link] = LINKS) -> float:
    """Seconds of an all-reduce: a ring in each machine, then a ring of the machines."""
    inside = ring_seconds(size, cluster.devices_each, links["in one machine"])
    return inside + ring_seconds(size, cluster.machines, links["between machines"])


def simulate(seconds_per_step: float, exchanges: Sequence[float], speed: float = SPEED_OF_A_GPU) -> list[dict[str, Any]]:
    """Steps per second on each cluster, with a fixed global batch (strong scaling) and a fixed batch per device (weak).

    Args:
        seconds_per_step: Measured seconds per step of one device on the whole batch.
        exchanges: Bytes of each exchange of a step.
        speed: Speed of the simulated devices relative to the measured one.
    """
    rows = []
    compute = seconds_per_step / speed
    for cluster in CLUSTERS:
        talk = sum(exchange_seconds(size, cluster) for size in exchanges)
        strong, weak = compute / cluster.devices + talk, compute + talk
        rows.append(
            {
                "machines": cluster.machines,
                "devices": cluster.devices,
                "exchange_ms": 1e3 * talk,
                "strong_speedup": compute / strong,
                "weak_speedup": cluster.devices * compute / weak,
                "device_seconds_per_step_of_one_device_batch": weak,
            }
        )
    return rows
