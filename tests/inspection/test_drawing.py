"""Drawings hold every call and term, boxes do not overlap, and red arrows lead to what is moved."""

import itertools
import xml.etree.ElementTree as ElementTree

import pytest
from tiny import PointGan, make, points

import gantape as gt
from gantape.errors import HyperparameterError
from gantape.inspection.layout import BOX_HEIGHT, place

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def seen():
    return gt.inspect(make(PointGan, penalised=True), points())


def test_an_svg_is_whole_and_holds_calls_terms_and_ways_back(seen, tmp_path):
    root = ElementTree.parse(seen.save(tmp_path / "updates.svg")).getroot()
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts.count("discriminator") == 4
    assert texts.count("generator") == 2
    assert {"real", "fake", "gradient_penalty", "adversarial", "batch", "noise"} <= set(texts)
    back = [path for path in root.iter(f"{SVG}path") if path.get("class") == "back"]
    assert len(back) == 3 + 2 + 1  # three terms to three calls, a term through a call to a call, and the legend


def test_boxes_of_a_column_do_not_overlap(seen):
    for update in seen.updates:
        boxes = place(update).boxes.values()
        assert all(one.x != other.x or abs(one.y - other.y) >= BOX_HEIGHT for one, other in itertools.combinations(boxes, 2))


def test_a_page_has_drawing_text_and_layers(seen, tmp_path):
    page = seen.save(tmp_path / "updates.html").read_text()
    assert page.count("<svg") == 1
    assert "No findings." in page
    assert all(layer in page for layer in seen["generator"].layers["generator"])
    assert seen._repr_html_() in page


def test_names_are_escaped(tmp_path):
    class Named(PointGan):
        def build_penalties(self):
            class Odd(gt.losses.GradientPenalty):
                name = "<b>&"

            return (Odd(),)

    seen = gt.inspect(make(Named), points())
    ElementTree.fromstring(seen.save(tmp_path / "updates.svg").read_text())
    assert "&lt;b&gt;&amp;" in seen._repr_html_()


def test_another_ending_is_refused(seen, tmp_path):
    with pytest.raises(HyperparameterError, match=r"\.svg"):
        seen.save(tmp_path / "updates.png")
