"""CATALOG.md is what the code says."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from checkout import ROOT

from builder import errors
from builder.legend import legend
from builder.maps import known_products
from builder.release import catalog, html_page


@pytest.mark.parametrize("name", ["CATALOG.md", "docs/catalog.html"])
def test_the_catalogue_in_the_repository_is_current(name: str) -> None:
    assert catalog.is_current(ROOT / name), "run `python -m builder catalog`"


def test_the_catalogue_names_every_class_product_and_imagery_source() -> None:
    text = catalog.page()
    for name in [
        *legend.seven().names,
        *(p.title for p in known_products.catalogue()),
        "NAIP (USDA)",
        "LINZ nz-imagery",
    ]:
        assert name in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(tmp_path: pathlib.Path) -> None:
    catalog.write(tmp_path / "CATALOG.md")
    width = 0
    for line in (tmp_path / "CATALOG.md").read_text().splitlines():
        cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
        assert width in (0, cells) or not cells
        width = cells


RECORD = {
    "name": "globeland_samples",
    "config": "rough",
    "version": "1.0.0",
    "date": "2026-11-23",
    "examples": {"train": 77, "test": 20},
    "digest": "f" * 64,
    "url": "",
    "terms": [{"licence": "CC0-1.0", "attribution": "nobody", "pictures": 97}],
    "confirmed_by_reviewers": {
        "test": {"water": {"confirmed": 4, "reviewed": 5}, "forest": {"confirmed": 5, "reviewed": 5}}
    },
    "notes": "First version.",
    "products": [{"name": "globeland30"}],
}


def test_a_release_answers_terms_labels_loading_and_changes(tmp_path: pathlib.Path) -> None:
    (tmp_path / "rough-1.0.0.json").write_text(json.dumps(RECORD))
    text = catalog.page(tmp_path)
    for answer in (
        "CC0-1.0: nobody (97)",
        "test 9 of 10",
        'tfds.load("globeland_samples/rough:1.0.0"',
        "First version.",
    ):
        assert answer in text


def test_the_page_shows_tables_code_links_and_pictures_and_escapes_the_rest() -> None:
    text = (
        "# A < B\n\nSee [it](docs/x.md) and `#ff0000`.\n\n"
        "| a | b |\n| --- | --- |\n| 1 \\| 2 | *x* |\n\n- one\n\n![p](p.png)"
    )
    shown = "".join(html_page.body(text, base="../"))
    for part in (
        '<h1 id="a-b">A &lt; B</h1>',
        '<a href="../docs/x.md">it</a>',
        'style="background:#ff0000"',
        "<td>1 | 2</td><td><em>x</em></td>",
        "<li>one</li>",
        '<img src="../p.png" alt="p">',
    ):
        assert part in shown


def test_the_terms_of_others_are_no_mark_up_of_the_page(tmp_path: pathlib.Path) -> None:
    hostile = "<script>alert(1)</script> [terms](javascript:alert(1)) `x` | more\n## Heading"
    terms = [{"licence": hostile, "attribution": hostile, "pictures": 97}]
    (tmp_path / "rough-1.0.0.json").write_text(json.dumps(RECORD | {"terms": terms, "url": hostile, "notes": hostile}))
    text = catalog.page(tmp_path)
    assert "\n## Heading" not in text and "[terms](" not in text
    shown = "".join(html_page.body(text))
    assert "<script" not in shown and "href=" in shown
    assert not re.search(r"(href|src)=.?javascript", shown)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "JavaScript:x", "data:text/html,x", "vbscript:x"])
def test_the_page_links_to_the_web_and_to_its_own_files_only(address: str) -> None:
    assert "href" not in "".join(html_page.body(f"[a]({address})"))
    assert "src" not in "".join(html_page.body(f"![a]({address})"))


@pytest.mark.parametrize("address", ["https://example.org/a:b", "http://example.org", "docs/x.md", "#a", "a/b:c"])
def test_addresses_of_the_web_and_relative_ones_are_links(address: str) -> None:
    assert f'href="{address}"' in "".join(html_page.body(f"[a]({address})"))


def test_a_damaged_record_is_named(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "rough-1.0.0.json"
    path.write_text(json.dumps({name: value for name, value in RECORD.items() if name != "terms"}))
    with pytest.raises(errors.InputError, match=r"rough-1\.0\.0\.json: terms: expected a list; received nothing"):
        catalog.page(tmp_path)
