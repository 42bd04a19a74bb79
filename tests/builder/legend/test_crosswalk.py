"""Crosswalks: what the shipped ones say, exact recoding, and what a wrong CSV gets."""

from __future__ import annotations

import csv
import os
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import errors
from builder.legend import crosswalk, legend

SEVEN = legend.seven()
HEADER = "code,name,strict,dominant,origin,note\n"
PUBLISHED = {  # our file -> the product in the fact sheet's table
    "globeland30": "GlobeLand30",
    "mcd12q1": "MCD12Q1 C6/6.1 LC_Type1",
    "mcd12q1_c5": "MCD12Q1 C5/5.1 Land_Cover_Type_1",
    "glcnmo": "GLCNMO v1/v2/v3",
    "cci_lc": "ESA CCI-LC v2.0.7",
    "globcover": "GlobCover 2009 v2.3",
}
TARGETS = {"excluded": legend.OUTSIDE, "nodata": legend.NODATA} | {c.name: c.code for c in SEVEN.classes}


def _code(name: str) -> int:
    return SEVEN.by_name(name).code


def _csv(tmp_path: pathlib.Path, body: str) -> pathlib.Path:
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + body, encoding="utf-8")
    return path


def _published(shared_data: pathlib.Path, product: str) -> dict[int, tuple[str, int, int]]:
    with (shared_data.parent / "domain" / "crosswalk.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["product"] == product and row["code"].isdecimal()]
    return {
        int(row["code"]): (row["official_name"], TARGETS[row["target_strict"]], TARGETS[row["target_dominant_cover"]])
        for row in rows
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_crosswalks_of_the_five_equal_the_fact_sheet(name: str, shared_data: pathlib.Path) -> None:
    expected = _published(shared_data, PUBLISHED[name])
    if name == "mcd12q1_c5":
        c6 = _published(shared_data, PUBLISHED["mcd12q1"])
        expected |= {code: c6[code] for code in range(1, 17)}
    ours = crosswalk.shipped(name)
    assert {c: (ours.names[c], ours.strict[c], ours.dominant[c]) for c in ours.names} == expected


def test_water_is_0_in_modis_collection_5_and_17_in_collection_6() -> None:
    old, new = crosswalk.shipped("mcd12q1_c5"), crosswalk.shipped("mcd12q1")
    assert old.strict[0] == new.strict[17] == _code("water")
    assert 17 not in old.strict
    assert 0 not in new.strict


def test_woody_savanna_is_too_open_to_sample_but_counts_as_forest() -> None:
    modis = crosswalk.shipped("mcd12q1")
    assert modis.strict[8] == legend.OUTSIDE
    assert modis.dominant[8] == _code("forest")


def test_the_grid_codes_of_corine_are_its_classes_in_order() -> None:
    classes, indices = crosswalk.shipped("corine"), crosswalk.shipped("corine_grid")
    codes = sorted(classes.strict)[:44]
    assert (codes[0], codes[-1]) == (111, 523)
    assert [indices.names[i] for i in range(1, 45)] == [classes.names[c] for c in codes]
    assert [indices.strict[i] for i in range(1, 45)] == [classes.strict[c] for c in codes]
    assert [indices.dominant[i] for i in range(1, 45)] == [classes.dominant[c] for c in codes]


@pytest.mark.parametrize("name", crosswalk.shipped_names())
def test_every_shipped_crosswalk_says_where_its_targets_come_from(name: str) -> None:
    with crosswalk.shipped(name).path.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["origin"] for row in rows} <= {"facts", "derived"}
    assert [int(row["code"]) for row in rows] == sorted({int(row["code"]) for row in rows})
    assert ({row["origin"] for row in rows} == {"facts"}) == (name in PUBLISHED)


@pytest.mark.parametrize("name", crosswalk.shipped_names())
def test_every_shipped_crosswalk_reaches_all_classes_that_it_can(name: str) -> None:
    reached = set(crosswalk.shipped(name).strict.values())
    assert set(SEVEN.codes) <= reached


@given(st.lists(st.sampled_from(sorted(crosswalk.shipped("cci_lc").strict)), min_size=1, max_size=60), st.booleans())
def test_recoding_is_looking_up_every_code(codes: list[int], as_signed: bool) -> None:
    cci = crosswalk.shipped("cci_lc")
    array = np.array(codes, np.uint8).reshape(1, -1)
    recoded = crosswalk.recode(array.view(np.int8) if as_signed else array, cci, "dominant", source="a.nc")
    assert recoded.dtype == np.uint8
    assert recoded.shape == array.shape
    assert recoded.ravel().tolist() == [cci.dominant[c] for c in codes]


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_codes_of_sixteen_bits_are_recoded(dtype: type) -> None:
    codes = np.array([[111, 523, 999]], dtype)
    recoded = crosswalk.recode(codes, crosswalk.shipped("corine"), "strict", source="clc.tif")
    assert recoded.tolist() == [[_code("artificial"), _code("water"), legend.NODATA]]


def test_a_view_that_is_not_contiguous_is_recoded_in_place_order() -> None:
    codes = np.array([[10, 20, 30], [60, 80, 90]], np.uint8)
    recoded = crosswalk.recode(codes.T[::-1], crosswalk.shipped("globeland30"), "strict", source="a.tif")
    assert recoded.tolist() == [[30, 90], [20, 80], [10, 60]]


def test_nothing_to_recode_is_nothing() -> None:
    assert crosswalk.recode(np.zeros((0, 5), np.uint8), crosswalk.shipped("nlcd"), "strict", source="a").shape == (0, 5)


def test_unknown_codes_stop_with_product_file_codes_pixels_and_csv() -> None:
    codes = np.array([[10, 20, 33], [33, 34, 60]], np.uint8)
    modis = crosswalk.shipped("globeland30")
    with pytest.raises(errors.InputError) as caught:
        crosswalk.recode(codes, modis, "strict", source="n49_30_2010lc030.tif")
    text = str(caught.value)
    assert "globeland30: n49_30_2010lc030.tif" in text
    assert "code 33 (2 pixels), code 34 (1 pixels)" in text
    assert str(modis.path) in text


def test_a_nodata_code_is_added_or_changed() -> None:
    glcnmo = crosswalk.shipped("glcnmo").with_nodata(255).with_nodata(20)
    recoded = crosswalk.recode(np.array([255, 20, 19], np.uint8), glcnmo, "strict", source="a.tif")
    assert recoded.tolist() == [legend.NODATA, legend.NODATA, _code("snow_ice")]


def test_a_crosswalk_of_the_user_needs_four_columns(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("code,name,strict,dominant\n1,Wald,forest,forest\n2,Moor,outside,outside\n0,Nichts,nodata,nodata\n")
    mine = crosswalk.read(path, SEVEN)
    assert mine.product == "mine"
    assert mine.strict == {1: _code("forest"), 2: legend.OUTSIDE, 0: legend.NODATA}
    assert len(mine.sha256) == 64


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("1,Wald,forest,forest,,\n2,See,water,water,,\n1,Wald,forest,forest,,\n", r"line 4: code 1 is .* in line 2"),
        ("1,Wald,forrest,forest,,\n", r"line 2: expected strict .* received 'forrest'\. Did you mean forest\?"),
        ("1,Wald,forest,wald,,\n", r"line 2: expected dominant .* received 'wald'"),
        ("x,Wald,forest,forest,,\n", r"line 2: expected a class code .* received 'x'"),
        ("-1,Wald,forest,forest,,\n", r"line 2: expected a class code .* received '-1'"),
        ("70000,Wald,forest,forest,,\n", r"line 2: expected a class code of 0\.\.65535"),
        ("1,Wald,forest,water,,\n", r"line 2: expected strict to equal dominant"),
        ("1,Wald,outside,nodata,,\n", r"line 2: expected strict to equal dominant"),
        ("1,Wald, offen,forest,forest,,\n", r"line 2: expected as many values"),
        ("1,Wald\n", r"line 2: expected as many values"),
        ("1,Wald,forest,forest,guess,\n", r"line 2: expected origin facts or derived; received 'guess'"),
        ("", r"expected one line per class code"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: pathlib.Path, body: str, says: str) -> None:
    path = _csv(tmp_path, body)
    with pytest.raises(errors.InputError, match=says) as caught:
        crosswalk.read(path, SEVEN)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "code,name,strict\n1,a,forest\n", "code,name,strict,dominant,colour\n"])
