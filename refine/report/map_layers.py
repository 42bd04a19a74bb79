"""The map part of a report: its layers as pictures, the class table, and the place to look at closely."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import rasterio
import rasterio.enums
import rasterio.windows

from builder import errors
from builder.chips import imagery_toml
from builder.frame import frame as frames
from builder.imagery import source
from builder.legend import legend
from refine.mapping import reclassify, writing
from refine.report import inputs, map_counts, page_pictures, parts

LONGEST_PX = 1200  # of the picture of the whole region
CLOSE_PICTURE_PX = 900
CONFIDENCE_RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")  # viridis
IMAGERY = "The imagery"
PIXEL = map_counts.PIXEL
UNSEEN = map_counts.UNSEEN


@dataclasses.dataclass(frozen=True, eq=False)
class Mapped:
    """The map part; the acquisitions whose pictures it shows; a sentence for each layer that is left out."""

    part: parts.MapPart
    shown: tuple[source.Acquisition, ...]
    missing: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Photo:
    """Imagery of a window as a layer, or in `lacking` why there is none."""

    layer: parts.Layer | None
    shown: tuple[source.Acquisition, ...] = ()
    lacking: str = ""


def read(files: inputs.Files, frame: frames.Frame | None) -> Mapped:
    """The map part of the page.

    Raises:
      errors.InputError: if a companion file is missing or on another grid, or the base is not the one refined.
    """
    inputs.check(files)
    counts = map_counts.count(files)
    with rasterio.open(files.refined) as refined:
        ground = page_pictures.Ground.of(refined)
    close = map_counts.closest_look(counts)
    photos = photographs(ground, counts.seen, close, frame)
    whole = view(files, ground, counts.seen, photos[0].layer, name="region", title="The whole region")
    closeup = None
    if close is not None:
        picture_px = CLOSE_PICTURE_PX
        closeup = view(
            files, ground, close, photos[1].layer, name="closeup", title="Where most changed", picture_px=picture_px
        )
    tags = files.tags()
    part = parts.MapPart(
        whole=whole,
        closeup=closeup,
        classes=class_rows(counts),
        provenance=provenance_rows(counts),
        confidence=counts.confidence,
        min_confidence=_share(tags, "GLOBELAND_MIN_CONFIDENCE"),
        base_trust=_share(tags, "GLOBELAND_BASE_TRUST"),
    )
    missing = {} if files.base is not None else {"before": "The layer before: left out, no --base was given."}
    missing |= {
        name: photo.lacking for name, photo in zip(("imagery", "closeup"), photos, strict=True) if photo.lacking
    }
    return Mapped(part, tuple(dict.fromkeys(a for photo in photos for a in photo.shown)), missing)


def photographs(
    ground: page_pictures.Ground, whole: PIXEL, close: PIXEL | None, frame: frames.Frame | None
) -> tuple[Photo, Photo]:
    """Imagery of the whole region and of the close-up. A source that cannot be asked costs the page this layer only."""
    imagery = inputs.imagery_of(frame)
    if frame is None or imagery is None:
        why = "no --frame was given." if frame is None else f"{frame.path} holds no {frames.IMAGERY}."
        return _without(why)
    elsewhere = "" if close is None else "; the close-up shows it"
    try:
        return (
            photograph(ground.window(*whole), imagery, LONGEST_PX, of="of the whole region", elsewhere=elsewhere),
            photograph(ground.window(*close), imagery, CLOSE_PICTURE_PX, of="of the close-up")
            if close
            else Photo(None),
        )
    except errors.InputError as error:
        return _without(f"it cannot be read: {error}")


def _without(why: str) -> tuple[Photo, Photo]:
    return Photo(None, lacking=f"{IMAGERY}: left out, {why}"), Photo(None)


def photograph(
    part: page_pictures.Ground, imagery: imagery_toml.Imagery, longest_px: int, *, of: str, elsewhere: str = ""
) -> Photo:
    """Imagery of a window of the map.

    Raises:
      errors.InputError: if a source cannot be asked at all.
    """
    ground = part.resampled(*scaled(part.shape, longest_px, may_grow=True))
    pieces = page_pictures.pieces(ground)
    if pieces > page_pictures.MOST_PIECES:
        why = f"it is so wide that its picture would take {pieces:,} readings, more than {page_pictures.MOST_PIECES:,}"
        return Photo(None, lacking=f"{IMAGERY} {of}: left out, {why}{elsewhere}.")
    picture = page_pictures.imagery(ground, imagery)
    if not picture.shown:
        reasons = ", ".join(f"{reason} ({count:,} pieces)" for reason, count in picture.refused.items())
        return Photo(None, lacking=f"{IMAGERY} {of}: left out, no picture passes the rules of the frame: {reasons}.")
    return Photo(_photo_layer(picture.pixels, picture.shown), picture.shown)


def view(
    files: inputs.Files,
    ground: page_pictures.Ground,
    window: PIXEL,
    photo: parts.Layer | None,
    *,
    name: str,
    title: str,
    picture_px: int = LONGEST_PX,
) -> parts.View:
    """The layers of a window of the map, `photo` among them."""
    row0, row1, col0, col1 = window
    part = ground.window(*window)
    shape = scaled(part.shape, picture_px)
    layers = []
    if files.base is not None:
        layers.append(_class_layer(files.base, window, shape, "before", "Before: base map", "the base map"))
    layers.append(_class_layer(files.refined, window, shape, "after", "After: refined map", "the refined map"))
    layers += [] if photo is None else [photo]
    layers += [_confidence_layer(files, window, shape), _provenance_layer(files, window, shape)]
    return parts.View(
        name=name,
        title=title,
        layers=tuple(layers),
        left="before" if files.base is not None else "provenance",
        right="after",
        shape=(row1 - row0, col1 - col0),
        width_m=part.size_m()[1],
        place=place(part),
        classes=tuple((c.title, c.colour) for c in _present(files, window, shape)),
    )


def class_rows(counts: map_counts.MapCounts) -> tuple[parts.ClassRow, ...]:
    """The classes that occur before or after, in the order of the base map's legend."""
    return tuple(
        parts.ClassRow(
            c.title, c.colour, _definition(c), float(counts.before_ha[c.code]), float(counts.after_ha[c.code])
        )
        for c in legend.read(writing.BASE_LEGEND).classes
        if counts.before[c.code] or counts.after[c.code]
    )


