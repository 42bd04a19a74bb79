"""How everything was made, as tables of facts."""

from __future__ import annotations

import pathlib

import pytest
import report_artefacts

from builder import errors
from builder.frame import frame as frames
from refine.report import origin_facts


@pytest.fixture
def frame(tmp_path: pathlib.Path) -> frames.Frame:
    return frames.Frame.open(report_artefacts.write_frame(tmp_path / "frame"))


def test_the_design_and_the_products_are_listed(frame: frames.Frame) -> None:
    design, products = origin_facts.of_frame(frame)
    assert ("products that must agree", "1") in design.rows
    assert products.rows == (("GlobeLand30", "2010", "1", "ask", "Chen 2015", f"n49_30.tif {'cd' * 8}…"),)


@pytest.mark.parametrize("key", ["design", "design_sha256", "created_by"])
def test_points_without_a_fact_are_refused_by_its_name(frame: frames.Frame, key: str) -> None:
    known = frame.metadata
    for metadata in ({**known, key: []}, {name: value for name, value in known.items() if name != key}):
        vars(frame)["metadata"] = metadata
        with pytest.raises(errors.InputError, match=rf"points\.parquet: expected .*{key}"):
            origin_facts.of_frame(frame)


@pytest.mark.parametrize("product", [{}, "GlobeLand30", {"title": "GlobeLand30", "files": 1}])
def test_a_product_that_is_not_described_is_refused(frame: frames.Frame, product: object) -> None:
    vars(frame)["metadata"] = frame.metadata | {"products": [product]}
    with pytest.raises(errors.InputError, match=r"points\.parquet: "):
        origin_facts.of_frame(frame)


def test_a_loss_is_shown_with_its_number() -> None:
    assert origin_facts._loss({"kind": "generalized", "smoothing": 0.1, "q": 0.7}) == "generalized, q 0.7"
    assert origin_facts._loss({"kind": "cross-entropy", "smoothing": 0.1, "q": 0.7}) == "cross-entropy"
    assert origin_facts._loss("unknown") == "unknown"
