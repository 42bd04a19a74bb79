"""Charts: what they draw and what they say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from builder.legend import legend
from refine.report import charts, parts, swipe


def _change(before: str, after: str, hectares: float) -> parts.Change:
    return parts.Change(_named(before, "#111111"), _named(after, "#222222"), round(hectares / 0.09), hectares)


def _named(title: str, colour: str) -> legend.LandCoverClass:
    return legend.LandCoverClass(0, 1, title.lower(), title, "", colour)


def test_ribbons_are_as_wide_as_the_area_that_changed() -> None:
    drawn = charts.flow([_change("Forest", "Water", 30.0), _change("Forest", "Crops", 10.0)])
    tops = [(float(m[0]), float(m[1])) for m in re.findall(r'd="M[\d.]+ ([\d.]+)C.*?V([\d.]+)C', drawn)]
    ends = [float(m) for m in re.findall(r"C[\d.]+ [\d.]+ [\d.]+ ([\d.]+) [\d.]+ [\d.]+V", drawn)]
    widths = [bottom - end for (_, bottom), end in zip(tops, ends, strict=True)]
    assert widths[0] / widths[1] == pytest.approx(3.0, rel=0.01)
    assert "40 hectares changed; most from Forest to Water, 30 hectares." in drawn


def test_the_histogram_counts_every_classified_pixel() -> None:
    counts = np.zeros(101, np.int64)
    counts[[40, 97, 100]] = 5, 6, 7
    drawn = charts.confidence(counts, 0.5)
    assert "Classified pixels by probability. 18 classified pixels; 72 % at 90 % or more." in drawn
    assert "95-100 %: 13 pixels" in drawn
    assert "a change needs 50 %" in drawn


def test_labels_of_small_changes_do_not_overlap() -> None:
    """One change of almost everything, and many of next to nothing: ten classes on either side."""
    small = [_change(f"a{i}", f"b{i}", 0.001) for i in range(9)]
    drawn = charts.flow([_change("Forest", "Water", 1000.0), *small])
    for anchor in ("end", "start"):
        heights = sorted(float(y) for y in re.findall(rf'<text x="[\d.]+" y="([\d.]+)" class="{anchor}"', drawn))
        assert len(heights) == 10
        assert np.diff(heights).min() >= 15.0  # labels are 13 px high
        assert heights[-1] <= charts.FLOW_PX[1]


@pytest.mark.parametrize(("metres", "expected"), [(1300.0, 1000.0), (999.0, 500.0), (210.0, 200.0), (1.5, 1.0)])
def test_scale_bars_have_round_lengths(metres: float, expected: float) -> None:
    assert swipe.round_length(metres) == expected
