"""Prose of templates, tables of Markdown, and forms of JSON documents."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from builder import errors
from builder.release import forms, html_page, markdown, templates


def test_a_paragraph_is_kept_if_its_condition_holds(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "_FOLDER", tmp_path)
    text = "# $name\n\n[if old]\nOld.\n\n[if not old]\nNew: $missing.\n\n$table\n\nEnd.\n"
    (tmp_path / "page.md").write_text(text)
    facts = {"name": "$name", "missing": "[if old]", "table": ""}
    assert templates.filled("page.md", facts, {"old": True}) == "# $name\n\nOld.\n\nEnd.\n"
    assert templates.filled("page.md", facts, {"old": False}) == "# $name\n\nNew: [if old].\n\nEnd.\n"
    with pytest.raises(KeyError, match="table"):
        templates.filled("page.md", {"name": "", "missing": ""}, {"old": True})


def test_a_table_without_rows_is_nothing() -> None:
    assert markdown.table(("a", "b"), []) == ""
    assert markdown.table(("a", "b"), [("1|2", r"3\|4"), ("5\n6", "")]) == (
        "| a | b |\n| --- | --- |\n| 1\\|2 | 3\\|4 |\n| 5 6 |  |"
    )


@pytest.mark.parametrize("text", ["a | b", "<b>", "*a*", "`a`", "[a](b)", "![a](b)", r"a\b", r"\|", "a_b [1, 2] > 3"])
def test_the_page_shows_the_text_of_others_letter_by_letter(text: str) -> None:
    shown = "".join(html_page.body(markdown.table(("title",), [(markdown.escaped(text),)])))
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<td>{plain}</td>" in shown


FORM = {"name": forms.TEXT, "counts": {...: forms.COUNT}, "days": [forms.DAY], "note": forms.Optional(forms.TEXT)}
SOUND = {"name": "a", "counts": {"x": 1}, "days": ["2010-07-01"], "more": 5}


def test_a_document_may_hold_more_than_its_form() -> None:
    forms.check(pathlib.Path("a.json"), SOUND, FORM, cure="")
    forms.check(pathlib.Path("a.json"), SOUND | {"note": None}, FORM, cure="")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 5}, "a.json: name: expected a text; received 5. Write it again."),
        ({"counts": []}, "a.json: counts: expected an object; received []. Write it again."),
        ({"counts": {"x": True}}, "a.json: counts.x: expected a count; received True. Write it again."),
        ({"counts": {"x": -1}}, "a.json: counts.x: expected a count; received -1. Write it again."),
        ({"days": {}}, "a.json: days: expected a list; received {}. Write it again."),
        (
            {"days": ["2010-07-01", "2010-02-30"]},
            "a.json: days[1]: expected a day, as 2010-07-01; received '2010-02-30'. Write it again.",
        ),
        ({"note": 5}, "a.json: note: expected a text; received 5. Write it again."),
    ],
)
def test_the_first_wrong_place_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.InputError) as refused:
        forms.check(pathlib.Path("a.json"), SOUND | change, FORM, cure="Write it again.")
    assert str(refused.value) == message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, True, "1"])
def test_a_number_is_finite(value: object) -> None:
    assert not forms.NUMBER.holds(value) and not forms.POSITIVE.holds(value)


@pytest.mark.parametrize("value", ["1.0", "1.0.0.0", "01.0.0", "1.0.x", "1.0.0\n", "-1.0.0", "../1.0.0", 1])
def test_a_version_is_three_whole_numbers(value: object) -> None:
    assert not forms.VERSION.holds(value) and forms.VERSION.holds("10.0.2")
