"""The page as a whole: what it says, and what it leaves out."""

from __future__ import annotations

import dataclasses
import html.parser
import pathlib
import re
import shutil

import pytest
import report_artefacts
import small_release

from builder import errors
from refine.report import page as pages
from refine.report import parts, report

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> report.ReportRequest:
    """A request with every input."""
    folder = tmp_path_factory.mktemp("inputs")
    base, refined = report_artefacts.write_map(folder)
    dataset = small_release.write(folder / "data")
    return report.ReportRequest(
        out=folder / "report.html",
        map=refined,
        base=base,
        frame=report_artefacts.write_frame(folder / "frame"),
        comparison=report_artefacts.write_comparison(folder / "comparison"),
        noise=report_artefacts.write_noise(folder / "noise", dataset, ["train003", "train010"]),
        dataset=dataset,
        data_dir=folder / "data",
        note=("Generated, <not> real.",),
    )


@pytest.fixture(scope="module")
def page(inputs: report.ReportRequest) -> str:
    """The page with everything."""
    return report.write(inputs).read_text(encoding="utf-8")


class _Checker(html.parser.HTMLParser):
    """Counts what HTML must have: balanced tags, unique ids, text for pictures, names for controls."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if "id" in known:
            self.ids.append(str(known["id"]))
        if tag == "img" and not known.get("alt"):
            self.faults.append("a picture without text")
        if tag == "svg" and not (known.get("aria-label") or known.get("aria-hidden")):
            self.faults.append("a chart without text")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes another tag")


def test_the_page_is_well_formed_and_every_picture_has_text(page: str) -> None:
    checker = _Checker()
    checker.feed(page)
    assert checker.faults == []
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)


def test_the_page_names_nothing_outside_itself(page: str) -> None:
    loads = re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']*)""", page)
    assert loads == []
    assert "default-src 'none'" in page
    assert "http" not in re.sub(r"data:[a-z/]+;base64,[A-Za-z0-9+/=]+", "", page).replace("http-equiv", "")


def test_texts_of_inputs_are_escaped(page: str) -> None:
    assert "Generated, &lt;not&gt; real." in page
    assert "Survey &lt;of&gt; Nowhere" in page
    assert "<of>" not in page


@pytest.mark.parametrize(
    "sentence",
    [
        "Base map base.tif",
        "144 ha</strong> changed class",
        "It is not map accuracy",
        'data-scrolls="Confusion matrix of logits / rough"',
        "fewer than 5 omission cells",
        "labelled Forest, looks like water (91%)",
        "Sample points",
        "ab" * 32,
        "<dt>model</dt><dd>first-layer / rough</dd>",
        "Chen 2015",
        "Imagery, 2010-07-01",
        "classified: kept because unsure",
        "the base map's class has 40&nbsp;% where products disagree",
        "another one outweighs it and is at least 50&nbsp;% probable",
        "<dt>trust in the base map where products disagree</dt><dd>0.4</dd>",
        '<th scope="row">seed</th><td>17</td><td>17</td>',
        '<th scope="row">started from</th><td>w.h5</td><td>w.h5</td>',
        '<th scope="row">batch normalization</th><td>frozen</td><td>frozen</td>',
        '<th scope="row">version of keras</th><td>3.99.1</td><td>3.99.1</td>',
        f'<th scope="row">split train, SHA-256 begins</th><td>{"34" * 8}</td><td>{"34" * 8}</td>',
        "78" * 32,
        "Cells coloured by the class on which all products agree",
        "Blank: the products do not agree.",
        '<h3>Agreement of the products</h3><div class="viewer"',
    ],
)
def test_every_part_shows_its_fact(page: str, sentence: str) -> None:
    assert sentence in page


def test_nothing_is_left_out_of_the_whole_page(page: str) -> None:
    assert "Left out" not in page
    assert re.findall(r'<section id="(\w+)"', page) == [name for name, _, _ in pages.SECTIONS]


def test_the_same_inputs_give_the_same_page(inputs: report.ReportRequest, page: str) -> None:
    assert pages.render(report.gather(inputs)) == page


def test_a_page_of_nothing_says_what_is_missing(tmp_path: pathlib.Path) -> None:
    page = pages.render(report.gather(report.ReportRequest(out=tmp_path / "r.html")))
    for option in ("--map", "--frame", "--comparison", "--noise", "--dataset"):
        assert f"no {option} was given" in page
    assert re.findall(r'<section id="(\w+)"', page) == ["facts", "missing"]


