"""Everything that a report reads, small and real: a refined map, frame, imagery, comparison, doubtful labels."""

from __future__ import annotations

import math
import pathlib
import tomllib

import imagery_files
import map_files
import numpy as np
import pyproj
import rasterio.transform

from builder import hashing
from builder.chips import imagery_toml
from builder.frame import design, frame, points_table
from builder.geometry import grid
from builder.geometry.lattice import Lattice
from builder.legend import legend
from builder.maps import agreement, cog
from refine.accuracy import accuracy, estimators, intervals, paired, seasonal, support
from refine.artefacts import changes, comparison, noise_summary, refined_map
from refine.artefacts.provenance import Provenance
from refine.training import training_settings

WINDOW = grid.window_of_bbox(108.0, 34.0, 108.05, 34.05)
CRS = "EPSG:32649"
ROWS, COLUMNS = 140, 120
ORIGIN = pyproj.Transformer.from_crs(4326, CRS, always_xy=True).transform(108.005, 34.045)
ORIGIN = (round(ORIGIN[0]), round(ORIGIN[1]))
CHANGED = (slice(90, 130), slice(60, 100))  # forest that turns out to be water
UNSURE_ROWS, NO_IMAGERY_ROWS = slice(80, 90), slice(130, 140)
NAMES = legend.seven().names
MODEL_SHA256, TEST_SHA256 = "ab" * 32, "78" * 32
IMAGERY = """[rules]
season = "all"
[[source]]
name = "scenes"
type = "folder"
path = "scenes"
licence = "CC0-1.0"
attribution = "Survey <of> Nowhere"
sensor = "camera"
date = { from = "tag" }
"""


