"""The map part of a report: layers of the refined map, counts, and the place to look at closely."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import rasterio
import rasterio.enums
import rasterio.windows

from builder import errors, progress
from builder.chips import settings
from builder.imagery import source
from builder.legend import legend
from builder.points import frame as frames
from refine.mapping import changes, mapping, reclassify
from refine.report import content, picturing

LONGEST_PX = 1200  # of the picture of the whole region
CLOSE_PX = 100  # base pixels along the side of the close-up: 3 km
CLOSE_PICTURE_PX = 900
STEP_PX = 25  # between candidate places of the close-up
BLOCK_PX = 1024
CONFIDENCE_RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")  # viridis
UNSEEN = (reclassify.Provenance.NO_DATA, reclassify.Provenance.OUTSIDE_REGION)
PIXEL = tuple[int, int, int, int]  # row0, row1, col0, col1


@dataclasses.dataclass(frozen=True)
class Files:
    """The refined map, its companions, and the map before. `base` None leaves out the layer "before"."""

    refined: pathlib.Path
    base: pathlib.Path | None

    @property
    def provenance(self) -> pathlib.Path:
        """uint8 of `reclassify.Provenance`."""
        return mapping.beside(self.refined, "provenance")

    @property
    def confidence(self) -> pathlib.Path:
        """uint8 percent, 255 where nothing was classified."""
        return mapping.beside(self.refined, "confidence")


@dataclasses.dataclass(frozen=True, eq=False)
class Counts:
    """Whole-map counts: codes before and after int64[256], provenance int64[256], confidence int64[101]; where to look.

    `seen` is the window that holds every pixel of the region; `changed` int64[y, x] counts changed pixels per
    STEP_PX x STEP_PX square of the map.
    """

    before: np.ndarray
    after: np.ndarray
    provenance: np.ndarray
    confidence: np.ndarray
    seen: PIXEL
    changed: np.ndarray


def read(files: Files, frame: frames.Frame | None) -> tuple[content.MapPart, tuple[source.Acquisition, ...]]:
    """The map part, and the acquisitions whose pictures it shows.

    Raises:
      errors.InputError: if a companion file is missing or on another grid.
    """
    check(files)
    counts = count(files)
    with rasterio.open(files.refined) as refined:
        ground = picturing.Ground(refined.crs.to_wkt(), tuple(refined.transform)[:6], refined.shape)
        tags = refined.tags()
    imagery = settings.read(frame.imagery_file) if frame is not None and frame.imagery_file.is_file() else None
    whole, seen = view(files, ground, counts.seen, imagery, name="region", title="The whole region")
    window = closest_look(counts)
    closeup, seen_closely = (None, ()) if window is None else _closeup(files, ground, window, imagery)
    part = content.MapPart(
        whole=whole,
        closeup=closeup,
        classes=class_rows(counts, pixel_hectares(ground, counts.seen)),
        provenance=provenance_rows(counts),
        confidence=counts.confidence,
        min_confidence=float(tags["GLOBELAND_MIN_CONFIDENCE"]) if "GLOBELAND_MIN_CONFIDENCE" in tags else None,
    )
    return part, tuple(dict.fromkeys((*seen, *seen_closely)))


def check(files: Files) -> None:
    """Refuses maps that do not belong together.

    Raises:
      errors.InputError: naming the file that is missing or differs.
    """
    grids = {}
    for path in (files.refined, files.provenance, files.confidence, files.base):
        if path is None:
            continue
        if not path.is_file():
            raise errors.InputError(
                f"{path}: no such file. Give the refined map that `python -m refine map` wrote, with its companions."
            )
        with rasterio.open(path) as dataset:
            grids[path] = (dataset.crs, tuple(dataset.transform)[:6], dataset.shape)
    for path, grid in grids.items():
        if grid != grids[files.refined]:
            raise errors.InputError(
                f"{path}: expected the grid of {files.refined}; received {grid[2]} pixels at {grid[1]}. "
                "Give the base map that was refined."
            )


def count(files: Files) -> Counts:
    """One pass over the map, by blocks."""
    with (
        rasterio.open(files.refined) as refined,
        rasterio.open(files.base or files.refined) as base,
        rasterio.open(files.provenance) as provenance,
        rasterio.open(files.confidence) as confidence,
        progress.Progress(
            "counted", -(-refined.height // BLOCK_PX) * -(-refined.width // BLOCK_PX), unit="blocks"
        ) as bar,
    ):
        rows, columns = refined.shape
        before, after, why = (np.zeros(256, np.int64) for _ in range(3))
        sure = np.zeros(101, np.int64)
        changed = np.zeros((-(-rows // STEP_PX), -(-columns // STEP_PX)), np.int64)
        in_row, in_column = np.zeros(rows, bool), np.zeros(columns, bool)
        for row, col, window in _blocks(rows, columns, bar):
            reason = provenance.read(1, window=window)
            shown = ~np.isin(reason, UNSEEN)
            before += np.bincount(base.read(1, window=window)[shown], minlength=256)
            after += np.bincount(refined.read(1, window=window)[shown], minlength=256)
            why += np.bincount(reason.ravel(), minlength=256)
            percent = confidence.read(1, window=window)
            sure += np.bincount(percent[percent <= 100], minlength=101)
            in_row[row : row + len(reason)] |= shown.any(axis=1)
            in_column[col : col + reason.shape[1]] |= shown.any(axis=0)
            y, x = np.nonzero(reason == reclassify.Provenance.CHANGED)
            np.add.at(changed, ((row + y) // STEP_PX, (col + x) // STEP_PX), 1)
    return Counts(before, after, why, sure, _extent(in_row, in_column), changed)


def closest_look(counts: Counts) -> PIXEL | None:
    """The CLOSE_PX x CLOSE_PX pixels that changed most; None where nothing changed or the map is no larger."""
    row0, row1, col0, col1 = counts.seen
    if not counts.changed.any() or (row1 - row0 <= CLOSE_PX and col1 - col0 <= CLOSE_PX):
        return None
    steps = CLOSE_PX // STEP_PX
    padded = np.pad(
        counts.changed, ((0, max(0, steps - len(counts.changed))), (0, max(0, steps - counts.changed.shape[1])))
    )
    sums = np.lib.stride_tricks.sliding_window_view(padded, (steps, steps)).sum(axis=(2, 3))
    row, col = (int(i) * STEP_PX for i in np.unravel_index(sums.argmax(), sums.shape))
    row, col = max(row0, min(row, row1 - CLOSE_PX)), max(col0, min(col, col1 - CLOSE_PX))
    return row, min(row + CLOSE_PX, row1), col, min(col + CLOSE_PX, col1)


def view(
    files: Files,
    ground: picturing.Ground,
    window: PIXEL,
    imagery: settings.Imagery | None,
    *,
    name: str,
    title: str,
    picture_px: int = LONGEST_PX,
) -> tuple[content.View, tuple[source.Acquisition, ...]]:
    """The layers of a window of the map, and the acquisitions in its picture."""
    row0, row1, col0, col1 = window
    part = ground.window(*window)
    shape = scaled(part.shape, picture_px)
    layers = []
    if files.base is not None:
        layers.append(_class_layer(files.base, window, shape, "before", "Before: base map", "the base map"))
    layers.append(_class_layer(files.refined, window, shape, "after", "After: refined map", "the refined map"))
    seen: tuple[source.Acquisition, ...] = ()
    if imagery is not None:
        photo_shape = scaled(part.shape, picture_px, may_grow=True)
        pixels, seen = picturing.imagery(part.resampled(*photo_shape), imagery)
        if pixels[..., 3].any():
            layers.append(_photo_layer(pixels, seen))
    layers += [_confidence_layer(files, window, shape), _provenance_layer(files, window, shape)]
    names = [layer.name for layer in layers]
    left = "before" if "before" in names else "provenance"
    return (
        content.View(
            name=name,
            title=title,
            layers=tuple(layers),
            left=left,
            right="after",
            shape=(row1 - row0, col1 - col0),
            width_m=part.size_m()[1],
            place=place(part),
            classes=tuple((c.title, c.colour) for c in _present(files, window, shape)),
        ),
        seen,
    )


def class_rows(counts: Counts, hectares: float) -> tuple[content.ClassRow, ...]:
    """The classes that occur before or after, in the order of the base map's legend."""
    return tuple(
        content.ClassRow(
            c.title, c.colour, _definition(c), counts.before[c.code] * hectares, counts.after[c.code] * hectares
        )
        for c in legend.read(mapping.BASE_LEGEND).classes
        if counts.before[c.code] or counts.after[c.code]
    )


