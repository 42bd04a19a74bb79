from __future__ import annotations

import os
import pickle

import pytest

from builder import errors
from builder.chips import imagery_toml
from builder.chips.imagery_rules import Season

SOURCE = '[[source]]\nname = "a"\ntype = "folder"\npath = "scenes"\n'


def read(tmp_path, text):
    path = tmp_path / "imagery.toml"
    path.write_text(text)
    return imagery_toml.read(path)


def test_the_defaults_are_the_rules_of_the_project(tmp_path):
    imagery = read(tmp_path, SOURCE)
    rules = imagery.rules
    assert (str(rules.first_day), str(rules.last_day), str(rules.prefer)) == ("2007-01-01", "2013-12-31", "2010-07-01")
    assert rules.deny == ("NASA", "Landsat") and rules.max_gsd_m == 2.0 and rules.max_nodata_share == 0.0
    assert dict(rules.seasons) == {"grass_shrub": Season((5, 1), (9, 30)), "water": Season((5, 1), (9, 30))}
    assert (imagery.chip.size_m, imagery.chip.size_px, imagery.chip.jpeg_quality) == (90.0, 299, 90)


def test_every_setting_can_be_set(tmp_path):
    text = """
[rules]
dates = ["2008-01-01", 2012-12-31]
prefer = "2011-01-01"
deny = []
max_gsd_m = 5
season = { forest = ["04-01", "10-31"], all = ["02-01", "11-30"] }
max_nodata_share = 0.05
[chip]
size_m = 60
size_px = 224
jpeg_quality = 95
[[source]]
name = "web"
type = "stac"
href = "https://example.org/catalog.json"
asset = "visual"
stretch = [100, 2000]
bands = [3, 2, 1]
nodata = 0
licence = "CC-BY-4.0"
attribution = "them"
sensor = "WV03"
gsd_m = 0.5
redistribution = "yes"
mask = false
[[source]]
name = "disk"
type = "folder"
path = "scenes"
files = "*.tif"
undated = "skip"
date = { from = "name", pattern = "(\\\\d{8})" }
"""
    imagery = read(tmp_path, text)
    web, disk = imagery.sources
    assert web.href == "https://example.org/catalog.json" and web.stated.stretch == (100.0, 2000.0)
    assert web.stated.bands == (3, 2, 1) and web.stated.nodata == 0.0 and not web.stated.mask
    assert disk.path == str(tmp_path / "scenes") and disk.skip_undated and disk.dates.kind == "name"
    assert imagery.rules.seasons == (("forest", Season((4, 1), (10, 31))),)
    assert imagery.rules.season_for_all == Season((2, 1), (11, 30))
    assert pickle.loads(pickle.dumps(imagery)) == imagery


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rules]\nmax_gsd = 1\n" + SOURCE, r"\[rules\]: unknown key 'max_gsd'. Did you mean max_gsd_m"),
        ("[rule]\n" + SOURCE, "unknown key 'rule'. Did you mean rules"),
        (SOURCE + "strech = [0, 1]\n", r"\[\[source\]\] a: unknown key 'strech'. Did you mean stretch"),
        (SOURCE + "stretch = [9, 1]\n", "low below high"),
        (SOURCE + "bands = [0, 1, 2]\n", "three band numbers"),
        (SOURCE + SOURCE, "two .*same name"),
        (SOURCE + 'date = { from = "csv" }\n', "date: from = .csv. needs file"),
        (SOURCE + "date = { from = \"name\", pattern = '\\d+' }\n", "needs a group"),
        (SOURCE.replace("folder", "ftp"), "expected type = 'stac' or 'folder'"),
        (SOURCE.replace('path = "scenes"', ""), "expected path"),
        ("", r"at least one \[\[source\]\]"),
        ('[rules]\ndates = ["2013-01-01", "2007-01-01"]\n' + SOURCE, "first, last"),
        ('[rules]\nprefer = "soon"\n' + SOURCE, "expected prefer = a day as 2010-07-01; received 'soon'"),
        ('[rules]\nseason = { water = ["05-01", "09-31"] }\n' + SOURCE, "09-31"),
        ('[rules]\nseason = { watter = ["05-01", "09-30"] }\n' + SOURCE, "Did you mean water"),
        ('[rules]\nseason = "summer"\n' + SOURCE, '"all" or a table'),
        ("[rules]\nmax_nodata_share = 1.5\n" + SOURCE, "at most 1"),
        ("[rules]\nmax_gsd_m = 0\n" + SOURCE, r"max_gsd_m = a number of at least 0\.001; received 0"),
        ("[chip]\njpeg_quality = 101\n" + SOURCE, r"a whole number of 1\.\.100; received 101"),
        ("[chip]\nsize_px = 99.5\n" + SOURCE, r"a whole number of 8\.\.4096; received 99\.5"),
        ("[rules\n", "expected the imagery .* as TOML"),
    ],
)
def test_a_mistake_is_named_with_its_cure(tmp_path, text, words):
    with pytest.raises(errors.InputError, match=rf"imagery\.toml: .*{words}"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.InputError, match="no such file"):
        imagery_toml.read(tmp_path / "imagery.toml")


