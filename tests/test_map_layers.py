"""The map part: counts, areas, where to look closely."""

from __future__ import annotations

import pathlib

import map_files
import numpy as np
import pytest
import report_artefacts

from builder import errors
from builder.points import frame as frames
from refine.mapping import mapping
from refine.mapping.reclassify import Provenance
from refine.report import map_layers


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> map_layers.Files:
    """A refined map of 140 x 120 pixels with 1,600 changed."""
    base, refined = report_artefacts.write_map(tmp_path_factory.mktemp("map"))
    return map_layers.Files(refined, base)


def test_pixels_are_counted_by_reason_and_class(files: map_layers.Files) -> None:
    counts = map_layers.count(files)
    assert counts.provenance[Provenance.CHANGED] == 1600
    assert counts.after[60] - counts.before[60] == 1600
    assert counts.confidence[90] == 1600
    assert counts.confidence[40] == 10 * 120
    assert counts.seen == (5, 140, 0, 120)  # the first five rows are outside the region


def test_blocks_do_not_change_the_counts(files: map_layers.Files, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = map_layers.count(files)
    monkeypatch.setattr(map_layers, "BLOCK_PX", 33)
    for a, b in zip(vars(whole).values(), vars(map_layers.count(files)).values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_close_look_holds_what_changed(files: map_layers.Files) -> None:
    row0, row1, col0, col1 = map_layers.closest_look(map_layers.count(files)) or (0, 0, 0, 0)
    assert (row1 - row0, col1 - col0) == (map_layers.CLOSE_PX, map_layers.CLOSE_PX)
    assert row0 <= 90
    assert row1 >= 130
    assert col0 <= 60
    assert col1 >= 100


def test_areas_are_those_of_the_ellipsoid(files: map_layers.Files) -> None:
    part, _ = map_layers.read(files, None)
    water = next(row for row in part.classes if row.title == "Water bodies")
    assert water.before_ha == 0.0
    assert water.after_ha == pytest.approx(144.0, rel=2e-3)  # UTM stretches by up to 0.1 % in length


def test_imagery_is_shown_where_the_frame_has_some(files: map_layers.Files, tmp_path: pathlib.Path) -> None:
    frame = frames.Frame.open(report_artefacts.write_frame(tmp_path / "frame"))
    part, seen = map_layers.read(files, frame)
    assert "imagery" in [layer.name for layer in part.whole.layers]
    assert [a.attribution for a in seen] == ["Survey <of> Nowhere"]


def test_a_base_on_another_grid_is_refused(files: map_layers.Files, tmp_path: pathlib.Path) -> None:
    other = map_files.geotiff(tmp_path / "other.tif", np.ones((5, 5), np.uint8), crs="EPSG:32649", pixel=30)
    with pytest.raises(errors.InputError, match="expected the grid of"):
        map_layers.check(map_layers.Files(files.refined, other))


def test_a_map_without_its_companions_is_refused(tmp_path: pathlib.Path) -> None:
    alone = map_files.geotiff(tmp_path / "alone.tif", np.ones((5, 5), np.uint8), crs="EPSG:32649", pixel=30)
    with pytest.raises(errors.InputError, match="with its companions"):
        map_layers.check(map_layers.Files(alone, None))
    assert mapping.beside(alone, "provenance").name == "alone_provenance.tif"


@pytest.mark.parametrize(
    ("shape", "longest", "grow", "expected"),
    [((100, 50), 200, False, (100, 50)), ((100, 50), 200, True, (200, 100)), ((1000, 500), 200, False, (200, 100))],
)
def test_pictures_are_scaled_by_their_longer_side(shape, longest, grow, expected) -> None:
    assert map_layers.scaled(shape, longest, may_grow=grow) == expected
