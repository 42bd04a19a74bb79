from __future__ import annotations

import datetime
import math
import os

import imagery_files
import pytest
from rasterio.transform import Affine

from builder import errors
from builder.imagery import folder, source

LON, LAT = imagery_files.CENTRE
HERE = [(LON - 1e-4, LAT - 1e-4, LON + 1e-4, LAT + 1e-4)]


def found(path, dates=folder.DATE_IN_TAG, **how):
    return folder.Folder("test", str(path), dates=dates, **how).find(HERE)[0]


def scene(path, **how):
    return imagery_files.write(path, imagery_files.texture(64, 64), pixel_m=2.0, **how)


def days(scenes):
    return [str(s.acquisition.acquired_from) for s in scenes]


def test_the_date_comes_from_the_tag(tmp_path):
    scene(tmp_path / "a.tif", tags={"TIFFTAG_DATETIME": "2010:07:03 11:22:33"})
    (only,) = found(tmp_path)
    assert days([only]) == ["2010-07-03"]
    assert only.acquisition.gsd_m == 2.0 and only.acquisition.scene_ids == ("a",)


def test_of_two_dates_in_a_naip_name_the_first_is_the_capture(tmp_path):
    scene(tmp_path / "deep" / "m_3311805_ne_11_060_20120428_20120627.TIF")
    assert days(found(tmp_path, folder.Dates("name"))) == ["2012-04-28"]


def test_a_pattern_finds_other_dates(tmp_path):
    scene(tmp_path / "flight-2011-05-06-strip3.tif")
    assert days(found(tmp_path, folder.Dates("name", r"flight-(\d{4}-\d\d-\d\d)"))) == ["2011-05-06"]


def test_a_table_gives_dates_and_more(tmp_path):
    scene(tmp_path / "scenes" / "a.tif")
    table = tmp_path / "dates.csv"
    table.write_text("file,acquired,acquired_to,gsd_m,licence\na.tif,2010-05-01,2010-05-09,0.75,CC0-1.0\n")
    (only,) = found(tmp_path / "scenes", folder.Dates("csv", file=str(table)))
    seen = only.acquisition
    assert (seen.acquired_from, seen.acquired_to) == (datetime.date(2010, 5, 1), datetime.date(2010, 5, 9))
    assert (seen.gsd_m, seen.licence, seen.redistribution) == (0.75, "CC0-1.0", "yes")


@pytest.mark.parametrize("dates", [folder.Dates("tag"), folder.Dates("name")])
def test_a_scene_without_a_date_stops_or_is_skipped(tmp_path, dates):
    scene(tmp_path / "summer.tif")
    with pytest.raises(errors.InputError, match=r"summer\.tif: no acquisition date.*undated"):
        found(tmp_path, dates)
    assert found(tmp_path, dates, skip_undated=True) == []


def test_an_impossible_date_is_named(tmp_path):
    scene(tmp_path / "a.tif", tags={"TIFFTAG_DATETIME": "2010:02:30 00:00:00"})
    with pytest.raises(errors.InputError, match=r"a\.tif.*2010-02-30"):
        found(tmp_path)


def test_a_table_with_a_wrong_column_is_refused(tmp_path):
    scene(tmp_path / "a.tif")
    table = tmp_path / "dates.csv"
    table.write_text("file,date\na.tif,2010-05-01\n")
    with pytest.raises(errors.InputError, match=r"expected the columns file,acquired.*received file,date"):
        found(tmp_path, folder.Dates("csv", file=str(table)))


def test_no_folder_no_file_and_no_raster_are_told_apart(tmp_path):
    with pytest.raises(errors.InputError, match="no such folder"):
        found(tmp_path / "nowhere")
    with pytest.raises(errors.InputError, match="no GeoTIFF"):
        found(tmp_path)
    (tmp_path / "a.tif").write_bytes(b"hello")
    with pytest.raises(errors.InputError, match=r"a\.tif: expected a GeoTIFF"):
        folder.Folder("other", str(tmp_path)).find(HERE)


def test_a_scene_without_a_crs_is_named(tmp_path):
    scene(tmp_path / "a_20100101.tif", crs=None)
    with pytest.raises(errors.NoCrs, match="has no CRS"):
        found(tmp_path, folder.Dates("name"))


def test_what_is_stated_wins_over_the_pixel_size(tmp_path):
    scene(tmp_path / "a_20100101.tif")
    stated = source.Stated(gsd_m=5.0, redistribution="no")
    (only,) = found(tmp_path, folder.Dates("name"), stated=stated)
    assert only.acquisition.gsd_m == 5.0 and only.acquisition.redistribution == "no"


