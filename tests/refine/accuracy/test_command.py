"""The command `accuracy`, from files to text and JSON."""

from __future__ import annotations

import io
import json

import numpy as np
import printed_table
import pytest

from builder import errors
from refine.accuracy import accuracy_options, command, reference_sample, support

AccuracyOptions = accuracy_options.AccuracyOptions
AREAS = (
    "class,area\nartificial,0.75\nbareland,16.5\ncultivated,13.5\nforest,27\ngrass_shrub,33\nsnow_ice,2\nwater,7.25\n"
)
STEHMAN = "stratum,map,reference\n" + "\n".join(
    f"{s},{m},{r}"
    for s, m, r in zip(
        "A" * 10 + "B" * 10 + "C" * 10 + "D" * 10,
        "AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD",
        "AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB",
        strict=True,
    )
)


def _file(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def _json(options):
    out = io.StringIO()
    assert command.run(options, as_json=True, out=out) == 0
    return json.loads(out.getvalue())


def _text(options):
    out = io.StringIO()
    command.run(options, out=out)
    return out.getvalue()


def test_table_2_as_printed_is_linted_and_repaired(tmp_path):
    options = AccuracyOptions(
        matrix=_file(tmp_path, "M.csv", printed_table.as_csv()), printed_overall="90.3%", printed_kappa="0.887"
    )
    text = _text(options)
    assert "balanced set" in text
    assert "column water: the cells sum to 100, the printed total is 0" in text
    assert "then overall accuracy 0.9030, kappa 0.8868; gives all printed figures" in text
    assert "reconstruction, not the authors' data" in text
    best = _json(options)["lint"]["repairs"][0]
    assert len(best["edits"]) == 4
    assert best["gives_printed"] == {"overall accuracy": True, "kappa": True}


BY_MAP = "map,rare,common\nrare,45,5\ncommon,10,140\n"
BY_MAP_AREAS = "class,area\nrare,10\ncommon,90\n"


def test_areas_turn_counts_into_estimates_of_the_map(tmp_path):
    options = AccuracyOptions(
        matrix=_file(tmp_path, "M.csv", BY_MAP), areas=_file(tmp_path, "A.csv", BY_MAP_AREAS), wanted_error=0.01
    )
    values = _json(options)
    assert values["is_map_accuracy"]
    assert values["bootstrap"] == {}
    assert values["overall_accuracy"]["value"] == pytest.approx(0.1 * 0.9 + 0.9 * 140 / 150)
    assert sum(c["area"]["value"] for c in values["classes"]) == pytest.approx(100.0)
    assert sum(values["sample_size"]["allocation"].values()) == values["sample_size"]["samples"]
    assert "A survey stratified by map class needs" in _text(options)


def test_areas_do_not_turn_the_papers_balanced_set_into_map_accuracy(tmp_path):
    options = AccuracyOptions(
        matrix=_file(tmp_path, "M.csv", printed_table.as_csv()), areas=_file(tmp_path, "A.csv", AREAS)
    )
    values = _json(options)
    assert not values["is_map_accuracy"]
    assert "balanced by reference class" in values["statement"]


def test_the_sample_size_of_olofsson_2014_is_planned_before_there_is_a_survey(tmp_path):
    areas = _file(
        tmp_path,
        "A.csv",
        "class,area,users\ndeforestation,200000,0.7\ngain,150000,60%\nstable forest,3200000,0.9\n"
        "stable other,6450000,95%\nnowhere,0,0.5\n",
    )
    options = AccuracyOptions(areas=areas, wanted_error=0.01)
    assert "needs 641 samples (640.5) for a standard error of 0.01" in _text(options)
    size = _json(options)["sample_size"]
    assert round(size["needed"], 1) == 640.5
    assert (size["samples"], size["allotted"]) == (641, 641)
    assert size["allocation"] == {"deforestation": 50, "gain": 50, "stable forest": 179, "stable other": 362}


def test_the_allotted_total_is_printed_where_the_minimum_asks_for_more_than_is_needed(tmp_path):
    areas = _file(tmp_path, "A.csv", "class,area,users\na,1,0.9\nb,1,0.9\n")
    assert "Draw 100 in all, by area and at least 50 per class: a 50, b 50." in _text(
        AccuracyOptions(areas=areas, wanted_error=0.1)
    )


@pytest.mark.parametrize(
    ("areas", "matrix", "message"),
    [
        (BY_MAP_AREAS, None, r"A\.csv: a survey is planned from guessed user's accuracies\. Add a column `users`"),
        ("class,area,users\nrare,1,good\n", None, r"A\.csv, line 2, column 'users': expected a share"),
        ("class,area,users\nrare,10,0.9\ncommon,90,0.9\n", BY_MAP, "both give user's accuracies"),
        ("class,area,users\nrare,1,0.9\n", None, r"A\.csv: expected a standard error .* received 1e-200"),
    ],
)
def test_a_survey_that_cannot_be_planned_is_refused(tmp_path, areas, matrix, message):
    options = AccuracyOptions(
        matrix=_file(tmp_path, "M.csv", matrix) if matrix else None,
        areas=_file(tmp_path, "A.csv", areas),
        wanted_error=1e-200 if "1e-200" in message else 0.01,
    )
    with pytest.raises(errors.InputError, match=message):
        command.run(options)


def test_a_sample_with_other_strata_is_judged_as_stehman_2014(tmp_path):
    sample = _file(tmp_path, "S.csv", STEHMAN)
    strata = _file(tmp_path, "T.csv", "stratum,size\nA,40000\nB,30000\nC,20000\nD,10000\n")
    values = _json(AccuracyOptions(sample=sample, strata=strata))
    assert values["design"] == "stratified, strata other than the map's classes"
    assert values["overall_accuracy"]["value"] == pytest.approx(0.63)
    assert values["overall_accuracy"]["standard_error"] == pytest.approx(0.085, abs=5e-4)


def test_inclusion_probabilities_weigh_the_samples(tmp_path):
    text = "map,reference,inclusion_probability\na,a,0.5\na,b,1\nb,b,1\n"
    values = _json(AccuracyOptions(sample=_file(tmp_path, "S.csv", text)))
    assert values["overall_accuracy"]["value"] == pytest.approx(0.75)


def test_blocks_give_block_bootstrap_intervals(tmp_path):
    text = "map,reference,block\n" + "".join(f"a,{'ab'[i % 3 == 0]},x{i // 2}\n" for i in range(30))
    values = _json(AccuracyOptions(sample=_file(tmp_path, "S.csv", text), draws=200))
    assert set(values["bootstrap"]) == {"overall accuracy by block", "kappa by block", "macro F1 by block"}


def test_json_holds_no_nan(tmp_path):
    values = _json(AccuracyOptions(matrix=_file(tmp_path, "M.csv", "map,a,b\na,5,5\nb,0,0\n")))
    assert values["classes"][1]["users_accuracy"]["value"] is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "expected --matrix M.csv, --sample S.csv or --model MODEL; received none. Give one of them"),
        (("matrix", "sample"), "received --matrix, --sample"),
        (("matrix", "strata"), "--strata needs --sample"),
        (("sample", "strata", "areas"), "--areas says that strata are the map's classes"),
        (("sample", "printed_kappa"), "--printed-kappa needs --matrix"),
        (("sample", "printed_overall"), "--printed-overall needs --matrix"),
        (("sample", "strata_are_counts"), "--strata-are-counts needs --strata"),
        (("matrix", "wanted_error"), "--wanted-error needs --areas"),
        (("areas",), "--areas needs --matrix or --sample or --wanted-error"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, names, message):
    options = AccuracyOptions(**{name: tmp_path / name for name in names})
    with pytest.raises(errors.InputError, match=message):
        command.run(options)