def write_map(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """(base, refined): a forest with a square of 1,600 changed pixels, and the companions of the refined map."""
    codes = np.full((ROWS, COLUMNS), 20, np.uint8)
    codes[:20] = 10
    base = map_files.geotiff(folder / "base.tif", codes, crs=CRS, origin=ORIGIN, pixel=30, nodata=0)
    after = codes.copy()
    after[CHANGED] = 60
    why = np.full(codes.shape, Provenance.CONSISTENT, np.uint8)
    why[UNSURE_ROWS], why[NO_IMAGERY_ROWS], why[CHANGED] = Provenance.UNSURE, Provenance.NO_IMAGERY, Provenance.CHANGED
    why[:5] = Provenance.OUTSIDE_REGION
    sure = np.full(codes.shape, 255, np.uint8)
    sure[UNSURE_ROWS], sure[CHANGED] = 40, 90
    transform = (30.0, 0.0, ORIGIN[0], 0.0, -30.0, ORIGIN[1])
    refined = refined_map.RefinedMap(folder / "refined.tif")
    tags = refined_map.MapTags(
        model_sha256=MODEL_SHA256,
        base=base.name,
        base_sha256=hashing.sha256_of_file(base),
        imagery_rules=imagery_toml.parse(tomllib.loads(IMAGERY), folder).digest,
        min_confidence=0.5,
        base_trust=0.4,
        dataset="s/rough:1.0.0",
    )
    for path, values, nodata in (
        (refined.path, after, 0),
        (refined.provenance, why, 0),
        (refined.confidence, sure, refined_map.NOT_CLASSIFIED),
    ):
        profile = cog.Profile(Lattice(CRS, transform, values.shape), 1, "uint8", nodata)
        cog.from_blocks(path, profile, [(0, 0, values[np.newaxis])], tags=tags.as_tags())
    names = {c.code: c.title for c in refined_map.base_legend().classes}
    changes.write_csv(changes.Changes({(20, 60): 1600}, {(20, 60): 144.0}), names, refined.change_table)
    return base, refined.path


def write_frame(
    folder: pathlib.Path, *, products: tuple[str, ...] = ("globeland30",), min_agreement: int = 1
) -> pathlib.Path:
    """A frame of 28 points over an agreement map, and a scene that covers most of the refined map."""
    rows, columns = WINDOW.shape
    state = np.full((rows, columns), agreement.State.CONSISTENT, np.uint8)
    state[:, : columns // 2] = agreement.State.INCONSISTENT
    consensus = np.where(state == agreement.State.CONSISTENT, 20, 0).astype(np.uint8)
    layers = np.concatenate([state[np.newaxis], np.ones((6, rows, columns), np.uint8)])
    cog.from_blocks(folder / frame.LAYERS, cog.of_window(WINDOW, bands=7), [(0, 0, layers)])
    for name in (frame.AGREEMENT, frame.HARMONIZED):
        cog.from_blocks(folder / name, cog.of_window(WINDOW), [(0, 0, consensus[np.newaxis])])
    drawn = design.SamplingDesign(products=products, base="globeland30", min_agreement=min_agreement)
    product = {"title": "GlobeLand30", "year": 2010, "version": "1", "licence": "ask", "citation": "Chen 2015"}
    product["files"] = [{"name": "n49_30.tif", "sha256": "cd" * 32, "size_bytes": 1}]
    metadata = {"design": drawn.to_json(), "design_sha256": "ef" * 32, "products": [product], "strata": {}}
    metadata |= {"shortfalls": [], "created_by": "tests"}
    points_table.write(folder / frame.POINTS, _points(), metadata)
    frame.seal(folder)
    (folder / frame.IMAGERY).write_text(IMAGERY, encoding="utf-8")
    transform = rasterio.transform.from_origin(ORIGIN[0] - 200, ORIGIN[1] + 200, 2.0, 2.0)
    imagery_files.write(
        folder / "scenes" / "a.tif",
        imagery_files.texture(2200, 1700),  # the last 150 m in the east have no imagery
        transform=transform,
        tags={"TIFFTAG_DATETIME": "2010:07:01 00:00:00"},
    )
    return folder


def _points() -> points_table.pa.Table:
    cells = WINDOW.cells().ravel()[: 28 * 8 : 8]
    rows, columns = np.divmod(cells, grid.COLUMNS)
    lon = (columns + 0.5) / grid.CELLS_PER_DEGREE - 180.0
    lat = 90.0 - (rows + 0.5) / grid.CELLS_PER_DEGREE
    values = {
        "key": points_table.cell_keys(cells),
        "cell": cells,
        "lon": lon,
        "lat": lat,
        "state": ["consistent"] * 28,
        "label": [NAMES[i % 7] for i in range(28)],
        "split": ["train"] * 21 + ["test"] * 7,
        "block": ["b"] * 28,
        "rank": np.arange(28) // 7,
        "geometry": points_table.wkb_points(lon, lat),
    }
    columns_ = [
        points_table.pa.array(values[f.name], f.type) if f.name in values else points_table.pa.nulls(28, f.type)
        for f in points_table.SCHEMA
    ]
    return points_table.pa.table(columns_, schema=points_table.SCHEMA)


def write_comparison(folder: pathlib.Path) -> pathlib.Path:
    """compare.json of two strategies on 70 samples, 10 per class: 63 and 56 right."""
    reference = np.repeat(np.arange(7), 10)
    predictions = {}
    for name, wrong in (("logits / rough", 1), ("first-layer / rough", 2)):
        predicted = reference.copy()
        predicted[np.arange(70) % 10 < wrong] = (reference[np.arange(70) % 10 < wrong] + 1) % 7
        predictions[name] = predicted
    first, second = predictions
    folder.mkdir(parents=True)
    test = _test_split(accuracy.Confusion.from_pairs(predictions[first], reference, NAMES))
    comparison.Comparison(
        test=test,
        classes=NAMES,
        level=intervals.LEVEL,
        strategies=tuple(_strategy(name, predicted, reference) for name, predicted in predictions.items()),
        pairs=(comparison.Pair(first, second, paired.of_predictions(*predictions.values(), reference)),),
    ).write(folder)
    return folder


def _test_split(confusion: accuracy.Confusion) -> comparison.TestSplit:
    dataset, split = "globeland_samples/accurate:1.0.0", "test"
    supported = support.of(estimators.simple_random(confusion), population=support.population_of(dataset, split))
    return comparison.TestSplit(dataset, split, 70, TEST_SHA256, {"review": 70}, supported.statement)


def _strategy(name: str, predicted: np.ndarray, reference: np.ndarray) -> comparison.Strategy:
    judged = estimators.simple_random(accuracy.Confusion.from_pairs(predicted, reference, NAMES))
    kind = name.partition(" ")[0]
    settings = training_settings.TrainingSettings(strategy=kind, weights="some/where/w.h5", size_px=75, seed=17)
    return comparison.Strategy(
        name=name,
        strategy=kind,
        dataset="globeland_samples/rough:1.0.0",
        model=f"{kind}-rough",
        model_sha256=MODEL_SHA256 if kind == "first-layer" else "12" * 32,
        overall=judged.overall,
        kappa=judged.kappa,
        users=judged.users,
        producers=judged.producers,
        f1=judged.f1,
        confusion=tuple(map(tuple, judged.counts.tolist())),
        by_season=seasonal.by_season(predicted == reference, np.arange(70) < 50),
        design=judged.design.value,
        minutes=1.5,
        images_per_s=12.0,
        epochs=3,
        train_examples=21,
        stopped="last epoch",
        is_broken=False,
        settings=settings.as_json(),
        sources={},
        versions={"keras": "3.99.1"},
        dataset_sha256={"train": "34" * 32, "validation": "56" * 32},
    )


def write_noise(folder: pathlib.Path, dataset: str, keys: list[str]) -> pathlib.Path:
    """noise.json and doubtful.csv that doubt `keys`."""
    folder.mkdir(parents=True)
    rates = tuple(noise_summary.Rate(name, 4, 0.25, math.nan, math.nan, 1, "water") for name in NAMES)
    summary = noise_summary.NoiseSummary(dataset, "train", "9a" * 32, 28, len(keys), rates)
    doubtful = [
        noise_summary.DoubtfulLabel(
            key, "train", "forest", "water", 0.02, 0.04, 0.91, 0.04, "b", "looks like water (91%)"
        )
        for key in keys
    ]
    summary.write(folder, doubtful)
    return folder