def test_real_naip_is_dated_by_its_names(shared_data):
    source_of_naip = folder.Folder("naip", str(shared_data / "imagery" / "naip_nd"), dates=folder.Dates("name"))
    (scenes,) = source_of_naip.find([(-99.156, 47.019, -99.154, 47.021)])
    assert days(scenes) == ["2009-08-18", "2010-06-29", "2012-07-31", "2014-07-20", "2018-07-16"]
    assert {s.acquisition.gsd_m for s in scenes} == {5.0}


def with_table(tmp_path, text):
    scene(tmp_path / "scenes" / "a.tif")
    table = tmp_path / "dates.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    return found(tmp_path / "scenes", folder.Dates("csv", file=str(table)))


@pytest.mark.parametrize("value", ["nan", "inf", "-5", "0", "1e-300", "1e9", "fine"])
def test_a_gsd_in_the_table_that_is_no_number_of_metres_is_refused(tmp_path, value):
    with pytest.raises(errors.InputError, match=rf"a\.tif: expected gsd_m as a number of metres.*received {value}"):
        with_table(tmp_path, f"file,acquired,gsd_m\na.tif,2010-05-01,{value}\n")


TABLES = [
    ("file,acquired\na.tif,2010-05-01,9\n", "as many values as columns"),
    ("file,acquired,gsd_m\na.tif,2010-05-01\n", "as many values as columns"),
    ("file,acquired\n,2010-05-01\n", "expected a file"),
    ("file,acquired\na\0.tif,2010-05-01\n", "dates.csv"),
    ("file,acquired\n", "received no row"),
    ("", "received no row"),
    ("file,acquired\n" + "x" * 200_000 + ",2010-05-01\n", "field larger than"),
    ("file,acquired\na.tif,2010-05-01 # \xe9\n".encode("latin-1"), "UTF-8"),
    ("file,acquired\na.tif,99999999999\n", "expected a day"),
    ("file,acquired,acquired_to\na.tif,2010-05-09,2010-05-01\n", "is after acquired_to"),
]


@pytest.mark.parametrize(("text", "words"), TABLES, ids=lambda value: f"{value!s:.40}")
def test_a_damaged_table_is_refused_by_name(tmp_path, text, words):
    with pytest.raises(errors.InputError, match=words):
        with_table(tmp_path, text)


def test_a_fifo_and_a_folder_are_no_tables(tmp_path):
    scene(tmp_path / "scenes" / "a.tif")
    os.mkfifo(tmp_path / "dates.csv")
    for path in (tmp_path / "dates.csv", tmp_path, tmp_path / "none.csv"):
        with pytest.raises(errors.InputError, match="expected a CSV with the columns file,acquired"):
            found(tmp_path / "scenes", folder.Dates("csv", file=str(path)))


def test_a_table_with_a_byte_order_mark_is_read(tmp_path):
    assert days(with_table(tmp_path, b"\xef\xbb\xbffile,acquired\r\na.tif,2010-05-01\r\n")) == ["2010-05-01"]


def test_an_optional_group_that_matches_nothing_is_no_date(tmp_path):
    scene(tmp_path / "strip3.tif")
    with pytest.raises(errors.InputError, match=r"strip3\.tif: no acquisition date in its name"):
        found(tmp_path, folder.Dates("name", r"strip(\d{8})?"))


def test_a_file_name_that_is_no_utf_8_is_refused(tmp_path):
    scene(tmp_path / "a_20100101.tif").rename(os.fsdecode(os.fsencode(tmp_path) + b"/b\xe9_20100101.tif"))
    with pytest.raises(errors.InputError, match="expected file names in UTF-8"):
        found(tmp_path, folder.Dates("name"))


MOON = (
    'GEOGCS["Moon 2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400.0,0.0]],'
    'PRIMEM["Greenwich",0],UNIT["Decimal_Degree",0.0174532925199433]]'
)
WILD_PLACES = [
    ({"crs": MOON, "transform": Affine(1e-5, 0, 10, 0, -1e-5, 10)}, "expected a CRS of the Earth"),
    ({"transform": Affine(0, 0, 1, 0, 0, 1)}, "expected an affine transform"),
    ({"transform": Affine(math.nan, 0, 1, 0, -1, 1)}, "expected an affine transform"),
    ({"transform": Affine(1e9, 0, 1e12, 0, -1e9, 1e12)}, "corners have no longitude and latitude"),
    ({"transform": Affine(1e-7, 0, 5e5, 0, -1e-7, 3.8e6)}, "expected gsd_m as a number of metres"),
]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("how", "words"), WILD_PLACES, ids=lambda value: f"{value!s:.40}")
def test_a_scene_that_lies_nowhere_on_earth_is_named(tmp_path, how, words):
    scene(tmp_path / "a_20100101.tif", **how)
    with pytest.raises(errors.InputError, match=rf"a_20100101\.tif: .*{words}"):
        found(tmp_path, folder.Dates("name"))
