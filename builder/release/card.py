"""`README.md` of a release: what it is, may I use it, how to load it, how good its labels are, what changed."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from builder import checksums
from builder.dataset import examples, index, inspection
from builder.release import extent, licences, overview, version

FILE = "README.md"
OF_GIVEN_POINTS = ("chip_size_m", "region")  # what the design of given points says; the rest is of drawing
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def text(release: version.Version, rows: pa.Table) -> str:
    """The card.

    Args:
      release: the version.
      rows: its index.
    """
    parts = (
        _header,
        _what,
        _terms,
        _loading,
        _contents,
        _features,
        _labels,
        _biases,
        _making,
        _changes,
        _checking,
        _citing,
    )
    return "\n".join(line for part in parts for line in part(release, rows)) + "\n"


def _header(release: version.Version, rows: pa.Table) -> Iterator[str]:
    """The block that Hugging Face reads; its viewer shows the index."""
    total = sum(release.examples.values())
    size = next((name for limit, name in SIZES if total < limit), "n>1M")
    yield from (
        "---",
        f"pretty_name: {release.name} {release.config} {release.number}",
        "license: other",
        "license_name: per-picture",
        f"license_link: {licences.FILE}",
        "task_categories:",
        "- image-classification",
        "tags:",
        "- land-cover",
        "- remote-sensing",
        "- geospatial",
        "- label-noise",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: index",
        f"  data_files: {index.FILE}",
        "---",
        "",
    )


def _what(release: version.Version, rows: pa.Table) -> Iterator[str]:
    covered = extent.of_examples(index.examples_of(rows))
    west, south, east, north = covered.bounds
    chip = release.metadata["chip"]
    yield f"# {release.name}, {release.config} {release.number}"
    yield ""
    yield (
        f"{sum(release.examples.values())} pictures of {chip['size_m']:g} m x {chip['size_m']:g} m of ground "
        f"({chip['size_px']} x {chip['size_px']} px), each with one of {len(release.metadata['legend'])} land "
        "cover classes, "
        f"taken {covered.first} to {covered.last}, between {_degrees(west, 'EW')} and {_degrees(east, 'EW')}, "
        f"{_degrees(south, 'NS')} and {_degrees(north, 'NS')}."
    )
    yield ""
    yield str(release.info.get("configDescription", "")).strip()
    yield ""
    yield f"![points]({overview.MAP_FILE})"
    yield ""
    yield f"![chips of each class]({overview.SHEET_FILE})"
    yield ""


def _degrees(value: float, sides: str) -> str:
    return f"{abs(value):.2f}° {sides[0] if value >= 0 else sides[1]}"


def _terms(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## May I use it?", "")
    yield (
        "Every picture has its own licence, attribution and leave to be passed on: the features `licence`, "
        "`attribution` and "
        f"`redistribution`. Labels derive from the products below. [{licences.FILE}]({licences.FILE}) is the union."
    )
    yield ""
    terms = licences.of_pictures(index.examples_of(rows))
    yield from _table(
        ("pictures", "source", "licence", "attribution", "may be passed on"),
        [(str(t.pictures), t.source, t.licence, t.attribution, t.redistribution) for t in terms],
    )


def _loading(release: version.Version, rows: pa.Table) -> Iterator[str]:
    name = f"{release.name}/{release.config}:{release.number}"
    yield f"""## How do I load it?

`ROOT` is the folder that holds `{release.name}/`. No code of the project is needed.

TensorFlow (`pip install tensorflow tensorflow-datasets`):

```python
import tensorflow_datasets as tfds
train = tfds.load("{name}", split="train", data_dir=ROOT, as_supervised=True)
```

Without TensorFlow (`pip install tensorflow-datasets pillow`), random access, NumPy arrays:

```python
import tensorflow_datasets as tfds
train = tfds.data_source("{name}", split="train", data_dir=ROOT)
print(len(train), train[0]["image"].shape, train[0]["label"])
```

PyTorch:

```python
import torch
loader = torch.utils.data.DataLoader(
    train, batch_size=32, shuffle=True,
    collate_fn=lambda examples: (
        torch.stack([torch.from_numpy(e["image"].copy()) for e in examples]),
        torch.tensor([int(e["label"]) for e in examples]),
    ),
)
images, labels = next(iter(loader))
```

