"""Each part of a report as a section of HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from refine.accuracy import accuracy
from refine.report import charts, parts, swipe
from refine.report.markup import DASH, interval, named, paragraphs, percent, share, swatch, table, text

CHANGES_SHOWN = 15
SHADE = 55  # percent of the accent colour in the fullest cell of a matrix
MINUS = "\u2212"
_INLINE = '<svg class="inline" viewBox="0 0 12 12" aria-hidden="true">'
STRATEGY_KEY = (
    f'<p class="quiet">{_INLINE}<g class="overall"><circle cx="6" cy="6" r="4"/></g></svg> overall accuracy {_INLINE}'
    '<g class="kappa"><rect x="3" y="3" width="6" height="6" transform="rotate(45 6 6)"/></g></svg> kappa; '
    "95&nbsp;% intervals. Kappa is given for comparison with older papers.</p>"
)


def map_section(part: parts.MapPart) -> str:
    """The whole region and the close-up under a swipe."""
    how = (
        "<p class='noprint'>Drag the boundary, or focus it and press the arrow keys. Choose what lies to its left and "
        "right. Zoom to see single pixels.</p>"
    )
    close = ""
    if part.closeup is not None:
        close = f"<h3>{text(part.closeup.title)}</h3>{swipe.html_of(part.closeup)}"
    return f"{how}<h3>{text(part.whole.title)}</h3>{swipe.html_of(part.whole)}{close}"


def area_section(part: parts.MapPart) -> str:
    """Area of each class before and after."""
    total = sum(row.before_ha for row in part.classes) or 1.0
    rows = [
        (
            f'{named(row.title, row.colour)}<span class="definition">{text(row.definition)}</span>',
            f"{row.before_ha:,.0f}",
            f"{row.after_ha:,.0f}",
            _signed(row.after_ha - row.before_ha),
            percent(row.before_ha / total),
            percent(row.after_ha / total),
        )
        for row in part.classes
    ]
    head = ("class", "before, ha", "after, ha", "difference", "share before", "share after")
    note = "<p class='quiet'>Pixels counted, times their area on the ellipsoid. Counts carry the errors of the map: an "
    note += "estimate of true areas needs a sample (<code>python -m refine accuracy --areas</code>).</p>"
    return table("Area of each class in the region", head, rows) + note


def provenance_section(part: parts.MapPart) -> str:
    """Why pixels are as they are, and how sure the classifier was."""
    total = sum(row.pixels for row in part.provenance) or 1
    rows = [(named(row.title, row.colour), f"{row.pixels:,}", percent(row.pixels / total)) for row in part.provenance]
    chart = ""
    if part.confidence.any():
        drawn = charts.confidence(part.confidence, part.min_confidence)
        counted = f"<p class='quiet'>{charts.confidence_summary(part.confidence)}</p>"
        chart = f"<h3>How probable the classes are</h3><p>{_rule(part)}</p>{drawn}{counted}"
    return table("Why each pixel holds its class", ("reason", "pixels", "share"), rows) + chart


def _rule(part: parts.MapPart) -> str:
    """What the probability is, and when a class was changed."""
    trust = part.base_trust
    beforehand = (
        f" Before any picture is looked at, the base map's class has {percent(trust, 0)} where products disagree "
        "(<code>--base-trust</code>)."
        if trust is not None
        else ""
    )
    needed = (
        f" A class is changed where another one outweighs it and is at least {percent(part.min_confidence, 0)} "
        "probable (<code>--min-confidence</code>); else the base map's class is kept."
        if part.min_confidence is not None
        else ""
    )
    what = "Classified pixels by the probability of the class that the map holds, given picture and base map."
    return f"{what}{beforehand}{needed}"


def changes_section(changes: Sequence[parts.Change]) -> str:
    """From what to what, how much."""
    if not changes:
        return "<p>No pixel changed its class.</p>"
    rows = [
        (
            named(c.before, c.before_colour),
            named(c.after, c.after_colour),
            f"{c.pixels:,}",
            f"{c.hectares:,.1f}",
        )
        for c in changes[:CHANGES_SHOWN]
    ]
    rest = changes[CHANGES_SHOWN:]
    if rest:
        pixels, hectares = sum(c.pixels for c in rest), sum(c.hectares for c in rest)
        rows.append((f"{len(rest)} smaller changes", "", f"{pixels:,}", f"{hectares:,.1f}"))
    head = ("from", "to", "pixels", "hectares")
    return charts.flow(changes) + table("Changes, the largest first", head, rows, numbers_from=2)


def sampling_section(part: parts.SamplingPart) -> str:
    """Where points lie, and how many of each class and split."""
    view = f"<h3>{text(part.view.title)}</h3>{swipe.html_of(part.view)}" if part.view is not None else ""
    shown = (
        f"<p class='quiet'>{part.shown:,} of {part.total:,} points are drawn, by rank.</p>"
        if part.shown < part.total
        else ""
    )
    rows = [
        (text(title), *(f"{row[split]:,}" for split in part.splits), f"{sum(row.values()):,}")
        for title, row in part.counts.items()
    ]
    splits = tuple(split.replace("_", " ") for split in part.splits)
    return f"{view}{shown if part.view else ''}" + table(
        "Ranked points by class and split", ("class", *splits, "all"), rows
    )


def sheets_section(part: parts.SheetsPart) -> str:
    """Samples of each class."""
    intro = f"<p>{text(part.dataset)}, split <code>{text(part.split)}</code>; chosen by a hash, not by eye.</p>"
    return intro + "".join(_sheet(sheet) for sheet in part.sheets)


def strategies_section(part: parts.ComparisonPart) -> str:
    """The strategies with intervals, costs and paired tests."""
    intro = f"<p>{text(part.test)}, {part.samples:,} samples. {text(part.statement)}</p>"
    rows = [
        (
            text(s.name), interval(s.overall), interval(s.kappa), f"{s.examples:,}", f"{s.minutes:.1f}",
            f"{s.images_per_s:,.0f}", str(s.epochs), "" if s.size_px is None else str(s.size_px),
        )
        for s in part.strategies
    ]  # fmt: skip
    head = (
        "strategy / labels",
        "overall accuracy",
        "kappa",
        "trained on",
        "minutes",
        "images/s",
        "epochs",
        "input, px",
    )
    costs = table("Strategies", head, rows)
    return intro + charts.strategies(part) + STRATEGY_KEY + costs + _seasons(part) + _per_class(part) + _pairs(part)


def confusion_section(part: parts.ComparisonPart) -> str:
    """The confusion matrix of every strategy, the best one open."""
    best = part.best
    warnings = paragraphs((f"Warning: {w}" for w in part.warnings), "warning")
    matrices = "".join(
        f"<details{' open' if s is best else ''}><summary>{text(s.name)}: {interval(s.overall)}</summary>"
        f"{_matrix(s, part.classes)}</details>"
        for s in part.strategies
    )
    return f"<p>Rows are the classifier, columns the reference.</p>{matrices}{warnings}"


def noise_section(part: parts.NoisePart) -> str:
    """Doubtful labels: rates and the worst chips."""
    intro = (
        f"<p>{text(part.dataset)}, split <code>{text(part.split)}</code>: {part.doubtful:,} of {part.examples:,} "
        "labels are doubtful, by confident learning on out-of-fold probabilities of spatial blocks. Classes "
        "that look alike raise the rate: it is an upper estimate.</p>"
    )
    rows = [
        (text(r.title), f"{r.examples:,}", f"{r.doubtful:,}", interval(r.rate), text(r.mostly) or DASH)
        for r in part.rates
    ]
    head = ("class", "labels", "doubtful", "noise rate (95 %)", "mostly")
    rates = table("Noise rate by class", head, rows)
    worst = ""
    if part.worst:
        chips = "".join(_chip(chip) for chip in part.worst)
        worst = f"<h3>The most doubtful: given label → what it looks like</h3><ul class='chips captioned'>{chips}</ul>"
    elif part.sheet is not None:
        worst = f'<img class="sheet" src="{part.sheet.picture}" alt="{text(part.sheet.says)}">'
    return intro + rates + worst


def facts_section(facts: Sequence[parts.FactTable]) -> str:
    """How it was made."""
    return "".join(f"<h3>{text(part.title)}</h3>{_facts(part)}" for part in facts)


def _facts(part: parts.FactTable) -> str:
    if part.header:
        rows = [tuple(text(cell) for cell in row) for row in part.rows]
        return table(part.title, part.header, rows, numbers_from=len(part.header), kind="facts")
    pairs = "".join(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in part.rows)
    return f"<dl>{pairs}</dl>"


def _sheet(sheet: parts.Sheet) -> str:
    chips = "".join(_chip(chip) for chip in sheet.chips)
    return (
        f"<h3>{swatch(sheet.colour)}{text(sheet.title)} <span class='quiet'>{sheet.total:,} samples</span></h3>"
        f"<p class='quiet'>{text(sheet.definition)}</p><ul class='chips'>{chips}</ul>"
    )


def _chip(chip: parts.ChipPicture) -> str:
    caption = f"<span>{text(chip.caption)}</span>" if chip.caption else ""
    said = text(chip.says)
    return f'<li><img src="{chip.picture}" alt="{said}" title="{said}" width="128" height="128">{caption}</li>'


def _seasons(part: parts.ComparisonPart) -> str:
    if not any(s.by_season for s in part.strategies):
        return ""
    known = [s for s in part.strategies if s.by_season]
    head = ("overall accuracy", *(f"{name} ({samples:,} samples)" for name, samples, _ in known[0].by_season))
    rows = [(text(s.name), *(interval(estimate) for _, _, estimate in s.by_season)) for s in known]
    return (
        "<p>In season: taken in the season of every class, as a map asks of its pictures, because it does not know "
        "the class beforehand.</p>" + table("In and out of season", head, rows)
    )


def _per_class(part: parts.ComparisonPart) -> str:
    rows = [
        (text(s.name), *(f"{share(u.value)} / {share(p.value)}" for u, p in zip(s.users, s.producers, strict=True)))
        for s in part.strategies
    ]
    return table("User's / producer's accuracy by class", ("", *map(text, part.classes)), rows)


def _pairs(part: parts.ComparisonPart) -> str:
    if not part.pairs:
        return ""
    rows = [
        (f"{text(p.first)} and {text(p.second)}", str(p.only_first), str(p.only_second), f"{p.p:.2g}")
        for p in part.pairs
    ]
    head = ("on the same samples", "only the first right", "only the second right", "McNemar, mid-p")
    return table("Is one better? Paired tests", head, rows)


def _matrix(strategy: parts.Strategy, classes: Sequence[str]) -> str:
    counts = strategy.counts
    users, producers = accuracy.users(counts), accuracy.producers(counts)
    most = max(1, int(counts.max()))
    rows = [
        (
            text(name),
            *(_shaded(int(n), most, is_hit=i == j) for j, n in enumerate(counts[i])),
            f"{int(counts[i].sum())}",
            interval(strategy.users[i], 2) if not math.isnan(users[i]) else DASH,
        )
        for i, name in enumerate(classes)
    ]
    totals = (*(str(int(n)) for n in counts.sum(axis=0)), str(int(counts.sum())), "")
    rows.append(("total", *totals))
    accuracies = (*(_producers(strategy, j, producers) for j in range(len(classes))), "", "")
    rows.append(("producer's accuracy", *accuracies))
    head = ("classifier \\ reference", *map(text, classes), "total", "user's accuracy")
    quantity, allocation = float(accuracy.quantity(counts)), float(accuracy.allocation(counts))
    note = f"<p class='quiet'>Quantity disagreement {quantity:.3f}, allocation disagreement {allocation:.3f}.</p>"
    return table(f"Confusion matrix of {strategy.name}", head, rows, kind="matrix") + note


def _producers(strategy: parts.Strategy, column: int, producers: np.ndarray) -> str:
    return interval(strategy.producers[column], 2) if not math.isnan(producers[column]) else DASH


def _shaded(count: int, most: int, *, is_hit: bool) -> str:
    kind = "hit" if is_hit else "miss"
    return f'<span class="cell {kind}" style="--full:{SHADE * count / most:.0f}%">{count or DASH}</span>'


def _signed(hectares: float) -> str:
    sign = "+" if hectares >= 0.5 else MINUS if hectares <= -0.5 else "\u00b1"
    return f"{sign}{abs(hectares):,.0f}"