def provenance_rows(counts: Counts) -> tuple[content.ProvenanceRow, ...]:
    """Why pixels are as they are, in the order of `reclassify.Provenance`."""
    return tuple(
        content.ProvenanceRow(
            reclassify.PROVENANCE_TITLES[p], reclassify.PROVENANCE_COLOURS[p], int(counts.provenance[p])
        )
        for p in reclassify.Provenance
        if p not in UNSEEN and counts.provenance[p]
    )


def pixel_hectares(ground: picturing.Ground, window: PIXEL) -> float:
    """Mean area of the window's pixels on the ellipsoid."""
    part = ground.window(*window)
    corners = part.corners_lonlat()
    return changes.area_hectares(corners[:, 0], corners[:, 1]) / (part.shape[0] * part.shape[1])


def scaled(shape: tuple[int, int], longest: int, *, may_grow: bool = False) -> tuple[int, int]:
    """`shape` scaled so that its longer side is `longest`; never up unless `may_grow`."""
    factor = longest / max(shape)
    if factor >= 1.0 and not may_grow:
        return shape
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def place(ground: picturing.Ground) -> str:
    """Where it is, in words: the range of longitude and latitude."""
    corners = ground.corners_lonlat()
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    along = f"{_degrees(west, 'E', 'W')} to {_degrees(east, 'E', 'W')}"
    return f"{along}, {_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}"


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.3f}° {positive if value >= 0 else negative}"


