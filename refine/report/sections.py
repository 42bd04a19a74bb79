"""Each part of a report as a section of HTML."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refine.accuracy import accuracy, estimators, support
from refine.artefacts import comparison as comparisons
from refine.artefacts import provenance
from refine.report import charts, land_cover, parts, prose, swipe
from refine.report.markup import (
    DASH,  # fmt: skip
    Html,
    filled,
    interval,
    joined,
    named,
    paragraphs,
    percent,
    share,
    swatch,
    table,
)

CHANGES_SHOWN = 15
SHADE = 55  # percent of the accent colour in the fullest cell of a matrix
MINUS, PLUS_MINUS = "\u2212", "\u00b1"


def map_section(part: parts.MapPart) -> Html:
    """The whole region and the close-up under a swipe."""
    views = [part.whole, *([] if part.closeup is None else [part.closeup])]
    return joined([prose.html("map", "how"), *map(_view, views)])


def area_section(part: parts.MapPart) -> Html:
    """Area of each class before and after."""
    total = sum(row.before_ha for row in part.classes) or 1.0
    rows = [
        (
            _defined(row.land_cover.title, row.land_cover.colour, row.land_cover.definition),
            f"{row.before_ha:,.0f}",
            f"{row.after_ha:,.0f}",
            _signed(row.after_ha - row.before_ha),
            percent(row.before_ha / total),
            percent(row.after_ha / total),
        )
        for row in part.classes
    ]
    head = ("class", "before, ha", "after, ha", "difference", "share before", "share after")
    return joined([table("Area of each class in the region", head, rows), prose.html("area", "note")])


def provenance_section(part: parts.MapPart) -> Html:
    """Why each pixel holds its class, and how probable the classes are."""
    counts = part.counts.provenance
    kinds = [kind for kind in provenance.Provenance if kind not in provenance.UNSEEN and counts[kind]]
    total = sum(int(counts[kind]) for kind in kinds) or 1
    rows = [
        (named(kind.title, kind.colour), f"{int(counts[kind]):,}", percent(int(counts[kind]) / total)) for kind in kinds
    ]
    reasons = table("Why each pixel holds its class", ("reason", "pixels", "share"), rows)
    return joined([reasons, _probabilities(part)]) if part.counts.confidence.any() else reasons


def _probabilities(part: parts.MapPart) -> Html:
    """What the probability is, when a class was changed, and the histogram."""
    sentences = [prose.html("provenance", "probability")]
    if part.tags.base_trust is not None:
        sentences.append(prose.html("provenance", "trust", trust=percent(part.tags.base_trust, 0)))
    if part.tags.min_confidence is not None:
        sentences.append(prose.html("provenance", "threshold", threshold=percent(part.tags.min_confidence, 0)))
    return filled(
        "<h3>How probable the classes are</h3><p>$sentences</p>$chart<p class='quiet'>$summary</p>",
        sentences=Html(" ".join(sentences)),
        chart=charts.confidence(part.counts.confidence, part.tags.min_confidence),
        summary=charts.confidence_summary(part.counts.confidence),
    )


def changes_section(changes: Sequence[parts.Change]) -> Html:
    """From what to what, how much."""
    if not changes:
        return prose.html("changes", "none")
    rows: list[tuple[object, ...]] = [
        (
            named(change.before.title, change.before.colour),
            named(change.after.title, change.after.colour),
            f"{change.pixels:,}",
            f"{change.hectares:,.1f}",
        )
        for change in changes[:CHANGES_SHOWN]
    ]
    rest = changes[CHANGES_SHOWN:]
    if rest:
        pixels, hectares = sum(c.pixels for c in rest), sum(c.hectares for c in rest)
        rows.append((f"{len(rest)} smaller changes", "", f"{pixels:,}", f"{hectares:,.1f}"))
    head = ("from", "to", "pixels", "hectares")
    return joined([charts.flow(changes), table("Changes, the largest first", head, rows, numbers_from=2)])


def sampling_section(part: parts.SamplingPart) -> Html:
    """Where points lie, and how many of each class and split."""
    found = []
    if part.view is not None:
        found.append(_view(part.view))
        if part.shown < part.total:
            found.append(prose.html("sampling", "shown", shown=f"{part.shown:,}", total=f"{part.total:,}"))
    rows = [
        (title, *(f"{row[split]:,}" for split in part.splits), f"{sum(row.values()):,}")
        for title, row in part.counts.items()
    ]
    head = ("class", *(split.replace("_", " ") for split in part.splits), "all")
    return joined([*found, table("Ranked points by class and split", head, rows)])


def sheets_section(part: parts.SheetsPart) -> Html:
    """Samples of each class."""
    chosen = prose.html("sheets", "chosen", dataset=part.dataset, split=part.split)
    return joined([chosen, *map(_sheet, part.sheets)])


def strategies_section(comparison: comparisons.Comparison) -> Html:
    """The strategies with intervals, costs and paired tests."""
    test, strategies = comparison.test, comparison.strategies
    rows = [
        (
            s.name, interval(s.overall), interval(s.kappa), f"{s.train_examples:,}", f"{s.minutes:.1f}",
            f"{s.images_per_s:,.0f}", s.epochs, s.settings.get("size_px", ""),
        )
        for s in strategies
    ]  # fmt: skip
    head = (
        "strategy / labels", "overall accuracy", "kappa", "trained on", "minutes", "images/s", "epochs", "input, px",
    )  # fmt: skip
    return joined(
        [
            prose.html(
                "strategies",
                "test",
                dataset=test.dataset,
                split=test.split,
                examples=f"{test.examples:,}",
                statement=test.statement,
            ),
            charts.strategies(comparison),
            prose.html("strategies", "key"),
            table("Strategies", head, rows),
            _seasons(strategies),
            _classes(comparison),
            _pairs(comparison.pairs),
        ]
    )


def confusion_section(comparison: comparisons.Comparison) -> Html:
    """The confusion matrix of every strategy, the best one open."""
    titles = [land_cover.by_name(name).title for name in comparison.classes]
    matrices = [
        filled(
            "<details$open><summary>$name: $overall</summary>$matrix</details>",
            open=" open" if strategy is comparison.best else "",
            name=strategy.name,
            overall=interval(strategy.overall),
            matrix=_matrix(strategy, titles),
        )
        for strategy in comparison.strategies
    ]
    warnings = paragraphs((f"Warning: {warning}" for warning in _warnings(comparison, titles)), "warning")
    return joined([prose.html("confusion", "axes"), *matrices, warnings])


def noise_section(part: parts.NoisePart) -> Html:
    """Doubtful labels: rates and the worst chips."""
    summary = part.summary
    rows = [
        (
            land_cover.by_name(rate.label).title,
            f"{rate.examples:,}",
            f"{rate.doubtful:,}",
            interval(rate.estimate),
            land_cover.by_name(rate.mostly).title if rate.mostly else DASH,
        )
        for rate in summary.rates
    ]
    found = [
        prose.html(
            "noise",
            "found",
            dataset=summary.dataset,
            split=summary.split,
            doubtful=f"{summary.doubtful:,}",
            examples=f"{summary.examples:,}",
        ),
        table("Noise rate by class", ("class", "labels", "doubtful", "noise rate (95 %)", "mostly"), rows),
    ]
    if part.worst:
        chips = filled("<ul class='chips captioned'>$chips</ul>", chips=joined(map(_chip, part.worst)))
        found += [prose.html("noise", "worst"), chips]
    elif part.sheet is not None:
        picture, says = part.sheet.picture, part.sheet.says
        found.append(filled('<img class="sheet" src="$picture" alt="$says">', picture=picture, says=says))
    return joined(found)


def facts_section(facts: Sequence[parts.FactTable]) -> Html:
    """How it was made."""
    return joined(filled("<h3>$title</h3>$facts", title=part.title, facts=_facts(part)) for part in facts)


def _view(view: parts.View) -> Html:
    return filled("<h3>$title</h3>$view", title=view.title, view=swipe.html_of(view))


def _defined(title: str, colour: str, definition: str) -> Html:
    """A class with its colour, name and definition."""
    return filled(
        '$named<span class="definition">$definition</span>', named=named(title, colour), definition=definition
    )


def _facts(part: parts.FactTable) -> Html:
    if part.header:
        return table(part.title, part.header, part.rows, numbers_from=len(part.header), kind="facts")
    pairs = (filled("<div><dt>$name</dt><dd>$value</dd></div>", name=name, value=value) for name, value in part.rows)
    return filled("<dl>$pairs</dl>", pairs=joined(pairs))


def _sheet(sheet: parts.Sheet) -> Html:
    return filled(
        "<h3>$swatch$title <span class='quiet'>$total samples</span></h3>"
        "<p class='quiet'>$definition</p><ul class='chips'>$chips</ul>",
        swatch=swatch(sheet.land_cover.colour),
        title=sheet.land_cover.title,
        total=f"{sheet.total:,}",
        definition=sheet.land_cover.definition,
        chips=joined(map(_chip, sheet.chips)),
    )


def _chip(chip: parts.ChipPicture) -> Html:
    return filled(
        '<li><img src="$picture" alt="$says" title="$says" width="128" height="128">$caption</li>',
        picture=chip.picture,
        says=chip.says,
        caption=filled("<span>$caption</span>", caption=chip.caption) if chip.caption else "",
    )


def _seasons(strategies: Sequence[comparisons.Strategy]) -> Html:
    known = [(s.name, s.by_season.rows()) for s in strategies if s.by_season is not None]
    if not known:
        return Html()
    head = ("overall accuracy", *(f"{name} ({samples:,} samples)" for name, samples, _ in known[0][1]))
    rows = [(name, *(interval(estimate) for _, _, estimate in seasons)) for name, seasons in known]
    return joined([prose.html("strategies", "season"), table("In and out of season", head, rows)])


def _classes(comparison: comparisons.Comparison) -> Html:
    titles = [land_cover.by_name(name).title for name in comparison.classes]
    rows = [
        (s.name, *(f"{share(u.value)} / {share(p.value)}" for u, p in zip(s.users, s.producers, strict=True)))
        for s in comparison.strategies
    ]
    return table("User's / producer's accuracy by class", ("", *titles), rows)


def _pairs(pairs: Sequence[comparisons.Pair]) -> Html:
    if not pairs:
        return Html()
    rows = [
        (f"{pair.first} and {pair.second}", pair.test.only_first, pair.test.only_second, f"{pair.test.p:.2g}")
        for pair in pairs
    ]
    head = ("on the same samples", "only the first right", "only the second right", "McNemar, mid-p")
    return table("Is one better? Paired tests", head, rows)


def _warnings(comparison: comparisons.Comparison, titles: Sequence[str]) -> tuple[str, ...]:
    """Which figures of the comparison rest on too little."""
    confusion = accuracy.Confusion(np.array(comparison.strategies[0].confusion, np.int64), tuple(titles))
    population = support.population_of(comparison.test.dataset, comparison.test.split)
    return support.of(estimators.simple_random(confusion), population=population).warnings


def _matrix(strategy: comparisons.Strategy, titles: Sequence[str]) -> Html:
    counts = np.array(strategy.confusion, np.int64)
    most = max(1, int(counts.max()))
    rows: list[tuple[object, ...]] = [
        (
            title,
            *(_shaded(int(n), most, is_hit=i == j) for j, n in enumerate(counts[i])),
            int(counts[i].sum()),
            interval(strategy.users[i], 2),
        )
        for i, title in enumerate(titles)
    ]
    rows.append(("total", *counts.sum(axis=0).tolist(), int(counts.sum()), ""))
    rows.append(("producer's accuracy", *(interval(estimate, 2) for estimate in strategy.producers), "", ""))
    head = ("classifier \\ reference", *titles, "total", "user's accuracy")
    return joined(
        [
            table(f"Confusion matrix of {strategy.name}", head, rows, kind="matrix"),
            prose.html(
                "confusion",
                "disagreement",
                quantity=f"{float(accuracy.quantity(counts)):.3f}",
                allocation=f"{float(accuracy.allocation(counts)):.3f}",
            ),
        ]
    )


def _shaded(count: int, most: int, *, is_hit: bool) -> Html:
    return filled(
        '<span class="cell $kind" style="--full:$full%">$count</span>',
        kind="hit" if is_hit else "miss",
        full=f"{SHADE * count / most:.0f}",
        count=count or DASH,
    )


def _signed(hectares: float) -> str:
    sign = "+" if hectares >= 0.5 else MINUS if hectares <= -0.5 else PLUS_MINUS
    return f"{sign}{abs(hectares):,.0f}"
