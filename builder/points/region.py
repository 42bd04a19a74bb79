"""The region to draw points in: a box, an area of interest from a file, or all that the base product covers."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import Any

import shapely

from builder import errors, input_files
from builder.geometry import grid, lonlat
from builder.geometry.lonlat import Bounds
from builder.maps import products

LONGEST_SIDE_M = 1000.0  # of a projected polygon: the curve leaves such a chord by centimetres


@dataclasses.dataclass(frozen=True)
class Region:
    """The cells to look at, and the area within them that counts (degrees; None = all of them)."""

    window: grid.CellWindow
    aoi: shapely.Geometry | None = None

    @property
    def aoi_sha256(self) -> str:
        """Digest of the area of interest, "" if there is none."""
        return "" if self.aoi is None else hashlib.sha256(shapely.to_wkb(self.aoi)).hexdigest()


def of(base: products.Product, *, bbox: Bounds | None, aoi: pathlib.Path | None) -> Region:
    """The region of a box or of an area of interest; without either, all that the base covers.

    Raises:
      errors.InputError: if both a box and an area are given, the box is reversed, the area is empty or has no CRS, or
        the base product holds no pixel there.
    """
    if bbox is not None and aoi is not None:
        raise errors.InputError("--bbox and --aoi: expected one of them; received both.")
    if aoi is not None:
        region, name = of_area(read_area(aoi)), f"--aoi {aoi}"
    elif bbox is not None:
        region, name = Region(grid.window_of_bbox(*bbox)), f"--bbox {','.join(f'{v:g}' for v in bbox)}"
    else:
        return Region(_window_of_base(base))
    if bbox is not None:
        refuse_swapped(*bbox)
    if not base.files_over(region.window.bounds):
        west, south, east, north = _window_of_base(base).bounds
        raise errors.InputError(
            f"{name}: expected a region that the base product {base.name} covers; its {len(base.files)} files lie "
            f"within {west:.3f},{south:.3f},{east:.3f},{north:.3f} (W,S,E,N). Choose a region there, or add its tiles."
        )
    return region


def refuse_swapped(west: float, south: float, east: float, north: float) -> None:
    """Refuses a box across 180 degrees that covers more than half the globe: its W and E are probably swapped.

    Raises:
      errors.InputError: with the box in the right order.
    """
    if east + 360.0 - west > 180.0 and west > east:
        raise errors.InputError(
            f"--bbox: expected W,S,E,N; received W={west:g} > E={east:g}, a box {east + 360.0 - west:g} degrees wide "
            f"across 180. Swap them: --bbox={east:g},{south:g},{west:g},{north:g}. For more than half the globe "
            "give --aoi."
        )


def read_area(path: pathlib.Path) -> shapely.Geometry:
    """The area of a vector file of any CRS, as one valid geometry in degrees of EPSG:4326.

    Raises:
      errors.NoCrs: if the file has no CRS.
      errors.InputError: if the file cannot be read, or holds no polygon.
    """
    features = _read_features(path)
    if getattr(features, "crs", None) is None:
        raise errors.NoCrs(f"--aoi {path}: expected a file that states its CRS; it has none. Write it with one.")
    whole: Any = shapely.make_valid(_in_degrees(features).union_all())
    polygons = [part for part in shapely.get_parts(whole).tolist() if part.geom_type in ("Polygon", "MultiPolygon")]
    area = shapely.union_all(polygons)
    if area.is_empty or area.area <= 0:
        raise errors.InputError(
            f"--aoi {path}: expected polygons; received {len(features)} features without area. "
            "Give a file that holds polygons."
        )
    return area


def _read_features(path: pathlib.Path) -> Any:
    import geopandas

    if not path.is_dir():  # some formats are folders
        input_files.check_regular(path, expected="a file of polygons (--aoi)", cure="Check the path.")
    try:
        return geopandas.read_file(path)
    except Exception as error:  # each driver has its own
        raise errors.InputError(
            f"--aoi {path}: expected polygons in a format GDAL reads (GeoJSON, GeoPackage, shapefile); it cannot be "
            f"read: {str(error).split(';')[0].rstrip('.')}. Give such a file."
        ) from error


def _in_degrees(features: Any) -> Any:
    """Features of any CRS in EPSG:4326: a straight side of a projected polygon is a curve in degrees."""
    if features.crs.is_projected:
        metres = features.crs.axis_info[0].unit_conversion_factor or 1.0
        features = features.set_geometry(features.geometry.segmentize(LONGEST_SIDE_M / metres))
    return features.to_crs("EPSG:4326")


def of_area(area: shapely.Geometry) -> Region:
    """The cells of an area in degrees. Parts on both sides of 180 degrees make one window across it.

    The area is kept in the longitudes of the window, which pass 180 there.
    """
    area = lonlat.joined_at_180(area)
    west, south, east, north = shapely.bounds(area).tolist()
    west, east = lonlat.on_the_globe(west), lonlat.on_the_globe(east)
    return Region(grid.window_of_bbox(west, max(south, -90.0), east, min(north, 90.0)), area)


def _window_of_base(base: products.Product) -> grid.CellWindow:
    """The smallest window, without crossing 180 degrees, that surely holds every file of the base."""
    bounds = [file.bounds_lonlat for file in base.files]
    crosses = any(west < -180.0 or east > 180.0 for west, _, east, _ in bounds)
    west, east = (-180.0, 180.0) if crosses else (min(b[0] for b in bounds), max(b[2] for b in bounds))
    south, north = max(min(b[1] for b in bounds), -90.0), min(max(b[3] for b in bounds), 90.0)
    return grid.window_of_bbox(west, south, east, north)
