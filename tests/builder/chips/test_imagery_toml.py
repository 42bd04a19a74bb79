from __future__ import annotations

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
        ("[rules]\nmax_gsd = 1\n" + SOURCE, r"\[rules\]: unknown key 'max_gsd': did you mean max_gsd_m"),
        ("[rule]\n" + SOURCE, "unknown key 'rule': did you mean rules"),
        (SOURCE + "strech = [0, 1]\n", r"\[\[source\]\] a: unknown key 'strech': did you mean stretch"),
        (SOURCE + "stretch = [9, 1]\n", "low below high"),
        (SOURCE + "bands = [0, 1, 2]\n", "three band numbers"),
        (SOURCE + SOURCE, "two .*same name"),
        (SOURCE + 'date = { from = "csv" }\n', "needs date.file"),
        (SOURCE + "date = { from = \"name\", pattern = '\\d+' }\n", "needs a group"),
        (SOURCE.replace("folder", "ftp"), "expected type = 'stac' or 'folder'"),
        (SOURCE.replace('path = "scenes"', ""), "expected path"),
        ("", r"at least one \[\[source\]\]"),
        ('[rules]\ndates = ["2013-01-01", "2007-01-01"]\n' + SOURCE, "first, last"),
        ('[rules]\nprefer = "soon"\n' + SOURCE, "expected a day as 2010-07-01; received 'soon'"),
        ('[rules]\nseason = { water = ["05-01", "09-31"] }\n' + SOURCE, "09-31"),
        ('[rules]\nseason = { watter = ["05-01", "09-30"] }\n' + SOURCE, "did you mean water"),
        ('[rules]\nseason = "summer"\n' + SOURCE, '"all" or a table'),
        ("[rules]\nmax_nodata_share = 1.5\n" + SOURCE, "at most 1"),
        ("[rules]\nmax_gsd_m = 0\n" + SOURCE, "above 0"),
        ("[chip]\njpeg_quality = 101\n" + SOURCE, r"a whole number of 1\.\.100; received 101"),
        ("[chip]\nsize_px = 99.5\n" + SOURCE, r"a whole number of 8\.\.4096; received 99\.5"),
        ("[rules\n", "not a TOML file"),
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
