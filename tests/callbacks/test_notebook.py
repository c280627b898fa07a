"""What a run shows in a notebook."""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_display import loop
from tiny import labelled

import gantape as gt
from gantape import report
from gantape.zoo import CGAN


class Kernel:
    """IPython as a kernel has it, which keeps what is displayed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.displayed: list[list[Any]] = []
        package, module = ModuleType("IPython"), ModuleType("IPython.display")
        vars(package)["get_ipython"] = lambda: SimpleNamespace(kernel=self)
        vars(module)["display"] = self.display
        patch.setitem(sys.modules, "IPython", package)
        patch.setitem(sys.modules, "IPython.display", module)

    def display(self, shown: Any, display_id: bool) -> Any:
        assert display_id
        self.displayed.append([shown])
        return SimpleNamespace(update=self.displayed[-1].append)


def test_in_a_notebook_one_output_is_updated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = Kernel(monkeypatch)
    loop().run(labelled(), steps=20)
    (shown,) = kernel.displayed
    assert "preparing the first step" in repr(shown[0])
    assert re.match(r"100%  done in .*  step 20  .*  loss .*  accuracy", repr(shown[-1]))
    assert '<progress max="1" value="1.0000">' in shown[-1]._repr_html_()
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook_samples_are_replaced_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    task = CGAN(width=2, latent_size=4)
    data = gt.data.digits(batch_size=4, pixels=task.pixels)
    samples = report.show_samples(when=gt.at_start() | gt.every(steps=1), count=10)
    eager = gt.StepCompiler("eager")
    gt.Loop(task, compiler=eager, callbacks=[samples], progress=False).run(data, steps=1)  # not in a notebook
    kernel = Kernel(monkeypatch)
    loop = gt.Loop(task, compiler=eager, callbacks=[samples], progress=False)
    loop.run(data, steps=1)
    loop.run(data, steps=1)
    first, second = kernel.displayed
    assert (len(first), len(second)) == (2, 2)  # of each call of the loop, at its start and after its step
    drawn = report.SampleGrids(Path("unused"), count=10).draw(task)
    np.testing.assert_array_equal(np.asarray(second[-1])[::2, ::2], drawn[..., 0])
    assert second[-1]._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_real_notebook_holds_one_output() -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    cells = [
        "import gantape as gt\nfrom gantape.zoo import DigitClassifier\ndata = gt.data.digits(batch_size=32)",
        "gt.Loop(DigitClassifier(hidden_units=4)).run(data, steps=2000);",
        "from gantape import report\nfrom gantape.zoo import CGAN\nfaked = gt.data.digits(batch_size=4, pixels=(-1.0, 1.0))\n"
        "shown = report.show_samples(when=gt.every(steps=1))\n"
        "gt.Loop(CGAN(width=2), callbacks=[shown], progress=False).run(faked, steps=3);",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    (shown,) = notebook.cells[1].outputs
    assert shown.output_type == "display_data"
    assert "step 2,000" in shown.data["text/html"]
    (picture,) = notebook.cells[2].outputs
    assert picture.output_type == "display_data"
    assert "image/png" in picture.data