def _closeup(
    files: Files, ground: picturing.Ground, window: PIXEL, imagery: settings.Imagery | None
) -> tuple[content.View, tuple[source.Acquisition, ...]]:
    return view(files, ground, window, imagery, name="closeup", title="Where most changed", picture_px=CLOSE_PICTURE_PX)


def _read(path: pathlib.Path, window: PIXEL, shape: tuple[int, int]) -> np.ndarray:
    row0, row1, col0, col1 = window
    box = rasterio.windows.Window.from_slices((row0, row1), (col0, col1))
    with rasterio.open(path) as dataset:
        band: np.ndarray = dataset.read(1, window=box, out_shape=shape, resampling=rasterio.enums.Resampling.nearest)
        return band


def _class_layer(
    path: pathlib.Path, window: PIXEL, shape: tuple[int, int], name: str, title: str, what: str
) -> content.Layer:
    classes = legend.read(mapping.BASE_LEGEND)
    codes = _read(path, window, shape)
    shares = np.bincount(codes.ravel(), minlength=256) / codes.size
    common = sorted((c for c in classes.classes if shares[c.code] > 0), key=lambda c: -shares[c.code])
    listed = ", ".join(f"{c.title.lower()} {shares[c.code]:.0%}" for c in common[:5])
    picture = picturing.lossless(picturing.painted(codes, {c.code: c.colour for c in classes.classes}))
    says = f"Land cover of {what}: {listed}." if listed else f"{what} holds no class here."
    return content.Layer(name, title, picture, says, content.Key.CLASSES)


def _present(files: Files, window: PIXEL, shape: tuple[int, int]) -> list[legend.LandCoverClass]:
    """Classes that the pictures of a window show."""
    codes: set[int] = set()
    for path in (files.refined, files.base):
        if path is not None:
            codes |= set(np.unique(_read(path, window, shape)).tolist())
    return [c for c in legend.read(mapping.BASE_LEGEND).classes if c.code in codes]


def _definition(base_class: legend.LandCoverClass) -> str:
    """The definition of a class of the base map: that of our legend where both hold the same."""
    same = [c.definition for c in legend.seven().classes if c.name == base_class.name]
    return same[0] if same else base_class.definition


def _confidence_layer(files: Files, window: PIXEL, shape: tuple[int, int]) -> content.Layer:
    percent = _read(files.confidence, window, shape)
    missing = percent == reclassify.NOT_CLASSIFIED
    picture = picturing.ramp(percent, CONFIDENCE_RAMP, low=0.0, high=100.0, missing=missing)
    middle = f"; median {np.median(percent[~missing]):.0f} %" if not missing.all() else ""
    says = f"Calibrated probability of the class, {(~missing).mean():.0%} of the picture was classified{middle}."
    return content.Layer("confidence", "Confidence", picturing.lossless(picture), says, content.Key.CONFIDENCE)


def _provenance_layer(files: Files, window: PIXEL, shape: tuple[int, int]) -> content.Layer:
    reasons = _read(files.provenance, window, shape)
    shares = np.bincount(reasons.ravel(), minlength=256) / reasons.size
    colours = {int(p): reclassify.PROVENANCE_COLOURS[p] for p in reclassify.Provenance if p not in UNSEEN}
    known = sorted((p for p in reclassify.Provenance if p not in UNSEEN and shares[p]), key=lambda p: -shares[p])
    listed = ", ".join(f"{reclassify.PROVENANCE_TITLES[p]} {shares[p]:.0%}" for p in known)
    picture = picturing.lossless(picturing.painted(reasons, colours))
    says = f"Why each pixel is as it is: {listed}."
    return content.Layer("provenance", "Provenance", picture, says, content.Key.PROVENANCE)


def _photo_layer(pixels: np.ndarray, seen: tuple[source.Acquisition, ...]) -> content.Layer:
    days = sorted(a.acquired_from for a in seen)
    when = f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    credit = "; ".join(dict.fromkeys(a.attribution for a in seen if a.attribution))
    says = f"Imagery of {when}, {min(a.gsd_m for a in seen):g} m. {credit}."
    return content.Layer("imagery", f"Imagery, {when}", picturing.photograph(pixels), says, content.Key.IMAGERY, True)


def _extent(in_row: np.ndarray, in_column: np.ndarray) -> PIXEL:
    if not in_row.any():
        return 0, len(in_row), 0, len(in_column)
    rows, columns = np.flatnonzero(in_row), np.flatnonzero(in_column)
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _blocks(rows: int, columns: int, bar: progress.Progress) -> Iterator[tuple[int, int, rasterio.windows.Window]]:
    for row in range(0, rows, BLOCK_PX):
        for col in range(0, columns, BLOCK_PX):
            height, width = min(BLOCK_PX, rows - row), min(BLOCK_PX, columns - col)
            yield row, col, rasterio.windows.Window(col, row, width, height)
            bar.advance()
