"""The command `accuracy`, from files to text and JSON."""

from __future__ import annotations

import io
import json

import numpy as np
import printed_table
import pytest

from builder import errors
from refine.accuracy import command, matrix_files, support

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
    options = command.Options(
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


def test_areas_turn_counts_into_estimates_of_the_map(tmp_path):
    options = command.Options(
        matrix=_file(tmp_path, "M.csv", printed_table.as_csv()),
        areas=_file(tmp_path, "A.csv", AREAS),
        wanted_error=0.01,
    )
    values = _json(options)
    assert values["is_map_accuracy"]
    assert values["bootstrap"] == {}
    assert sum(c["area"]["value"] for c in values["classes"]) == pytest.approx(100.0)
    assert sum(values["sample_size"]["allocation"].values()) == values["sample_size"]["samples"]
    assert "A survey stratified by map class needs" in _text(options)


def test_a_sample_with_other_strata_is_judged_as_stehman_2014(tmp_path):
    sample = _file(tmp_path, "S.csv", STEHMAN)
    strata = _file(tmp_path, "T.csv", "stratum,size\nA,40000\nB,30000\nC,20000\nD,10000\n")
    values = _json(command.Options(sample=sample, strata=strata))
    assert values["design"] == "stratified, strata other than the map's classes"
    assert values["overall_accuracy"]["value"] == pytest.approx(0.63)
    assert values["overall_accuracy"]["standard_error"] == pytest.approx(0.085, abs=5e-4)


def test_inclusion_probabilities_weigh_the_samples(tmp_path):
    text = "map,reference,inclusion_probability\na,a,0.5\na,b,1\nb,b,1\n"
    values = _json(command.Options(sample=_file(tmp_path, "S.csv", text)))
    assert values["overall_accuracy"]["value"] == pytest.approx(0.75)


def test_blocks_give_block_bootstrap_intervals(tmp_path):
    text = "map,reference,block\n" + "".join(f"a,{'ab'[i % 3 == 0]},x{i // 2}\n" for i in range(30))
    values = _json(command.Options(sample=_file(tmp_path, "S.csv", text), draws=200))
    assert set(values["bootstrap"]) == {"overall accuracy by block", "kappa by block", "macro F1 by block"}


def test_json_holds_no_nan(tmp_path):
    values = _json(command.Options(matrix=_file(tmp_path, "M.csv", "map,a,b\na,5,5\nb,0,0\n")))
    assert values["classes"][1]["users_accuracy"]["value"] is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "Give one of them"),
        (("matrix", "sample"), "received both"),
        (("matrix", "strata"), "--strata needs --sample"),
        (("sample", "strata", "areas"), "--areas says that strata are the map's classes"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, names, message):
    options = command.Options(**{name: tmp_path / name for name in names})
    with pytest.raises(errors.InputError, match=message):
        command.run(options)


def test_a_sample_size_needs_areas(tmp_path):
    with pytest.raises(errors.InputError, match="needs the mapped areas"):
        command.run(command.Options(matrix=tmp_path / "M.csv", wanted_error=0.01))


def test_strata_need_their_column(tmp_path):
    options = command.Options(
        sample=_file(tmp_path, "S.csv", "map,reference\na,a\n"), strata=_file(tmp_path, "T.csv", "stratum,size\ns,1\n")
    )
    with pytest.raises(errors.InputError, match="needs a column `stratum`"):
        command.run(options)


def test_the_text_shows_a_number_that_a_reader_can_check(tmp_path):
    text = _text(command.Options(matrix=_file(tmp_path, "M.csv", "map,a,b\na,8,2\nb,1,9\n"), draws=0))
    assert "overall accuracy" in text
    assert "0.8500" in text


def test_a_judged_model_is_told_unweighted_and_weighted():
    sample = matrix_files.Sample(
        names=("a", "b"),
        strata=None,
        mapped=np.array([0, 0, 1, 1]),
        reference=np.array([0, 1, 1, 1]),
        probability=np.array([0.5, 1.0, 1.0, 1.0]),
        blocks=None,
        population=support.Population.CONSISTENT,
    )
    out = io.StringIO()
    command.run(command.Options(draws=0), judged_sample=sample, as_json=True, out=out)
    values = json.loads(out.getvalue())
    assert values["overall_accuracy"]["value"] == 0.75
    assert values["weighted"]["overall_accuracy"]["value"] == pytest.approx(0.8)
    assert not values["is_map_accuracy"]
    assert "cells where the products agree" in values["statement"]
    command.run(command.Options(draws=0), judged_sample=sample, out=out)
    assert "weighted by 1 / its inclusion probability" in out.getvalue()