def test_a_map_without_base_and_frame_is_shown_without_the_layers_it_lacks(
    inputs: report.ReportRequest, tmp_path: pathlib.Path
) -> None:
    content = report.gather(report.ReportRequest(out=tmp_path / "r.html", map=inputs.map))
    assert content.map is not None
    assert [layer.name for layer in content.map.whole.layers] == ["after", "confidence", "provenance"]
    assert set(content.missing) >= {"before", "imagery"}


def test_a_majority_of_products_is_not_called_all_of_them(tmp_path: pathlib.Path) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame", products=("globeland30", "a", "b", "c"), min_agreement=3)
    page = report.write(report.ReportRequest(out=tmp_path / "r.html", frame=frame)).read_text(encoding="utf-8")
    assert "the class on which at least 3 of 4 products agree" in page
    assert "Blank: fewer than 3 of 4 products agree." in page
    assert "consistent: at least 3 of 4 products agree" in page
    assert "all products" not in page
    assert "the products do not agree" not in page


def test_a_page_says_where_its_inputs_are_not_those_of_the_map(
    inputs: report.ReportRequest, tmp_path: pathlib.Path
) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame")
    (frame / "imagery.toml").write_text(report_artefacts.IMAGERY + "gsd_m = 1.0\n", encoding="utf-8")
    comparison = report_artefacts.write_comparison(tmp_path / "comparison")
    summary = comparison / "compare.json"
    summary.write_text(summary.read_text().replace(report_artefacts.MODEL_SHA256, "cd" * 32), encoding="utf-8")
    request = dataclasses.replace(inputs, frame=frame, comparison=comparison, noise=None, dataset=None, data_dir=None)
    content = report.gather(request)
    assert len(content.notes) == 3
    assert content.notes[0] == "Generated, <not> real."
    assert '<p class="note">The map&#x27;s model (SHA-256 abababababababab…) is not among the compared ones' in (
        pages.render(content)
    )


def test_a_dead_source_of_imagery_costs_the_page_one_layer(
    inputs: report.ReportRequest, tmp_path: pathlib.Path
) -> None:
    frame = report_artefacts.write_frame(tmp_path / "frame")
    (frame / "imagery.toml").write_text(
        '[[source]]\nname = "dead"\ntype = "stac"\nhref = "http://127.0.0.1:9/catalog.json"\n', encoding="utf-8"
    )
    request = dataclasses.replace(inputs, out=tmp_path / "r.html", frame=frame, noise=None, dataset=None, data_dir=None)
    page = report.write(request).read_text(encoding="utf-8")
    assert "The imagery: left out, it cannot be read: http://127.0.0.1:9/catalog.json" in page
    assert 'id="view-closeup"' in page


def test_a_finished_page_is_not_replaced_silently(inputs: report.ReportRequest, page: str) -> None:
    with pytest.raises(errors.RefusedOverwrite):
        report.write(inputs)


@pytest.mark.parametrize(
    ("field", "message"),
    [("map", "no such file"), ("comparison", "python -m refine compare"), ("noise", "python -m refine noise")],
)
def test_an_input_that_is_not_there_is_refused(field: str, message: str, tmp_path: pathlib.Path) -> None:
    request = report.ReportRequest(out=tmp_path / "r.html", **{field: tmp_path / "none"})
    with pytest.raises(errors.InputError, match=message):
        report.write(request)
    assert not request.out.exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected something to report"),
        ({"base": "b.tif", "frame": "f"}, "--base: expected with --map, which is missing"),
        ({"data_dir": "d", "frame": "f"}, "--data_dir: expected with --dataset"),
        ({"frame": "f", "out": "r.tif"}, "r.tif: expected an HTML file"),
    ],
)
def test_a_page_about_nothing_or_half_asked_for_is_refused(
    given: dict[str, str], message: str, tmp_path: pathlib.Path
) -> None:
    paths = {name: tmp_path / value for name, value in ({"out": "r.html"} | given).items()}
    with pytest.raises(errors.InputError, match=message):
        report.write(report.ReportRequest(**paths))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("noise.json", "[]", "expected dataset, split"),
        ("doubtful.csv", "a,b\n1,2\n", "expected key, split, label, suggested"),
    ],
)
def test_what_noise_did_not_write_is_refused(
    inputs: report.ReportRequest, name: str, text: str, message: str, tmp_path: pathlib.Path
) -> None:
    assert inputs.noise is not None
    folder = shutil.copytree(inputs.noise, tmp_path / "noise")
    (folder / name).write_text(text)
    with pytest.raises(errors.InputError, match=f"{name}: {message}"):
        report.write(report.ReportRequest(noise=folder, out=tmp_path / "r.html"))


def test_an_empty_change_table_is_shown_as_a_sentence() -> None:
    nothing = parts.PageContent("t", "", (), None, (), None, None, None, None, (), {})
    assert "No pixel changed its class." in pages.render(nothing)