@pytest.mark.parametrize("name", accuracy_options.OF_TABLES)
def test_options_of_tables_do_not_go_with_a_model(tmp_path, name):
    with pytest.raises(errors.InputError, match=f"--{name.replace('_', '-')} is for tables"):
        command.run(AccuracyOptions(**{name: tmp_path / name}), judged_sample=_judged())


@pytest.mark.parametrize("options", [{"level": 95.0}, {"draws": 3}])
def test_a_level_or_number_of_draws_that_is_none_is_refused(options):
    with pytest.raises(errors.InputError, match="received"):
        command.run(AccuracyOptions(**options), judged_sample=_judged())


BY_STRATUM = "stratum,map,reference\n" + "s,a,a\ns,a,b\nt,b,b\nt,b,b\n" * 5
SIZES = "stratum,size\ns,1\nt,3\n"


@pytest.mark.parametrize(
    ("sample", "areas", "strata", "message"),
    [
        (BY_STRATUM, None, None, r"S\.csv: its column `stratum` .* give --strata T\.csv"),
        (BY_STRATUM, "class,area\na,1\nb,3\n", None, r"its column `stratum` names others. Give --strata T\.csv"),
        ("map,reference\na,a\n", None, SIZES, "needs a column `stratum`"),
        ("map,reference,inclusion_probability\na,a,1\n", "class,area\na,1\n", None, "and so does --areas"),
        ("stratum,map,reference,inclusion_probability\ns,a,a,1\n", None, SIZES, "and so does --strata"),
        ("map,reference\na,a\na,b\n", "class,area\na,1\nb,0\nc,9\n", None, "no sample was drawn in c, which has area"),
        ("map,reference\na,a\n", "class,area\na,1\n", None, r"S\.csv with .*A\.csv: expected at least two samples"),
        (BY_STRATUM, None, "stratum,size\ns,1\n", r"S\.csv with .*T\.csv: expected the size of every stratum"),
        ("map,reference,inclusion_probability\na,a,0\n", None, None, r"S\.csv: expected inclusion probabilities"),
        ("map,reference,block\na,a,x\n", None, None, r"S\.csv: a block bootstrap needs"),
    ],
)  # fmt: skip
def test_a_sample_that_its_options_contradict_is_refused_with_its_file(tmp_path, sample, areas, strata, message):
    options = AccuracyOptions(
        sample=_file(tmp_path, "S.csv", sample),
        areas=_file(tmp_path, "A.csv", areas) if areas else None,
        strata=_file(tmp_path, "T.csv", strata) if strata else None,
    )
    with pytest.raises(errors.InputError, match=message):
        command.run(options)


