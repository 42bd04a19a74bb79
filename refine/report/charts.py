"""Charts of a report as inline SVG: they scale, print, and take the page's colours."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence

import numpy as np

from refine.accuracy import intervals
from refine.artefacts import comparison as comparisons
from refine.report import parts
from refine.report.markup import Html, text

ROW_PX, LABEL_PX, PLOT_PX, AXIS_PX = 40, 190, 470, 34
HISTOGRAM_BIN = 5  # percent
HISTOGRAM_PX = (640, 210)
HISTOGRAM_MARGINS_PX = (24, 34, 26, 34)  # left, right, top, bottom
FLOW_PX = (640, 380)
FLOW_NODE_PX, FLOW_SIDE_PX = 14, 175
FLOW_GAP_PX = 16  # labels are 13 px high: those of two nodes of no height must not touch

Nodes = dict[str, tuple[float, float]]  # {class: (top, height)} in pixels


def strategies(comparison: comparisons.Comparison) -> Html:
    """Overall accuracy and kappa of each strategy with their intervals."""
    low, high = _bounds([e for s in comparison.strategies for e in (s.overall, s.kappa)])
    height = ROW_PX * len(comparison.strategies) + AXIS_PX
    body = [_axis(low, high, height)]
    for i, strategy in enumerate(comparison.strategies):
        y = ROW_PX * i + ROW_PX / 2
        body.append(f'<text x="{LABEL_PX - 12}" y="{y + 4:.1f}" class="end">{text(strategy.name)}</text>')
        for shift, estimate, kind in ((-7, strategy.overall, "overall"), (7, strategy.kappa, "kappa")):
            body.append(_whisker(estimate, y + shift, low, high, kind))
    says = "; ".join(f"{s.name} {s.overall.value:.3f}, kappa {s.kappa.value:.3f}" for s in comparison.strategies)
    size = (LABEL_PX + PLOT_PX + 24, height)
    return _svg("strategies", size, body, f"Overall accuracy of each strategy with its interval: {says}.")


def confidence(counts: np.ndarray, threshold: float | None) -> Html:
    """Classified pixels int64[101] by the probability of their class in percent; a change needs `threshold` (0..1)."""
    (width, height), (left, right, top, bottom) = HISTOGRAM_PX, HISTOGRAM_MARGINS_PX
    across, base = width - left - right, height - bottom
    body = _bars(_binned(counts), left, across, top, base)
    body += [
        f'<text x="{left + across * p / 100:.1f}" y="{height - 10}" class="middle">{p} %</text>'
        for p in range(0, 101, 20)
    ]
    body.append(f'<line class="axis" x1="{left}" x2="{left + across}" y1="{base}" y2="{base}"/>')
    if threshold is not None:
        x = left + across * threshold
        beside, anchor = (6, "start") if threshold <= 0.5 else (-6, "end")
        body.append(f'<line class="threshold" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{base}"/>')
        body.append(f'<text x="{x + beside:.1f}" y="16" class="{anchor}">a change needs {100 * threshold:.0f} %</text>')
    says = f"Classified pixels by probability. {confidence_summary(counts)}"
    return _svg("histogram", HISTOGRAM_PX, body, says)


def confidence_summary(counts: np.ndarray) -> str:
    """How many pixels were classified, and how many of them almost surely."""
    total = int(counts.sum())
    sure = int(counts[90:].sum()) / max(1, total)
    return f"{total:,} classified pixels; {100 * sure:.0f} % at 90 % or more."


def flow(changes: Sequence[parts.Change]) -> Html:
    """Changed area as ribbons from the class before to the class after, hectares."""
    width, height = FLOW_PX
    total = sum(change.hectares for change in changes)
    before, after = (_nodes(sums, height, total, _most_nodes(changes)) for sums in _sums(changes))
    left, right = FLOW_SIDE_PX, width - FLOW_SIDE_PX - FLOW_NODE_PX
    body = _ribbons(changes, before, after, (left + FLOW_NODE_PX, right), _scale(height, total, _most_nodes(changes)))
    body += _labelled_nodes(before, {c.before.title: c.before.colour for c in changes}, left, left - 8, "end")
    label_x = right + FLOW_NODE_PX + 8
    body += _labelled_nodes(after, {c.after.title: c.after.colour for c in changes}, right, label_x, "start")
    largest = max(changes, key=lambda c: c.hectares)
    most = f"most from {largest.before.title} to {largest.after.title}, {largest.hectares:,.0f} hectares"
    drawn = _svg("flow", (width, height), body, f"{total:,.0f} hectares changed; {most}.")
    # On a narrow screen it scrolls: shrunk to its width, the names would be too small to read.
    return Html(f'<div class="wide" data-scrolls="Chart of changes">{drawn}</div>')


def _binned(counts: np.ndarray) -> np.ndarray:
    """Sums of HISTOGRAM_BIN percents; the last holds 100 % too."""
    bins = np.add.reduceat(counts, np.arange(0, 100, HISTOGRAM_BIN))
    return np.append(bins[:-1], counts[100 - HISTOGRAM_BIN :].sum())


def _bars(bins: np.ndarray, left: float, across: float, top: float, base: float) -> list[str]:
    step, most = across / len(bins), max(1, int(bins.max()))
    body = []
    for i, count in enumerate(bins.tolist()):
        bar = (base - top) * count / most
        label = f"{i * HISTOGRAM_BIN}-{(i + 1) * HISTOGRAM_BIN} %: {count:,} pixels"
        body.append(
            f'<rect class="bar" x="{left + i * step + 1:.1f}" y="{base - bar:.1f}" width="{step - 2:.1f}" '
            f'height="{bar:.1f}"><title>{label}</title></rect>'
        )
    return body


def _axis(low: float, high: float, height: int) -> str:
    step = 0.05 if high - low <= 0.4 else 0.1 if high - low <= 0.8 else 0.2
    ticks = np.arange(math.ceil(low / step - 1e-9) * step, high + 1e-9, step)
    lines = []
    for tick in ticks:
        x = _x(float(tick), low, high)
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height - AXIS_PX}"/>')
        lines.append(f'<text x="{x:.1f}" y="{height - AXIS_PX + 20}" class="middle">{tick:.2f}</text>')
    return "".join(lines)


def _whisker(estimate: intervals.Estimate, y: float, low: float, high: float, kind: str) -> str:
    if math.isnan(estimate.value):
        return ""
    value = _x(estimate.value, low, high)
    title = f"<title>{kind} {estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})</title>"
    line = ""
    if not math.isnan(estimate.low):
        x0, x1 = _x(estimate.low, low, high), _x(estimate.high, low, high)
        ends = "".join(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>' for x in (x0, x1))
        line = f'<line x1="{x0:.1f}" x2="{x1:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>{ends}'
    if kind == "overall":
        mark = f'<circle cx="{value:.1f}" cy="{y:.1f}" r="5"/>'
    else:
        turned = f'transform="rotate(45 {value:.1f} {y:.1f})"'
        mark = f'<rect x="{value - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" {turned}/>'
    return f'<g class="{kind}">{title}{line}{mark}</g>'


def _bounds(estimates: Sequence[intervals.Estimate]) -> tuple[float, float]:
    values = [v for e in estimates for v in (e.value, e.low, e.high) if not math.isnan(v)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    return math.floor(low * 20 - 0.2) / 20, min(1.0, math.ceil(high * 20 + 0.2) / 20)


def _x(value: float, low: float, high: float) -> float:
    return LABEL_PX + PLOT_PX * (value - low) / (high - low)


def _scale(height: int, total: float, nodes: int) -> float:
    return (height - 20 - FLOW_GAP_PX * max(0, nodes - 1)) / max(total, 1e-9)


def _sums(changes: Sequence[parts.Change]) -> tuple[dict[str, float], dict[str, float]]:
    """Hectares by the title of the class before, and by that of the class after."""
    before: dict[str, float] = collections.defaultdict(float)
    after: dict[str, float] = collections.defaultdict(float)
    for change in changes:
        before[change.before.title] += change.hectares
        after[change.after.title] += change.hectares
    return before, after


def _most_nodes(changes: Sequence[parts.Change]) -> int:
    """Classes on the side that has more of them."""
    return max(len({c.before for c in changes}), len({c.after for c in changes}))


def _nodes(sums: Mapping[str, float], height: int, total: float, most: int) -> Nodes:
    """Where the classes of one side lie, the largest first."""
    scale, y, nodes = _scale(height, total, most), 10.0, {}
    for name, hectares in sorted(sums.items(), key=lambda node: node[1], reverse=True):
        nodes[name] = (y, hectares * scale)
        y += hectares * scale + FLOW_GAP_PX
    return nodes


def _labelled_nodes(nodes: Nodes, colours: Mapping[str, str], x: float, label_x: float, anchor: str) -> list[str]:
    body = []
    for name, (y, size) in nodes.items():
        body.append(
            f'<rect x="{x}" y="{y:.1f}" width="{FLOW_NODE_PX}" height="{max(size, 1):.1f}" '
            f'fill="{text(colours[name])}" class="node"/>'
        )
        body.append(f'<text x="{label_x}" y="{y + size / 2 + 4:.1f}" class="{anchor}">{text(name)}</text>')
    return body


def _ribbons(
    changes: Sequence[parts.Change], before: Nodes, after: Nodes, x: tuple[float, float], scale: float
) -> list[str]:
    """A ribbon for each change, one below the other at both of its nodes."""
    orders = [{name: i for i, name in enumerate(nodes)} for nodes in (before, after)]
    left = {name: y for name, (y, _) in before.items()}
    right = {name: y for name, (y, _) in after.items()}
    body = []
    for change in sorted(changes, key=lambda c: (orders[0][c.before.title], orders[1][c.after.title])):
        thick = change.hectares * scale
        body.append(_ribbon(x, (left[change.before.title], right[change.after.title]), thick, change))
        left[change.before.title] += thick
        right[change.after.title] += thick
    return body


def _ribbon(x: tuple[float, float], y: tuple[float, float], thick: float, change: parts.Change) -> str:
    (x0, x1), (y0, y1), middle = x, y, sum(x) / 2
    path = (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + thick:.1f}C{middle:.1f} {y1 + thick:.1f} {middle:.1f} {y0 + thick:.1f} {x0:.1f} {y0 + thick:.1f}Z"
    )
    title = text(f"{change.before.title} to {change.after.title}: {change.hectares:,.1f} ha")
    return f'<path class="ribbon" d="{path}" fill="{text(change.after.colour)}"><title>{title}</title></path>'


def _svg(kind: str, size: tuple[int, int], body: Sequence[str], says: str) -> Html:
    return Html(
        f'<svg class="chart {kind}" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}" '
        f'role="img" aria-label="{text(says)}">{"".join(body)}</svg>'
    )