def provenance_rows(counts: map_counts.MapCounts) -> tuple[parts.ProvenanceRow, ...]:
    """Why pixels are as they are, in the order of `reclassify.Provenance`."""
    return tuple(
        parts.ProvenanceRow(
            reclassify.PROVENANCE_TITLES[p], reclassify.PROVENANCE_COLOURS[p], int(counts.provenance[p])
        )
        for p in reclassify.Provenance
        if p not in UNSEEN and counts.provenance[p]
    )


def scaled(shape: tuple[int, int], longest: int, *, may_grow: bool = False) -> tuple[int, int]:
    """`shape` scaled so that its longer side is `longest`; never up unless `may_grow`."""
    factor = longest / max(shape)
    if factor >= 1.0 and not may_grow:
        return shape
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def place(ground: page_pictures.Ground) -> str:
    """Where it is, in words: the range of longitude and latitude; across 180 degrees from east to west."""
    lon, lat = ground.outline_lonlat()
    along = f"{_longitude(lon.min())} to {_longitude(lon.max())}"
    return f"{along}, {_degrees(lat.min(), 'N', 'S')} to {_degrees(lat.max(), 'N', 'S')}"


def _longitude(value: float) -> str:
    turned = value if -180.0 <= value <= 180.0 else (value + 180.0) % 360.0 - 180.0
    return _degrees(turned, "E", "W")


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.3f}° {positive if value >= 0 else negative}"


def _share(tags: Mapping[str, str], tag: str) -> float | None:
    return float(tags[tag]) if tag in tags else None