def test_wrong_columns_are_named(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(errors.InputError, match=r"line 1: expected the columns code,name,strict,dominant"):
        crosswalk.read(path, SEVEN)


def test_a_file_that_is_no_csv_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(errors.InputError, match=re.escape(str(path))):
        crosswalk.read(path, SEVEN)
    with pytest.raises(errors.InputError, match=r"expected a crosswalk; found no such file\. Name a crosswalk"):
        crosswalk.read(tmp_path / "none.csv", SEVEN)


def test_a_crosswalk_in_latin_1_is_refused_as_no_utf_8(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("code,name,strict,dominant\n1,Wüste,bareland,bareland\n".encode("latin-1"))
    with pytest.raises(errors.InputError, match=r"mine\.csv: expected a crosswalk in UTF-8; .*saved as CSV in UTF-8"):
        crosswalk.read(path, SEVEN)


def test_a_crosswalk_or_legend_that_is_a_fifo_is_refused_and_not_waited_for(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "mine.csv")
    with pytest.raises(errors.InputError, match=r"expected a crosswalk; found something that is no regular file"):
        crosswalk.read(tmp_path / "mine.csv", SEVEN)
    with pytest.raises(errors.InputError, match=r"expected a legend; found something that is no regular file"):
        legend.read(tmp_path / "mine.csv")


def test_a_misspelt_crosswalk_gets_its_near_name() -> None:
    with pytest.raises(errors.InputError, match="Did you mean globcover"):
        crosswalk.shipped("globcovr")