def test_a_sample_that_names_the_maps_classes_as_strata_takes_their_areas(tmp_path):
    text = "stratum,map,reference\n" + "a,a,a\na,a,b\n" * 5 + "b,b,b\n" * 6
    values = _json(
        AccuracyOptions(sample=_file(tmp_path, "S.csv", text), areas=_file(tmp_path, "A.csv", "class,area\na,1\nb,3\n"))
    )
    assert values["overall_accuracy"]["value"] == pytest.approx(0.25 * 0.5 + 0.75)
    assert values["is_map_accuracy"]


def test_an_empty_matrix_is_refused_with_its_file(tmp_path):
    with pytest.raises(errors.InputError, match=r"M\.csv: expected at least one sample"):
        command.run(AccuracyOptions(matrix=_file(tmp_path, "M.csv", "map,a,b\na,0,0\nb,0,0\n")))


def test_two_maps_of_one_sample_are_tested_in_pairs(tmp_path):
    # FACTS 6.1: 25 samples that only the first map has right, 10 that only the second.
    text = "map,reference,map2\n" + "a,a,b\n" * 25 + "b,a,a\n" * 10 + "a,a,a\n" * 60 + "b,a,c\n" * 5
    options = AccuracyOptions(sample=_file(tmp_path, "S.csv", text))
    test = _json(options)["paired"]
    assert (test["only_first"], test["only_second"], test["samples"]) == (25, 10, 100)
    assert (round(test["p_exact"], 5), round(test["p_mid"], 5), round(test["p_chi2"], 5)) == (0.01667, 0.01133, 0.01123)
    assert test["difference"]["value"] == pytest.approx(0.15)
    assert 0.02 < test["difference"]["low"] < 0.06
    printed = _text(options)
    assert "only map is right in 25, only map2 in 10" in printed
    assert "6.4286" in printed


def test_few_samples_that_tell_two_maps_apart_are_too_few_for_chi_square(tmp_path):
    text = "map,reference,map2,block\n" + "a,a,b,x\n" * 5 + "b,a,a,y\n" * 2 + "a,a,a,z\n" * 30
    assert "chi-square is not to be trusted below 25" in _text(AccuracyOptions(sample=_file(tmp_path, "S.csv", text)))


def test_the_level_is_that_of_every_interval(tmp_path):
    path = _file(tmp_path, "M.csv", "map,a,b\na,80,20\nb,10,90\n")
    wide, narrow = (_json(AccuracyOptions(matrix=path, level=level)) for level in (0.99, 0.5))
    for of in (lambda v: v["overall_accuracy"], lambda v: v["bootstrap"]["kappa"], lambda v: v["classes"][0]["f1"]):
        assert of(wide)["low"] < of(narrow)["low"] < of(narrow)["high"] < of(wide)["high"]
    assert wide["level"] == 0.99