def test_the_digest_follows_the_meaning_not_the_place(tmp_path):
    here = read(tmp_path, SOURCE).digest
    (tmp_path / "elsewhere").mkdir()
    assert read(tmp_path / "elsewhere", "# a comment\n[rules]\nmax_gsd_m = 2.0\n" + SOURCE).digest == here
    assert read(tmp_path, "[rules]\nmax_gsd_m = 2.1\n" + SOURCE).digest != here
    assert read(tmp_path, "[chip]\njpeg_quality = 91\n" + SOURCE).digest != here
    assert read(tmp_path, SOURCE + "nodata = 0\n").digest != here


FOLDER = SOURCE.replace('path = "scenes"\n', "")
STAC = FOLDER.replace("folder", "stac")
HOSTILE = [
    ("source = [1, 2]\n", r"\[\[source\]\]: expected a table .*; received 1"),
    ("source = 5\n", r"at least one \[\[source\]\]"),
    ("rules = 5\n" + SOURCE, r"\[rules\]: expected a table .*received 5"),
    ("chip = []\n" + SOURCE, r"\[chip\]: expected a table"),
    (SOURCE.replace('"a"', "5"), "expected name = a text; received 5"),
    (SOURCE.replace('"a"', '""'), "expected name = a text; received ''"),
    (SOURCE.replace('"folder"', '["folder"]'), "expected type = 'stac' or 'folder'; received \\['folder'\\]"),
    (SOURCE.replace('"folder"', "{}"), "expected type"),
    (FOLDER + "path = 5\n", "expected path = the folder of GeoTIFFs; received 5"),
    (FOLDER + "path = []\n", "expected path"),
    (SOURCE + 'files = ["*.tif"]\n', r"expected files = one pattern .*; received \['\*\.tif'\]"),
    (SOURCE + "files = 5\n", "expected files"),
    (SOURCE + 'files = "/etc/*"\n', "expected files"),
    (SOURCE + 'files = ""\n', "expected files"),
    (SOURCE + 'files = "a**/*.tif"\n', "expected files"),
    (SOURCE + "undated = []\n", "expected undated = 'stop' or 'skip'"),
    (SOURCE + "date = 5\n", "date: expected a table"),
    (SOURCE + 'date = { from = ["tag"] }\n', "expected from = 'tag' or 'name' or 'csv'"),
    (SOURCE + "date = { file = 5 }\n", "expected file = a text; received 5"),
    (SOURCE + 'date = { from = "name", pattern = 5 }\n', "expected pattern = a text; received 5"),
    (SOURCE + 'date = { from = "name", pattern = "(" }\n', "expected pattern = a regular expression"),
    (STAC + 'href = "a"\npath = "b"\n', "received href and path"),
    (STAC, "received neither"),
    (STAC + "href = 5\n", "expected href"),
    (STAC + 'path = "a"\nasset = ["visual"]\n', "expected asset = a text"),
    (SOURCE + "stretch = [0, inf]\n", r"expected stretch = \[low, high\], .*; received \[0, inf\]"),
    (SOURCE + "stretch = [nan, 1]\n", "expected stretch"),
    (SOURCE + "stretch = [false, true]\n", "expected stretch"),
    (SOURCE + "stretch = [[0, 1], [2, 3]]\n", "expected stretch"),
    (SOURCE + "stretch = 5\n", r"expected stretch = \[first, last\]"),
    (SOURCE + "bands = [true, true, true]\n", "three band numbers.*received"),
    (SOURCE + "bands = [1.0, 2, 3]\n", "three band numbers"),
    (SOURCE + "bands = []\n", "three band numbers"),
    (SOURCE + "bands = [1, 2, 100000]\n", "three band numbers"),
    (SOURCE + "nodata = 300\n", r"expected nodata = a whole number of 0\.\.255; received 300"),
    (SOURCE + "nodata = -1\n", "expected nodata"),
    (SOURCE + "nodata = true\n", "expected nodata"),
    (SOURCE + "nodata = nan\nstretch = [0, 9]\n", "expected nodata = a number; received nan"),
    (SOURCE + "gsd_m = nan\n", "expected gsd_m = a number .*; received nan"),
    (SOURCE + "gsd_m = true\n", "expected gsd_m"),
    (SOURCE + "gsd_m = 1e-300\n", "expected gsd_m"),
    (SOURCE + "gsd_m = -5\n", "expected gsd_m"),
    (SOURCE + "mask = 1\n", "expected mask = true or false; received 1"),
    (SOURCE + "licence = 5\n", "expected licence = a text"),
    (SOURCE + "redistribution = []\n", "expected redistribution = 'yes' or 'no' or 'unknown'"),
    ("[rules]\nmax_nodata_share = -1e-13\n" + SOURCE, "expected max_nodata_share = a number of at least 0, at most 1"),
    ("[rules]\nmax_nodata_share = nan\n" + SOURCE, "expected max_nodata_share"),
    ("[rules]\nmax_nodata_share = false\n" + SOURCE, "expected max_nodata_share"),
    ("[rules]\nmax_gsd_m = inf\n" + SOURCE, "expected max_gsd_m"),
    ("[rules]\nmax_gsd_m = " + "1" * 5000 + "\n" + SOURCE, "as TOML"),
    ("[rules]\nmax_gsd_m = 0x" + "f" * 5000 + "\n" + SOURCE, "as TOML"),
    ("[rules]\ndates = [2010-01-01]\n" + SOURCE, r"expected dates = \[first, last\]"),
    ("[rules]\ndates = [2010-01-01T00:00:00Z, 2011-01-01]\n" + SOURCE, "expected dates = a day"),
    ("[rules]\ndates = [[], {}]\n" + SOURCE, "expected dates = a day"),
    ("[rules]\nprefer = 2010\n" + SOURCE, "expected prefer = a day"),
    ("[rules]\ndeny = [5]\n" + SOURCE, "expected deny = a list of words"),
    ('[rules]\ndeny = "NASA"\n' + SOURCE, "expected deny = a list of words"),
    ("[rules]\nseason = { water = 5 }\n" + SOURCE, r"season: expected water = \[first, last\]"),
    ("[rules]\nseason = { water = [5, 6] }\n" + SOURCE, "season: expected water = days of the year"),
    ("[rules]\nseason = []\n" + SOURCE, "expected season"),
    ("[chip]\nsize_px = true\n" + SOURCE, "expected size_px"),
    ("[chip]\nsize_m = 1e-300\n" + SOURCE, "expected size_m"),
    ("a = " + "[" * 100_000 + "]" * 100_000, "nests deeper"),
    ('[[source]]\nname = "a\\u0000b"\n', "NUL"),
]


