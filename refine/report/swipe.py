"""The swipe: layers of one ground, a boundary between two of them, their legend."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from refine.artefacts import provenance
from refine.report import map_layers, markup, parts, prose

SCALE_STEPS = (1, 2, 5)
HANDLE = (
    '<div class="handle" role="slider" tabindex="0" aria-orientation="horizontal" aria-valuemin="0" '
    'aria-valuemax="100" aria-valuenow="50" aria-valuetext="50 percent" '
    'aria-label="Boundary between the left and the right layer">'
    "<span></span></div>"
)
ZOOM = (
    '<span class="zoom" role="group" aria-label="Zoom"><button type="button" data-zoom="-1" aria-label="Zoom out">'
    '&minus;</button><output aria-live="polite">1&times;</output>'
    '<button type="button" data-zoom="1" aria-label="Zoom in">+</button></span>'
)
APART = '<button type="button" data-apart aria-pressed="false">All layers side by side</button>'


def html_of(view: parts.View) -> markup.Html:
    """The view as HTML: pictures once, a slider between two of them, controls, and the legend of each layer."""
    titles = {layer.name: layer.title for layer in view.layers}
    rows, columns = view.shape
    title = markup.text(view.title)
    size = f"--columns:{columns};--rows:{rows}"
    return markup.Html(f"""<div class="viewer" data-viewer id="view-{view.name}" style="{size}">
<div class="frame">
<div class="scroll" data-scrolls="{title}: pictures, zoomed in">
<div class="stage">{"".join(_layer(view, layer) for layer in view.layers)}{_overlay(view)}</div></div>
{HANDLE}
<span class="badge at-left" aria-hidden="true">{markup.text(titles[view.left])}</span>
<span class="badge at-right" aria-hidden="true">{markup.text(titles[view.right])}</span>
{_scale_bar(view)}
</div>
<div class="side">
<div class="controls" role="group" aria-label="Layers of {title}">
{_select(view, "left", view.left)}{_select(view, "right", view.right)}{_overlay_check(view)}{ZOOM}{APART}
</div>
{_keys(view)}
{prose.html("swipe", "north", place=view.place)}
</div></div>""")


def _layer(view: parts.View, layer: parts.Layer) -> str:
    hidden = "" if layer.name in (view.left, view.right) else " hidden"
    side = " on-left" if layer.name == view.left else " on-right" if layer.name == view.right else ""
    kind = "photograph" if layer.is_photograph else "classes"
    return (
        f'<figure class="layer {kind}{side}" data-layer="{layer.name}" data-key="{layer.key}"{hidden}>'
        f'<img src="{layer.picture}" alt="{markup.text(f"{layer.title}. {layer.says}")}" draggable="false">'
        f"<figcaption>{markup.text(layer.title)}</figcaption></figure>"
    )


def _overlay(view: parts.View) -> str:
    if view.overlay is None:
        return ""
    says = markup.text(view.overlay.says)
    return f'<img class="overlay" src="{view.overlay.picture}" alt="{says}" draggable="false">'


def _select(view: parts.View, side: str, chosen: str) -> str:
    options = "".join(
        f'<option value="{layer.name}"{" selected" if layer.name == chosen else ""}>{markup.text(layer.title)}</option>'
        for layer in view.layers
    )
    return f'<label>{side.capitalize()} <select data-side="{side}">{options}</select></label>'


def _overlay_check(view: parts.View) -> str:
    if view.overlay is None:
        return ""
    title = markup.text(view.overlay.title)
    return f'<label class="check"><input type="checkbox" data-overlay checked> {title}</label>'


def _scale_bar(view: parts.View) -> str:
    """A bar of a round length of about a quarter of the width."""
    length = round_length(view.width_m / 4.0)
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    numbers = markup.text(json.dumps({"share": length / view.width_m}))
    return f'<span class="scale" data-scale="{numbers}" style="width:{100 * length / view.width_m:.2f}%">{label}</span>'


def round_length(metres: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is at most `metres`."""
    power = 10.0 ** math.floor(math.log10(metres))
    return max(step * power for step in SCALE_STEPS if step * power <= metres)


def _keys(view: parts.View) -> str:
    keys = dict.fromkeys(layer.key for layer in view.layers)
    shown = {layer.key for layer in view.layers if layer.name in (view.left, view.right)}
    if view.overlay is not None:
        shown.add(view.overlay.key)
    return "".join(
        f'<div class="key" data-key="{key}"{"" if key in shown else " hidden"}>{_key(view, key)}</div>'
        for key in keys
        if key is not parts.Key.IMAGERY
    )


def _key(view: parts.View, key: parts.Key) -> str:
    if key is parts.Key.CONFIDENCE:
        stops = ",".join(map_layers.CONFIDENCE_RAMP)
        bar = f'<span class="ramp" style="background:linear-gradient(to right,{stops})"></span>'
        ends = "<p class='ends'><span>0 %</span><span>100 %</span></p>"
        return f"<h4>Probability of the class that the map holds</h4>{bar}{ends}{prose.html('swipe', 'not_classified')}"
    if key is parts.Key.PROVENANCE:
        kinds = (kind for kind in provenance.Provenance if kind not in provenance.UNSEEN)
        return f"<h4>Provenance</h4>{_list({kind.title: kind.colour for kind in kinds})}"
    if key is parts.Key.STATE:
        return f"<h4>State of a cell</h4>{_list(dict(view.states))}"
    blank = prose.html("swipe", "blank", blank=view.blank) if view.blank else ""
    return f"<h4>Land cover</h4>{_list(dict(view.classes))}{blank}"


def _list(entries: Mapping[str, str]) -> str:
    items = "".join(f"<li>{markup.named(title, colour)}</li>" for title, colour in entries.items())
    return f"<ul>{items}</ul>"
