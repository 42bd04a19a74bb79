"""The page in a real browser: the swipe moves, layers switch, nothing leaves the page, it prints."""

from __future__ import annotations

import itertools
import pathlib
import shutil
from collections.abc import Iterator

import pytest
import report_artefacts

from refine.report import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium) on the path")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A page with map, frame and comparison."""
    folder = tmp_path_factory.mktemp("page")
    base, refined = report_artefacts.write_map(folder)
    return report.write(
        report.ReportRequest(
            out=folder / "report.html",
            map=refined,
            base=base,
            frame=report_artefacts.write_frame(folder / "frame"),
            comparison=report_artefacts.write_comparison(folder / "comparison"),
        )
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Chromium, without a window."""
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def opened(browser, page_file) -> Iterator[object]:
    """The page at desktop width; fails if it says anything on the console or asks for anything."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    yield page
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]


def _cut(page) -> float:
    return float(page.locator("#view-region .stage").evaluate("e => parseFloat(e.style.getPropertyValue('--cut'))"))


def _value(page) -> int:
    return int(page.locator("#view-region .handle").get_attribute("aria-valuenow"))


def test_the_mouse_moves_the_boundary_and_the_clip_follows(opened) -> None:
    handle = opened.locator("#view-region .handle")
    box = handle.bounding_box()
    before = _cut(opened)
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + 10, steps=3)
    opened.mouse.up()
    assert _cut(opened) - before == pytest.approx(80, abs=2)
    assert _value(opened) > 50
    width = opened.locator("#view-region .scroll").bounding_box()["width"]
    clip = opened.locator("#view-region .on-right").evaluate("e => getComputedStyle(e).clipPath")
    assert f"{_cut(opened):.4g}"[:4] in clip
    assert _value(opened) == pytest.approx(100 * _cut(opened) / width, abs=1)


def test_the_keyboard_moves_the_boundary_and_says_where_it_is(opened) -> None:
    handle = opened.locator("#view-region .handle")
    handle.focus()
    for key, expected in (
        ("ArrowRight", 52),
        ("ArrowLeft", 50),
        ("PageUp", 60),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("End", 100),
    ):
        opened.keyboard.press(key)
        assert _value(opened) == expected
    said = handle.get_attribute("aria-valuetext")
    assert said == "100 percent: Before: base map to the left, After: refined map to the right"


def test_the_boundary_can_be_reached_with_the_tab_key(opened) -> None:
    for _ in range(30):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.getAttribute('role')") == "slider":
            return
    pytest.fail("30 tabs do not reach the slider")


def test_layers_switch_with_their_legend(opened) -> None:
    view = opened.locator("#view-region")
    assert view.locator(".layer:visible").count() == 2
    view.locator('[data-side="left"]').select_option("imagery")
    view.locator('[data-side="right"]').select_option("provenance")
    shown = view.locator(".layer:visible").evaluate_all("layers => layers.map(l => l.dataset.layer)")
    assert shown == ["imagery", "provenance"]
    assert view.locator(".key:visible h4").all_inner_texts() == ["Provenance"]
    assert view.locator(".at-left").inner_text().startswith("Imagery")


def test_the_same_layer_on_both_sides_is_shown_whole(opened) -> None:
    view = opened.locator("#view-region")
    view.locator('[data-side="left"]').select_option("after")
    assert view.locator(".layer:visible").count() == 1
    assert view.locator(".layer:visible").evaluate("e => getComputedStyle(e).clipPath") == "none"


def test_zoom_keeps_the_middle_and_the_boundary_on_the_screen(opened) -> None:
    view = opened.locator("#view-region")
    view.locator('[data-zoom="1"]').click()
    view.locator('[data-zoom="1"]').click()
    scroll = view.locator(".scroll")
    left, width, whole = scroll.evaluate("e => [e.scrollLeft, e.clientWidth, e.scrollWidth]")
    assert left + width / 2 == pytest.approx(whole / 2, abs=3)
    assert _cut(opened) == pytest.approx(left + width / 2, abs=3)
    assert view.locator("output").inner_text() == "4\u00d7"
    view.locator('[data-zoom="1"]').click()
    assert view.locator('[data-zoom="1"]').is_disabled()