@pytest.mark.parametrize(("text", "words"), HOSTILE, ids=lambda value: f"{value!r:.40}")
def test_a_wrong_type_or_number_is_refused_by_name(tmp_path, text, words):
    with pytest.raises(errors.InputError, match=rf"imagery\.toml: (?s:.*){words}"):
        read(tmp_path, text)


def test_what_is_no_regular_file_and_no_utf_8_is_refused(tmp_path):
    path = tmp_path / "imagery.toml"
    os.mkfifo(path)
    with pytest.raises(errors.InputError, match=r"imagery\.toml.*no regular file"):
        imagery_toml.read(path)
    path.unlink()
    path.write_bytes(SOURCE.encode() + b"# \xe9\n")
    with pytest.raises(errors.InputError, match=r"imagery\.toml.*UTF-8"):
        imagery_toml.read(path)


def test_nodata_beyond_8_bits_goes_with_a_stretch(tmp_path):
    (source,) = read(tmp_path, SOURCE + "nodata = -9999.5\nstretch = [0, 3000]\n").sources
    assert source.stated.nodata == -9999.5


def test_the_digest_of_a_file_is_the_same_in_every_version(tmp_path):
    # Pinned: another digest means another chip store, so that every chip would be acquired again.
    text = '[rules]\nseason = { water = ["05-01", "09-30"] }\nprefer = 2011-01-01\n' + SOURCE + "nodata = 0\n"
    assert read(tmp_path, text).digest == "4f43c1edd4775ad1d974ed14d86effd5882f5c263a4e8c459e62d10513e37cbb"