def _read(path: pathlib.Path, window: PIXEL, shape: tuple[int, int]) -> np.ndarray:
    row0, row1, col0, col1 = window
    box = rasterio.windows.Window.from_slices((row0, row1), (col0, col1))
    with rasterio.open(path) as dataset:
        band: np.ndarray = dataset.read(1, window=box, out_shape=shape, resampling=rasterio.enums.Resampling.nearest)
        return band


def _class_layer(
    path: pathlib.Path, window: PIXEL, shape: tuple[int, int], name: str, title: str, what: str
) -> parts.Layer:
    classes = legend.read(writing.BASE_LEGEND)
    codes = _read(path, window, shape)
    shares = np.bincount(codes.ravel(), minlength=256) / codes.size
    common = sorted((c for c in classes.classes if shares[c.code] > 0), key=lambda c: -shares[c.code])
    listed = ", ".join(f"{c.title.lower()} {shares[c.code]:.0%}" for c in common[:5])
    picture = page_pictures.lossless(page_pictures.painted(codes, {c.code: c.colour for c in classes.classes}))
    says = f"Land cover of {what}: {listed}." if listed else f"{what} holds no class here."
    return parts.Layer(name, title, picture, says, parts.Key.CLASSES)


def _present(files: inputs.Files, window: PIXEL, shape: tuple[int, int]) -> list[legend.LandCoverClass]:
    """Classes that the pictures of a window show."""
    codes: set[int] = set()
    for path in (files.refined, files.base):
        if path is not None:
            codes |= set(np.unique(_read(path, window, shape)).tolist())
    return [c for c in legend.read(writing.BASE_LEGEND).classes if c.code in codes]


def _definition(base_class: legend.LandCoverClass) -> str:
    """The definition of a class of the base map: that of our legend where both hold the same."""
    same = [c.definition for c in legend.seven().classes if c.name == base_class.name]
    return same[0] if same else base_class.definition


def _confidence_layer(files: inputs.Files, window: PIXEL, shape: tuple[int, int]) -> parts.Layer:
    percent = _read(files.confidence, window, shape)
    missing = percent == reclassify.NOT_CLASSIFIED
    picture = page_pictures.ramp(percent, CONFIDENCE_RAMP, low=0.0, high=100.0, missing=missing)
    middle = f"; median {np.median(percent[~missing]):.0f} %" if not missing.all() else ""
    says = (
        f"Probability of the class that the map holds; {(~missing).mean():.0%} of the picture was classified{middle}."
    )
    return parts.Layer("confidence", "Confidence", page_pictures.lossless(picture), says, parts.Key.CONFIDENCE)


def _provenance_layer(files: inputs.Files, window: PIXEL, shape: tuple[int, int]) -> parts.Layer:
    reasons = _read(files.provenance, window, shape)
    shares = np.bincount(reasons.ravel(), minlength=256) / reasons.size
    colours = {int(p): reclassify.PROVENANCE_COLOURS[p] for p in reclassify.Provenance if p not in UNSEEN}
    known = sorted((p for p in reclassify.Provenance if p not in UNSEEN and shares[p]), key=lambda p: -shares[p])
    listed = ", ".join(f"{reclassify.PROVENANCE_TITLES[p]} {shares[p]:.0%}" for p in known)
    picture = page_pictures.lossless(page_pictures.painted(reasons, colours))
    says = f"Why each pixel is as it is: {listed}."
    return parts.Layer("provenance", "Provenance", picture, says, parts.Key.PROVENANCE)


def _photo_layer(pixels: np.ndarray, seen: tuple[source.Acquisition, ...]) -> parts.Layer:
    days = sorted(a.acquired_from for a in seen)
    when = f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    credit = "; ".join(dict.fromkeys(a.attribution for a in seen if a.attribution))
    says = f"Imagery of {when}, {min(a.gsd_m for a in seen):g} m. {credit}."
    return parts.Layer("imagery", f"Imagery, {when}", page_pictures.photograph(pixels), says, parts.Key.IMAGERY, True)
