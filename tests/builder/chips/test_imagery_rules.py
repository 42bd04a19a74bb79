from __future__ import annotations

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.chips import imagery_rules
from builder.chips.imagery_rules import ImageryRules, Reason, Season
from builder.imagery import source


def day(text):
    return datetime.date.fromisoformat(text)


def scene(first="2010-07-01", last=None, gsd_m=0.5, sensor="UltraCam", names=(), name="s1"):
    acquisition = source.Acquisition("aerial", sensor, (name,), day(first), day(last or first), gsd_m, "", "", "")
    return source.Scene(acquisition, source.PixelFile("a.tif"), (0, 0, 1, 1), names)


def reason(scene, label="forest", lat=34.0, **rules):
    fault = imagery_rules.scene_fault(scene, label, lat, ImageryRules(**rules))
    return fault and fault.reason


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2007-01-01", "2007-01-01", None),
        ("2013-12-31", "2013-12-31", None),
        ("2006-12-31", "2007-01-01", Reason.DATE),  # a range must be inside, not only overlap
        ("2013-12-31", "2014-01-01", Reason.DATE),
        ("2014-07-20", "2014-07-20", Reason.DATE),
    ],
)
def test_dates_must_be_wholly_inside(first, last, expected):
    assert reason(scene(first, last)) == expected


def test_denied_words_hide_anywhere_in_any_case():
    assert reason(scene(sensor="LANDSAT-5 TM")) == Reason.DENIED
    assert reason(scene(names=("nasa/usgs",))) == Reason.DENIED
    assert reason(scene(name="my_landsat_scene")) == Reason.DENIED
    assert reason(scene(name="my_landsat_scene"), deny=()) is None


def test_the_coarsest_allowed_gsd_is_allowed():
    assert reason(scene(gsd_m=2.0)) is None
    assert reason(scene(gsd_m=2.01)) == Reason.RESOLUTION


def test_grass_and_water_need_summer_but_forest_does_not():
    winter = scene("2010-01-15")
    assert reason(winter, "water") == reason(winter, "grass_shrub") == Reason.SEASON
    assert reason(winter, "forest") is None
    assert reason(scene("2010-05-01"), "water") is None and reason(scene("2010-09-30"), "water") is None
    assert reason(scene("2010-04-30"), "water") == reason(scene("2010-10-01"), "water") == Reason.SEASON


def test_south_of_the_equator_summer_is_november_to_march():
    for first, expected in {
        "2010-11-01": None, "2011-01-15": None, "2011-03-31": None, "2011-04-01": Reason.SEASON,
        "2010-10-31": Reason.SEASON, "2010-07-01": Reason.SEASON,
    }.items():  # fmt: skip
        assert reason(scene(first), "water", lat=-34.0) == expected


def test_a_point_without_label_must_satisfy_every_season():
    assert reason(scene("2010-01-15"), None) == Reason.SEASON
    assert reason(scene("2010-07-15"), None) is None


def test_season_all_holds_for_every_class():
    assert reason(scene("2010-01-15"), "forest", every_season=True) == Reason.SEASON
    assert reason(scene("2010-01-15"), "forest", season_for_all=Season((1, 1), (2, 29)), seasons=()) is None


def test_a_range_must_lie_in_one_season_not_in_two():
    assert reason(scene("2010-05-10", "2010-09-20"), "water") is None
    assert reason(scene("2010-06-01", "2011-06-01"), "water") == Reason.SEASON


def test_a_season_may_pass_the_turn_of_the_year():
    winter = Season((11, 1), (2, 29))
    assert winter.holds(day("2010-11-01"), day("2011-02-28"))
    assert winter.holds(day("2011-12-31"), day("2012-02-29"))
    assert not winter.holds(day("2010-11-01"), day("2011-03-01"))
    assert not winter.holds(day("2010-01-01"), day("2010-12-31"))


@given(st.dates(day("2008-01-01"), day("2012-12-31")), st.integers(0, 400))
def test_a_season_holds_a_range_if_it_holds_all_its_days_together(first, length):
    last = first + datetime.timedelta(days=length)
    for season in (Season((5, 1), (9, 30)), Season((11, 1), (3, 31))):
        every_day = all(season.holds(d, d) for d in (first + datetime.timedelta(days=i) for i in range(length + 1)))
        assert season.holds(first, last) == every_day


@given(st.integers(1, 12), st.integers(1, 28))
def test_mirroring_twice_changes_nothing(month, monthday):
    season = Season((month, min(monthday, 27)), (month, 27))
    assert season.mirrored().mirrored() == season


def test_the_nearest_day_to_the_preferred_one_comes_first():
    scenes = [scene("2012-07-01"), scene("2009-08-18"), scene("2010-06-29"), scene("2010-07-04")]
    first = sorted(scenes, key=lambda s: imagery_rules.preference(s, 0, ImageryRules()))
    assert [str(s.acquisition.acquired_from) for s in first] == ["2010-06-29", "2010-07-04", "2009-08-18", "2012-07-01"]


def test_an_earlier_source_comes_before_a_nearer_date():
    assert imagery_rules.preference(scene("2013-01-01"), 0, ImageryRules()) < imagery_rules.preference(
        scene("2010-07-01"), 1, ImageryRules()
    )


def test_one_value_is_blank_but_smooth_water_is_not():
    valid = np.ones((299, 299), bool)
    blank = np.full((299, 299, 3), (10, 20, 30), np.uint8)
    assert imagery_rules.pixel_fault(blank, valid, ImageryRules()).reason == Reason.BLANK
    water = blank.copy()
    water[100, 100] += 1
    assert imagery_rules.pixel_fault(water, valid, ImageryRules()) is None
    snow = np.random.default_rng(0).integers(252, 255, (299, 299, 3), dtype=np.uint8)
    assert imagery_rules.pixel_fault(snow, valid, ImageryRules()) is None


def test_the_share_of_missing_pixels_is_limited():
    pixels = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    valid = np.ones((100, 100), bool)
    valid[:10] = False
    assert imagery_rules.pixel_fault(pixels, valid, ImageryRules()).reason == Reason.NODATA
    assert imagery_rules.pixel_fault(pixels, valid, ImageryRules(max_nodata_share=0.1)) is None


def test_a_summary_tells_the_best_candidate_and_counts_the_others():
    faults = [
        imagery_rules.Fault(Reason.DATE, "old"),
        imagery_rules.Fault(Reason.NODATA, "half"),
        imagery_rules.Fault(Reason.DATE, "x"),
    ]
    assert imagery_rules.summary(faults) == (Reason.NODATA, "half (3 candidates: 1 nodata, 2 date)")
    assert imagery_rules.summary([])[0] == Reason.NO_SCENE


def test_a_season_at_the_end_of_the_calendar_holds_nothing_that_passes_it():
    last_days = datetime.date(9999, 11, 20), datetime.date(9999, 12, 31)
    assert not Season((11, 1), (2, 28)).holds(*last_days)
    assert Season((1, 1), (12, 31)).holds(*last_days)