def test_a_warning_names_a_block_column_that_a_stratified_estimate_does_not_use(tmp_path):
    text = "stratum,map,reference,block\n" + "s,a,a,x\nt,b,b,y\n" * 5
    options = AccuracyOptions(sample=_file(tmp_path, "S.csv", text), strata=_file(tmp_path, "T.csv", SIZES))
    assert "the column `block` is not used" in _text(options)


def test_a_matrix_of_pixels_takes_no_longer_than_one_of_samples(tmp_path):
    path = _file(tmp_path, "M.csv", "map,a,b\na,8000000000,2000000000\nb,1000000000,9000000000\n")
    assert _json(AccuracyOptions(matrix=path))["bootstrap"]["kappa"]["low"] == pytest.approx(0.7, abs=1e-4)


def test_the_best_repairs_are_shown_and_the_others_counted(tmp_path):
    totals = [39, 41] + [40] * 6
    rows = "".join(f"{name},{','.join('5' * 8)},{total}\n" for name, total in zip("abcdefgh", totals, strict=True))
    text = f"map,{','.join('abcdefgh')},total\n{rows}total,{','.join(['40'] * 8)},320\n"
    printed = _text(AccuracyOptions(matrix=_file(tmp_path, "M.csv", text), draws=0))
    assert "Repair 5" in printed and "Repair 6" not in printed
    assert "... and 4 more." in printed


def test_the_text_shows_a_number_that_a_reader_can_check(tmp_path):
    text = _text(AccuracyOptions(matrix=_file(tmp_path, "M.csv", "map,a,b\na,8,2\nb,1,9\n"), draws=0))
    assert "overall accuracy" in text
    assert "0.8500" in text


def _judged(**given):
    sample = {
        "names": ("a", "b"),
        "strata": None,
        "mapped": np.array([0, 0, 1, 1]),
        "reference": np.array([0, 1, 1, 1]),
        "probability": np.array([0.5, 1.0, 1.0, 1.0]),
        "blocks": None,
        "population": support.Population.CONSISTENT,
    }
    return reference_sample.ReferenceSample(**(sample | given))


def _json_of_model(sample, **options):
    out = io.StringIO()
    command.run(AccuracyOptions(**options), judged_sample=sample, as_json=True, out=out)
    return json.loads(out.getvalue())


def test_a_judged_model_is_assessed_unweighted_and_weighted():
    values = _json_of_model(_judged(), draws=0)
    assert values["overall_accuracy"]["value"] == 0.75
    assert values["weighted"]["overall_accuracy"]["value"] == pytest.approx(0.8)
    assert not values["is_map_accuracy"]
    assert "cells where the products agree" in values["statement"]
    out = io.StringIO()
    command.run(AccuracyOptions(draws=0), judged_sample=_judged(), out=out)
    assert "weighted by 1 / its inclusion probability" in out.getvalue()


def test_a_stratum_with_one_example_costs_the_weighted_estimate_alone():
    sample = _judged(strata=("lone", "s", "s", "s"))
    values = _json_of_model(sample, draws=0)
    assert values["overall_accuracy"]["value"] == 0.75
    assert values["weighted"] is None
    assert "lone (1)" in values["no_weighted_because"]
    out = io.StringIO()
    command.run(AccuracyOptions(draws=0), judged_sample=sample, out=out)
    assert "No estimate weighted by inclusion probability: expected at least two samples" in out.getvalue()


def test_a_judged_models_blocks_and_notes_are_used():
    sample = _judged(blocks=np.array(["x", "y", "z", "z"]), notes=("the model has learnt from these",))
    values = _json_of_model(sample, draws=200)
    assert set(values["bootstrap"]) == {"overall accuracy by block", "kappa by block", "macro F1 by block"}
    assert values["warnings"][0] == "the model has learnt from these"


def test_a_judged_models_seasons_are_printed():
    sample = _judged(in_season=np.array([True, True, False, False]))
    assert _json_of_model(sample, draws=0)["by_season"]["in_season"]["value"] == 0.5
    out = io.StringIO()
    command.run(AccuracyOptions(draws=0), judged_sample=sample, out=out)
    assert "out of season, 2 samples" in out.getvalue()