def test_all_layers_can_be_seen_side_by_side(opened) -> None:
    view = opened.locator("#view-closeup")
    button = view.locator("[data-apart]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert view.locator(".layer:visible").count() == 5
    assert not view.locator(".handle").is_visible()
    button.click()
    assert view.locator(".layer:visible").count() == 2


def test_points_can_be_hidden(opened) -> None:
    view = opened.locator("#view-agreement")
    assert view.locator(".overlay").is_visible()
    view.locator("[data-overlay]").uncheck()
    assert not view.locator(".overlay").is_visible()


def test_every_picture_is_decoded(opened) -> None:
    opened.evaluate("Promise.all([...document.images].map(i => i.decode()))")
    assert opened.evaluate("[...document.images].every(i => i.naturalWidth > 0)")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_never_scrolls_sideways(opened, width) -> None:
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_shows_every_layer_with_its_name_and_no_controls(opened) -> None:
    opened.emulate_media(media="print")
    view = opened.locator("#view-region")
    assert view.locator(".layer:visible").count() == 5
    assert view.locator("figcaption").first.is_visible()
    assert not view.locator(".controls").is_visible()
    assert not opened.locator("nav").is_visible()


def _wait(page, condition: str) -> None:
    """Until `condition` holds; the page's policy forbids what `wait_for_function` does."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not so within 5 s: {condition}")


def test_paper_shows_what_is_closed_on_the_screen_and_closes_it_again(opened, tmp_path) -> None:
    opened.evaluate(
        "addEventListener('beforeprint', () => { window.printed = document.querySelectorAll('details[open]').length })"
    )
    closed = opened.locator("details:not([open])").count()
    assert closed == 1
    opened.pdf(path=tmp_path / "page.pdf")
    assert opened.evaluate("window.printed") == 2
    assert opened.locator("details:not([open])").count() == closed


def test_tables_are_a_stop_for_the_keyboard_only_where_they_scroll(opened) -> None:
    table = opened.locator('[data-scrolls="Models"]')
    assert table.get_attribute("tabindex") is None
    assert table.get_attribute("role") is None
    opened.set_viewport_size({"width": 360, "height": 800})
    _wait(opened, "document.querySelector('[data-scrolls=\"Models\"]').tabIndex === 0")
    assert table.get_attribute("role") == "region"
    assert table.get_attribute("aria-label") == "Models"
    _wait(
        opened,
        "[...document.querySelectorAll('.wide')].filter(e => e.checkVisibility())"
        ".every(e => e.hasAttribute('tabindex') === e.scrollWidth > e.clientWidth)",
    )
    opened.set_viewport_size({"width": 1280, "height": 800})
    _wait(opened, "!document.querySelector('[data-scrolls=\"Models\"]').hasAttribute('tabindex')")


def test_a_table_that_was_closed_can_be_scrolled_when_it_opens(opened) -> None:
    opened.set_viewport_size({"width": 360, "height": 800})
    opened.locator("details:not([open]) summary").click()
    _wait(opened, "[...document.querySelectorAll('.wide:has(.matrix)')].every(e => e.tabIndex === 0)")


def test_pictures_can_be_scrolled_with_the_keyboard_once_zoomed(opened) -> None:
    scroll = opened.locator("#view-region .scroll")
    assert scroll.get_attribute("tabindex") is None
    opened.locator('#view-region [data-zoom="1"]').click()
    _wait(opened, "document.querySelector('#view-region .scroll').tabIndex === 0")
    before = scroll.evaluate("e => e.scrollLeft")
    scroll.focus()
    opened.keyboard.press("ArrowRight")
    _wait(opened, f"document.querySelector('#view-region .scroll').scrollLeft > {before}")
    opened.locator('#view-region [data-zoom="-1"]').click()
    _wait(opened, "!document.querySelector('#view-region .scroll').hasAttribute('tabindex')")


def test_headings_leave_no_level_out(opened) -> None:
    levels = opened.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_text_has_contrast_on_light_and_dark(opened) -> None:
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        for selector in ("h1", ".quiet", "nav a", "caption"):
            colours = opened.locator(selector).first.evaluate(
                "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
            )
            assert _contrast(*colours) >= 4.5, (scheme, selector)


def _contrast(first: str, second: str) -> float:
    """Contrast ratio of two CSS colours rgb(r, g, b), by WCAG 2."""

    def luminance(text: str) -> float:
        parts = [float(v) / 255 for v in text.partition("(")[2].rstrip(")").split(",")[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_without_scripts_the_first_two_layers_are_there(browser, page_file) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri())
    assert page.locator("#view-region .layer:visible").count() == 2
    assert page.locator("noscript").inner_text().startswith("Scripts are off")
    context.close()
