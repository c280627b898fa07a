"""Ratios of speeds, and their targets."""

import fnmatch
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from benchmarks.contenders import MODES
from benchmarks.measurements import Findings, Result

GROUPS = {"guide": "guide", "fit at its best": "fit-*", "JAX scan": "jax-scan", "PyTorch at its best": "torch-*"}
"""The reference: the fastest of the contenders whose names match."""

AGAINST_OTHERS: Mapping[str, Mapping[str, float]] = {
    "mlp": {"guide": 6.0, "fit at its best": 2.0, "JAX scan": 1.0, "PyTorch at its best": 2.5},
    "dcgan": {"guide": 2.5, "PyTorch at its best": 1.3},
    **{name: dict.fromkeys(GROUPS, 1.0) for name in ("conv-classifier", "wgan-gp", "ring")},
}
BY_HAND = 0.98
AUTO = 0.9


@attrs.frozen
class Ratio:
    """The ratio of two speeds that were measured in turn.

    Args:
        workload: The workload.
        subject: The contender.
        against: The reference.
        median: The median ratio of the repetitions.
        lowest: The lowest ratio.
        highest: The highest ratio.
        target: The minimum for the median, if any.
    """

    workload: str
    subject: str
    against: str
    median: float
    lowest: float
    highest: float
    target: float | None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; `None` without one."""
        return None if self.target is None else self.median >= self.target


def ratios(findings: Mapping[str, Findings]) -> list[Ratio]:
    """Every ratio that the measurements allow."""
    return [ratio for workload, found in findings.items() for ratio in _of_workload(workload, found)]


def _of_workload(workload: str, found: Findings) -> list[Ratio]:
    rows: list[Ratio] = []
    ours = _fastest(found.contenders, "gantape-*")
    for group, pattern in GROUPS.items():
        theirs = _fastest(found.contenders, pattern)
        if ours and theirs:
            speeds = [found.contenders[name].steps_per_second for name in (ours, theirs)]
            against = theirs if pattern == theirs else f"{group}, {theirs}"
            rows.append(_ratio(workload, (ours, against), speeds[0], speeds[1], AGAINST_OTHERS.get(workload, {}).get(group)))
    shared = (_fastest(found.contenders, "shared-*") or "shared", "guide")
    by_hand = [((f"gantape-{mode}", f"hand-{mode}"), BY_HAND) for mode in MODES]
    for pair, target in [(shared, None), *by_hand]:
        results = [found.contenders.get(name, Result()) for name in pair]
        if all(result.steps_per_second for result in results):
            rows.append(_ratio(workload, pair, results[0].steps_per_second, results[1].steps_per_second, target))
    named = {mode: seconds for mode, seconds in found.whole_runs.items() if mode != "auto"}
    if named:
        best = min(named, key=lambda mode: float(np.median(named[mode])))
        names = (f"gantape-auto, run of {found.whole_run_steps} steps", f"the same in {best}")
        rows.append(_ratio(workload, names, named[best], found.whole_runs["auto"], AUTO))
    return rows


def _fastest(contenders: Mapping[str, Result], pattern: str) -> str | None:
    able = [name for name, result in contenders.items() if result.steps_per_second and fnmatch.fnmatchcase(name, pattern)]
    return max(able, key=lambda name: contenders[name].median, default=None)


def _ratio(workload: str, names: tuple[str, str], over: Sequence[float], under: Sequence[float], target: float | None) -> Ratio:
    values = [one / other for one, other in zip(over, under, strict=False)]
    return Ratio(workload, *names, float(np.median(values)), min(values), max(values), target)