JAX:

```python
import jax.numpy as jnp
batch = [train[i] for i in range(32)]
images, labels = jnp.stack([e["image"] for e in batch]), jnp.array([e["label"] for e in batch])
```

Tables: `{index.FILE}` holds every example and every refused point without its picture (GeoParquet for
geopandas and QGIS; plain pandas reads it too).
"""


def _contents(release: version.Version, rows: pa.Table) -> Iterator[str]:
    names = [entry["name"] for entry in release.metadata["legend"]]
    counts = release.metadata["examples"]
    yield from ("## What is in it?", "")
    table = [(f"`{n}`", *(str(counts.get(s, {}).get(n, 0)) for s in release.examples)) for n in names]
    table.append(("all", *(str(count) for count in release.examples.values())))
    yield from _table(("class", *(f"`{split}`" for split in release.examples)), table)
    rotated = sum(1 for parent in index.examples_of(rows)["parent"].to_pylist() if parent)
    if rotated:
        yield f"{rotated} of train are rotated chips: the ground of another example, turned, to fill a short class."
        yield ""
    if release.metadata["leakage"]["between_splits"]:
        yield from _distances(release)


def _features(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## What does an example hold?", "")
    declared = version.features(release.folder)
    order = [feature.name for feature in examples.FEATURES]
    names = sorted(declared, key=lambda name: (order.index(name) if name in order else len(order), name))
    yield from _table(("feature", "type", "meaning"), [(f"`{name}`", *declared[name]) for name in names])


def _distances(release: version.Version) -> Iterator[str]:
    yield from _table(
        ("splits", "closest centres", "pictures that look alike"),
        [
            (
                " and ".join(f"`{split}`" for split in between["splits"]),
                f"{between['closest']['distance_m']:.0f} m" if between["closest"] else "",
                f"{between['near_equal']['pairs']} pairs",
            )
            for between in release.metadata["leakage"]["between_splits"]
        ],
    )
    yield (
        "No picture and no ground is in two splits. Pictures that look alike differ in at most 4 of 64 bits of a "
        "perceptual "
        f"hash; calm water looks alike everywhere. Details: [{inspection.LEAKAGE_FILE}]({inspection.LEAKAGE_FILE})."
    )
    yield ""


def _labels(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## How good are the labels?", "")
    yield from _table(
        ("split", "labels by"),
        [
            (f"`{split}`", ", ".join(f"{origin} {count}" for origin, count in origins.items()))
            for split, origins in release.metadata["label_origins"].items()
        ],
    )
    reviewed, shares = release.metadata["reviews"], release.metadata["confirmed_by_reviewers"]
    if reviewed["rows"]:
        yield f"{reviewed['reviewers']} people gave {reviewed['rows']} labels; an example's is that of the majority."
        yield ""
    if not shares:
        yield "No one has looked at the pictures yet, so the share of wrong labels is not known."
        yield ""
        return
    yield (
        "How many consensus labels people confirm, with 95 % intervals (Wilson); unusable pictures and ties do not "
        "count:"
    )
    yield ""
    yield from _table(
        ("part", "class", "confirmed", "share", "interval"),
        [
            (
                part.replace("_", " "),
                f"`{label}`",
                f"{s['confirmed']} of {s['reviewed']}",
                f"{s['share']:.1%}",
                f"{s['low']:.1%} to {s['high']:.1%}",
            )
            for part, of_part in shares.items()
            for label, s in of_part.items()
        ],
    )
    yield (
        "`test` and `test_inconsistent` are probability samples: weight an example by 1 / `inclusion_probability`. "
        "Train and "
        "validation are not: do not estimate accuracy from them."
    )
    yield ""


def _biases(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## Known biases", "")
    counts: dict[tuple[str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for row in rows.select(["split", "stratum", "label", "reason"]).to_pylist():
        of_class = (row["stratum"] or "").partition("/")[0] or row["label"] or "no class"
        counts[row["split"], of_class][row["reason"] or "kept"] += 1
    yield "Points that have no picture, or whose picture people could not use, are missing from the dataset:"
    yield ""
    yield from _table(
        ("split", "class", "examples", "missing", "why"),
        [
            (
                f"`{split}`",
                f"`{label}`",
                str(reasons["kept"]),
                str(reasons.total() - reasons["kept"]),
                ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()) if reason != "kept"),
            )
            for (split, label), reasons in sorted(counts.items())
        ],
    )
    yield from _regions(release, rows)


def _regions(release: version.Version, rows: pa.Table) -> Iterator[str]:
    """Refusals by square of 10 degrees."""
    squares: dict[str, collections.Counter[bool]] = collections.defaultdict(collections.Counter)
    for row in rows.select(["lon", "lat", "reason"]).to_pylist():
        west, south = (int(row[name] // 10) * 10 for name in ("lon", "lat"))
        squares[
            f"{_degrees(west, 'EW')} to {_degrees(west + 10, 'EW')}, {_degrees(south, 'NS')} to "
            f"{_degrees(south + 10, 'NS')}"
        ][row["reason"] is None] += 1
    table = [
        (square, str(n[True]), str(n[False]), f"{n[False] / n.total():.0%}") for square, n in sorted(squares.items())
    ]
    yield from _table(("region", "examples", "missing", "share missing"), table)
    if not _is_given(release):
        yield (
            "Labels are of places where the maps agree, which are easier than the rest; cells near class borders, "
            "small "
            "fields and mixed land are rarer here than on the ground."
        )
    yield "Wetland and tundra are outside the legend."
    yield ""


def _is_given(release: version.Version) -> bool:
    """Whether the points were given with their labels, instead of drawn."""
    return bool(release.metadata["design"].get("given"))


def _making(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## How was it made?", "")
    design, rules = release.metadata["design"], release.metadata["imagery_rules"]
    if _is_given(release):
        yield f"By {release.metadata['created_by']}, from points that were given with their labels."
        design = {name: value for name, value in design.items() if name in OF_GIVEN_POINTS}
    else:
        yield f"By {release.metadata['created_by']}, from these products:"
    yield ""
    yield from _table(
        ("product", "year", "version", "licence"),
        [
            tuple(str(product.get(name, "")) for name in ("title", "year", "version", "licence"))
            for product in release.metadata["products"]
        ],
    )
    yield from _table(("design", "value"), _stated(design))
    yield from _table(("rule for pictures", "value"), _stated(rules))


def _stated(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Name and value of what is stated; what is empty or None is not."""
    return [(f"`{name}`", f"`{_plain(value)}`") for name, value in values.items() if value not in (None, "", [])]


