"""The map part of a report: its layers as pictures, the areas of its classes, and the place to look at closely."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

import numpy as np
import rasterio
import rasterio.enums

from builder import errors
from builder.chips import imagery_toml
from builder.frame import frame as frames
from builder.geometry import lattice, lonlat
from builder.geometry.window import Window
from builder.imagery import source
from builder.legend import legend
from refine.artefacts import changes, provenance, refined_map
from refine.report import inputs, land_cover, map_counts, page_imagery, page_pictures, parts

LONGEST_PX = 1200  # of the picture of the whole region
CLOSE_PICTURE_PX = 900
CLASSES_LISTED = 5  # in the text of a picture, the most common first
CONFIDENCE_RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")  # viridis
IMAGERY = "The imagery"


@dataclasses.dataclass(frozen=True, eq=False)
class MapSection:
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


def read(files: inputs.MapFiles, frame: frames.Frame | None) -> MapSection:
    """The map part of the page.

    Raises:
      errors.InputError: if a raster cannot be read, or a tag of the map is damaged.
    """
    counts, ground = map_counts.count(files), files.refined.lattice()
    close = map_counts.closest_look(counts)
    photo, close_photo = photographs(ground, counts.seen, close, frame)
    whole = view(files, ground, counts.seen, photo.layer, name="region", title="The whole region")
    closeup = None
    if close is not None:
        title, longest_px = "Where most changed", CLOSE_PICTURE_PX
        closeup = view(files, ground, close, close_photo.layer, name="closeup", title=title, picture_px=longest_px)
    missing = {"imagery": photo.lacking, "closeup": close_photo.lacking}
    if files.base is None:
        missing = {"before": "The layer before: left out, no --base was given."} | missing
    return MapSection(
        parts.MapPart(whole, closeup, class_areas(counts), counts, files.refined.tags()),
        shown=tuple(dict.fromkeys((*photo.shown, *close_photo.shown))),
        missing={name: sentence for name, sentence in missing.items() if sentence},
    )


def read_changes(files: inputs.MapFiles) -> tuple[parts.Change, ...]:
    """The change table beside a refined map, the largest change first.

    Raises:
      errors.InputError: if it is missing or damaged.
    """
    table: changes.Changes = files.refined.read_changes()
    return tuple(
        parts.Change(land_cover.by_code(before), land_cover.by_code(after), pixels, hectares)
        for before, after, pixels, hectares in table.rows()
    )


def photographs(
    ground: lattice.Lattice, whole: Window, close: Window | None, frame: frames.Frame | None
) -> tuple[Photo, Photo]:
    """Imagery of the whole region and of the close-up. A source that cannot be asked costs the page this layer only."""
    imagery = inputs.imagery_of(frame)
    if frame is None or imagery is None:
        why = "no --frame was given." if frame is None else f"{frame.path} holds no {frames.IMAGERY}."
        return _without(why)
    elsewhere = "" if close is None else "; the close-up shows it"
    close_photo = Photo(None)
    try:
        photo = photograph(ground.window(whole), imagery, LONGEST_PX, of="of the whole region", elsewhere=elsewhere)
        if close is not None:
            close_photo = photograph(ground.window(close), imagery, CLOSE_PICTURE_PX, of="of the close-up")
    except errors.InputError as error:
        return _without(f"it cannot be read: {error}")
    return photo, close_photo


def _without(why: str) -> tuple[Photo, Photo]:
    return Photo(None, lacking=f"{IMAGERY}: left out, {why}"), Photo(None)


def photograph(
    part: lattice.Lattice, imagery: imagery_toml.Imagery, longest_px: int, *, of: str, elsewhere: str = ""
) -> Photo:
    """Imagery of a window of the map.

    Raises:
      errors.InputError: if a source cannot be asked at all.
    """
    ground = part.resampled(*scaled(part.shape, longest_px, may_grow=True))
    pieces = page_imagery.pieces(ground)
    if pieces > page_imagery.MOST_PIECES:
        why = f"it is so wide that its picture would take {pieces:,} readings, more than {page_imagery.MOST_PIECES:,}"
        return Photo(None, lacking=f"{IMAGERY} {of}: left out, {why}{elsewhere}.")
    picture = page_imagery.imagery(ground, imagery)
    if not picture.shown:
        reasons = ", ".join(f"{reason} ({count:,} pieces)" for reason, count in picture.refused.items())
        return Photo(None, lacking=f"{IMAGERY} {of}: left out, no picture passes the rules of the frame: {reasons}.")
    return Photo(_photo_layer(picture.pixels, picture.shown), picture.shown)


def view(
    files: inputs.MapFiles,
    ground: lattice.Lattice,
    window: Window,
    photo: parts.Layer | None,
    *,
    name: str,
    title: str,
    picture_px: int = LONGEST_PX,
) -> parts.View:
    """The layers of a window of the map, `photo` among them.

    Args:
      files: the map and its base.
      ground: the pixels of the whole map.
      window: the part to show.
      photo: imagery of that part; None where there is none.
      name: part of the view's id in the page.
      title: heading.
      picture_px: longer side of a picture, at most.
    """
    part = ground.window(window)
    shape = scaled(part.shape, picture_px)
    layers = []
    if files.base is not None:
        layers.append(_class_layer(files.base, window, shape, "before", "Before: base map", "the base map"))
    layers.append(_class_layer(files.refined.path, window, shape, "after", "After: refined map", "the refined map"))
    layers += [] if photo is None else [photo]
    layers += [_confidence_layer(files, window, shape), _provenance_layer(files, window, shape)]
    return parts.View(
        name=name,
        title=title,
        layers=tuple(layers),
        left="before" if files.base is not None else "provenance",
        right="after",
        shape=window.shape,
        width_m=part.size_m()[1],
        place=place(part),
        classes=tuple((c.title, c.colour) for c in _present(files, window, shape)),
    )


def class_areas(counts: map_counts.MapCounts) -> tuple[parts.ClassArea, ...]:
    """The classes that occur before or after, in the order of the base map's legend."""
    return tuple(
        parts.ClassArea(c, float(counts.before_ha[c.code]), float(counts.after_ha[c.code]))
        for c in land_cover.of_base_map()
        if counts.before[c.code] or counts.after[c.code]
    )


