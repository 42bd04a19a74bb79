"""The legend: public order, codes, colours, and what a wrong file gets."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from builder import errors
from builder.legend import legend

SEVEN = legend.seven()


def test_names_order_and_codes_are_public_and_fixed() -> None:
    assert SEVEN.names == ("artificial", "bareland", "cultivated", "forest", "grass_shrub", "snow_ice", "water")
    assert SEVEN.codes == (80, 90, 10, 20, 30, 100, 60)
    assert [c.index for c in SEVEN.classes] == list(range(7))


def test_a_class_is_found_by_name_and_by_code() -> None:
    assert SEVEN.by_name("water").code == 60
    assert SEVEN.by_code(60).name == "water"
    with pytest.raises(errors.InputError, match="expected one of the classes artificial"):
        SEVEN.by_name("wetland")
    with pytest.raises(errors.InputError, match="received 50"):
        SEVEN.by_code(50)


def test_the_index_table_inverts_the_codes() -> None:
    table = SEVEN.index_of_code()
    assert table[list(SEVEN.codes)].tolist() == list(range(7))
    assert np.count_nonzero(table >= 0) == 7
    assert table[[legend.NODATA, legend.OUTSIDE]].tolist() == [-1, -1]


def test_colours_differ_and_are_bytes() -> None:
    colours = {c.rgb for c in SEVEN.classes}
    assert len(colours) == 7
    assert SEVEN.by_name("water").rgb == (0x2C, 0x7F, 0xB8)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "water"', 'name = "forest"', "same name"),
        ("code = 60", "code = 80", "same code"),
        ("code = 60", "code = 255", "must be 1..254"),
    ],
)
def test_a_wrong_legend_is_refused(tmp_path: pathlib.Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "legend.toml"
    path.write_text(legend.LEGEND_FILE.read_text().replace(old, new))
    with pytest.raises(errors.InputError, match=says):
        legend.read(path)