def _plain(value: object) -> str:
    if isinstance(value, dict) and value.keys() == {"first", "last"}:  # a season
        first, last = ("-".join(f"{part:02d}" for part in value[name]) for name in ("first", "last"))
        return f"{first}..{last}"
    if isinstance(value, list):
        return (" " if any(isinstance(v, dict) for v in value) else ", ").join(map(_plain, value))
    return str(value)


def _changes(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## What changed?", "")
    notes: Mapping[str, Any] = release.info.get("releaseNotes", {})
    for number, note in sorted(notes.items(), key=lambda item: _numbers(item[0]), reverse=True):
        yield f"- **{number}**: {note}"
    yield ""
    yield (
        "PATCH: the same data as other bytes. MINOR: features added. MAJOR: examples, labels or pictures changed. "
        "`python -m builder diff OLD NEW` lists them."
    )
    yield ""


def _numbers(number: str) -> list[int]:
    return [int(part) for part in number.split(".") if part.isdigit()]


def _checking(release: version.Version, rows: pa.Table) -> Iterator[str]:
    yield from ("## Is my copy whole?", "")
    yield (
        f"`sha256sum -c {checksums.FILE}` checks the bytes; `python -m builder verify FOLDER` also counts, and "
        "compares splits."
    )
    yield ""
    yield f"Semantic digest, the same in every file format and order: `{release.metadata['digest']}`"


def _citing(release: version.Version, rows: pa.Table) -> Iterator[str]:
    citation = str(release.info.get("citation", "")).strip()
    if citation:
        yield from (
            "",
            "## How do I cite it?",
            "",
            f"Name `{release.title}`, its digest, and the products it was made from:",
        )
        yield from ("", "```bibtex", citation, "```")


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    if len(lines) > 2:
        yield from (
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
        )
        yield ""