def scaled(shape: tuple[int, int], longest: int, *, may_grow: bool = False) -> tuple[int, int]:
    """`shape` scaled so that its longer side is `longest`; never up unless `may_grow`."""
    factor = longest / max(shape)
    if factor >= 1.0 and not may_grow:
        return shape
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def place(ground: lattice.Lattice) -> str:
    """Where it is, in words: the range of longitude and latitude; across 180 degrees from east to west."""
    lon, lat = ground.outline_lonlat()
    along = f"{_longitude(lon.min())} to {_longitude(lon.max())}"
    return f"{along}, {_degrees(lat.min(), 'N', 'S')} to {_degrees(lat.max(), 'N', 'S')}"


def _longitude(value: float) -> str:
    turned = value if -180.0 <= value <= 180.0 else float(lonlat.wrapped(np.asarray(value)))
    return _degrees(turned, "E", "W")


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.3f}° {positive if value >= 0 else negative}"


def _read(path: pathlib.Path, window: Window, shape: tuple[int, int]) -> np.ndarray:
    """uint8[y, x]: a window of a raster in a picture's pixels, nearest."""
    nearest = rasterio.enums.Resampling.nearest
    with rasterio.open(path) as dataset:
        band: np.ndarray = dataset.read(1, window=window.in_raster, out_shape=shape, resampling=nearest)
        return band


def _class_layer(
    path: pathlib.Path, window: Window, shape: tuple[int, int], name: str, title: str, what: str
) -> parts.Layer:
    classes = refined_map.base_legend()
    codes = _read(path, window, shape)
    shares = np.bincount(codes.ravel(), minlength=256) / codes.size
    common = sorted((c for c in classes.classes if shares[c.code] > 0), key=lambda c: -shares[c.code])
    listed = ", ".join(f"{c.title.lower()} {shares[c.code]:.0%}" for c in common[:CLASSES_LISTED])
    picture = page_pictures.lossless(page_pictures.painted(codes, {c.code: c.colour for c in classes.classes}))
    says = f"Land cover of {what}: {listed}." if listed else f"{what} holds no class here."
    return parts.Layer(name, title, picture, says, parts.Key.CLASSES)


def _present(files: inputs.MapFiles, window: Window, shape: tuple[int, int]) -> list[legend.LandCoverClass]:
    """Classes that the pictures of a window show."""
    codes: set[int] = set()
    for path in (files.refined.path, files.base):
        if path is not None:
            codes |= set(np.unique(_read(path, window, shape)).tolist())
    return [c for c in refined_map.base_legend().classes if c.code in codes]


def _confidence_layer(files: inputs.MapFiles, window: Window, shape: tuple[int, int]) -> parts.Layer:
    percent = _read(files.refined.confidence, window, shape)
    missing = percent == refined_map.NOT_CLASSIFIED
    picture = page_pictures.ramp(percent, CONFIDENCE_RAMP, low=0.0, high=100.0, missing=missing)
    middle = f"; median {np.median(percent[~missing]):.0f} %" if not missing.all() else ""
    says = (
        f"Probability of the class that the map holds; {(~missing).mean():.0%} of the picture was classified{middle}."
    )
    return parts.Layer("confidence", "Confidence", page_pictures.lossless(picture), says, parts.Key.CONFIDENCE)


def _provenance_layer(files: inputs.MapFiles, window: Window, shape: tuple[int, int]) -> parts.Layer:
    reasons = _read(files.refined.provenance, window, shape)
    shares = np.bincount(reasons.ravel(), minlength=256) / reasons.size
    kinds = [kind for kind in provenance.Provenance if kind not in provenance.UNSEEN]
    common = sorted((kind for kind in kinds if shares[kind]), key=lambda kind: -shares[kind])
    listed = ", ".join(f"{kind.title} {shares[kind]:.0%}" for kind in common)
    picture = page_pictures.lossless(page_pictures.painted(reasons, {int(kind): kind.colour for kind in kinds}))
    says = f"Why each pixel is as it is: {listed}."
    return parts.Layer("provenance", "Provenance", picture, says, parts.Key.PROVENANCE)


def _photo_layer(pixels: np.ndarray, seen: tuple[source.Acquisition, ...]) -> parts.Layer:
    days = sorted(a.acquired_from for a in seen)
    when = f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    credit = "; ".join(dict.fromkeys(a.attribution for a in seen if a.attribution))
    says = f"Imagery of {when}, {min(a.gsd_m for a in seen):g} m. {credit}."
    return parts.Layer("imagery", f"Imagery, {when}", page_pictures.photograph(pixels), says, parts.Key.IMAGERY, True)
