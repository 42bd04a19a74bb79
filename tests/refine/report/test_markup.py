"""Plain text is escaped wherever it reaches the page; HTML is what is marked as HTML."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest
import report_artefacts

from builder.geometry.window import Window
from builder.legend import legend
from refine.artefacts import comparison, noise_summary, refined_map
from refine.report import map_counts, markup, page, parts

SCRIPT = "<script>alert(1)</script>"
QUOTE = "\"'><img src=x onerror=alert(1)>"


def test_a_table_escapes_plain_text_in_every_cell_and_takes_marked_html() -> None:
    drawn = markup.table(SCRIPT, [SCRIPT, markup.percent(0.5)], [[SCRIPT, markup.Html("<b>1</b>")], [QUOTE, 3]])
    assert "<script" not in drawn and "<img" not in drawn
    assert drawn.count("&lt;script&gt;") == 4  # twice as the caption
    assert "<b>1</b>" in drawn and "50.0&nbsp;%" in drawn


def test_html_that_is_built_of_plain_strings_is_plain_again() -> None:
    assert markup.text(markup.Html("<b>") + "x") == "&lt;b&gt;x"
    assert markup.joined([markup.Html("<b>"), "<i>"]) == "<b>&lt;i&gt;"
    assert markup.filled("<p>$a $b</p>", a="<", b=markup.Html("<br>")) == "<p>&lt; <br></p>"


@pytest.fixture
def compared(tmp_path: pathlib.Path) -> comparison.Comparison:
    """A comparison whose every text is hostile."""
    read = comparison.Comparison.open(report_artefacts.write_comparison(tmp_path / "comparison"))
    names = (SCRIPT, QUOTE)
    strategies = tuple(
        dataclasses.replace(
            strategy,
            name=name,
            dataset=SCRIPT,
            model_sha256=SCRIPT,
            settings={SCRIPT: QUOTE, "size_px": SCRIPT, "loss": {"kind": SCRIPT}},
            versions={SCRIPT: QUOTE},
            dataset_sha256={SCRIPT: QUOTE},
        )
        for name, strategy in zip(names, read.strategies, strict=True)
    )
    test = dataclasses.replace(read.test, dataset=SCRIPT, split=QUOTE, statement=SCRIPT, sha256=SCRIPT)
    pairs = tuple(dataclasses.replace(pair, first=SCRIPT, second=QUOTE) for pair in read.pairs)
    return dataclasses.replace(
        read, test=test, classes=(SCRIPT, QUOTE, *read.classes[2:]), strategies=strategies, pairs=pairs
    )


def _content(compared: comparison.Comparison) -> parts.PageContent:
    """A page whose every text is hostile."""
    hostile = legend.LandCoverClass(0, 1, SCRIPT, SCRIPT, QUOTE, QUOTE)
    layer = parts.Layer("after", SCRIPT, "data:,", QUOTE, parts.Key.CLASSES)
    view = parts.View(
        "region", SCRIPT, (layer,), "after", "after", (2, 2), 60.0, SCRIPT, ((SCRIPT, QUOTE),), layer, SCRIPT,
        ((SCRIPT, QUOTE),),
    )  # fmt: skip
    counts = map_counts.MapCounts(
        *(np.ones(256) for _ in range(5)), np.ones(101, np.int64), Window(0, 2, 0, 2), np.ones((1, 1))
    )
    chip = parts.ChipPicture("data:,", QUOTE, SCRIPT)
    rate = noise_summary.Rate(SCRIPT, 4, 0.25, 0.1, 0.4, 1, QUOTE)
    return parts.PageContent(
        title=SCRIPT,
        subtitle=QUOTE,
        notes=(SCRIPT,),
        map=parts.MapPart(view, view, (parts.ClassArea(hostile, 1.0, 2.0),), counts, refined_map.MapTags()),
        changes=(parts.Change(hostile, hostile, 1, 0.1),),
        sheets=parts.SheetsPart(SCRIPT, QUOTE, (parts.Sheet(hostile, 1, (chip,)),)),
        sampling=parts.SamplingPart(view, (SCRIPT, QUOTE), {SCRIPT: {SCRIPT: 1, QUOTE: 2}}, 1, 3),
        comparison=compared,
        noise=parts.NoisePart(noise_summary.NoiseSummary(SCRIPT, QUOTE, SCRIPT, 4, 1, (rate,)), (chip,), None),
        facts=(
            parts.FactTable(SCRIPT, ((SCRIPT, QUOTE),)),
            parts.FactTable(SCRIPT, ((SCRIPT, QUOTE),), (QUOTE, SCRIPT)),
        ),
        missing={"x": SCRIPT},
    )


def test_no_text_of_an_input_becomes_a_tag(compared: comparison.Comparison) -> None:
    rendered = page.render(_content(compared))
    assert rendered.count("<script") == 1  # the page's own
    assert "<img src=x" not in rendered and "onerror=alert(1)>" not in rendered
    assert rendered.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 60
