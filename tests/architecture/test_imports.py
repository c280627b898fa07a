"""Folders stand in one order, and each imports only what stands above it; so do the modules inside a folder."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from package import MODULES, ROOT, imported_modules, imported_parts, name_of, part_of

CORE = [
    "types",
    "errors",
    "shapes",
    "_quiet_start",
    "_files",
    "_tensorflow",
    "state",
    "schedule",
    "history",
    "metrics",
    "distribute",
    "random",
    "data",
    "steps",
    "layers",
    "compiler",
    "augment",
    "losses",
    "conditioning",
    "tasks",
    "inspection",
    "certificate",
    "callbacks",
    "checkpoints",
    "loop",
    "ejection",
]
LEAVES = ["eject", "report", "trackers", "zoo", "evaluation", "search", "testing", "export", "commands", "__main__"]


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in MODULES} == {*CORE, *LEAVES}


def test_few_modules_lie_at_the_root() -> None:
    programs = ("__init__", "__main__", "eject")  # the last two are started, and imported by nothing
    assert len([path for path in ROOT.glob("*.py") if path.stem not in programs]) <= 10


@pytest.mark.parametrize(
    "path", [path for path in MODULES if part_of(path) in CORE], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_core_imports_only_what_stands_above(path: Path) -> None:
    above = CORE[: CORE.index(part_of(path)) + 1]
    assert imported_parts(path) <= set(above)


def test_the_package_imports_no_leaf() -> None:
    assert not imported_parts(ROOT / "__init__.py") & set(LEAVES)


def test_modules_import_one_another_in_no_circle() -> None:
    folders = {part_of(path) for path in MODULES if path.parent != ROOT}
    # A folder's `__init__` gathers names from its modules, for those of other folders.
    graph = {name_of(path): imported_modules(path) for path in MODULES if name_of(path) not in folders}
    for path in MODULES:
        if name_of(path) in graph:
            assert part_of(path) not in graph[name_of(path)], f"{path} imports its own folder"
    tuple(TopologicalSorter(graph).static_order())


def test_an_import_leaves_out_what_few_programs_need() -> None:
    """It is short: what a program does not use is not loaded."""
    parts = [f"gantape.{part}" for part in ("inspection", "certificate.trials", "ejection", "layers", *LEAVES)]
    libraries = ["jinja2", "matplotlib", "plotly", "scipy", "sklearn", "tensorboard", "tqdm", "typeguard", "tyro"]
    program = (
        "import sys, keras, tensorflow\n"
        "before = set(sys.modules)\n"
        "import gantape\n"
        f"print({{*{parts + libraries}}} & set(sys.modules) - before)\n"
        "print(gantape.layers.NoiseMaps.__name__, gantape.inspection.inspect is gantape.inspect)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "NoiseMaps True"]  # what is used is loaded then


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed in /proc")
def test_an_import_does_not_start_tensorflows_runtime() -> None:
    """Devices can be configured, and a process can be forked, after an import."""
    program = (
        "import gantape, gantape.zoo, gantape.report, gantape.evaluation, gantape.testing\n"
        "import pathlib\n"
        "names = [path.read_text().strip() for path in pathlib.Path('/proc/self/task').glob('*/comm')]\n"
        "print([name for name in names if name.startswith('tf_')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
