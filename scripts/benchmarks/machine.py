"""The machine and the installed versions."""

import contextlib
import importlib.metadata
import os
import platform
import socket
from pathlib import Path
from typing import Any


def machine_facts() -> dict[str, Any]:
    """The machine and the versions of the compared libraries."""
    packages = ("gantape", "tensorflow", "keras", "numpy", "torch", "jax", "jaxlib")
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def free_addresses(count: int) -> list[str]:
    """Addresses of this machine, `host:port`, with free ports."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
