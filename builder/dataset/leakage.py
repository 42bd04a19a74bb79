"""Checks that splits share no key, no picture and no ground, and measures how near they come to each other."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import shapely

from builder import errors
from builder.dataset import similar_pictures
from builder.geometry import ellipsoid

NEAR_EQUAL_BITS = 4  # of 64: perceptual hashes this near belong to pictures that look the same
LISTED_PAIRS = 20  # examples of near-equal pairs in the report, per pair of splits
SHARED_GROUND_M2 = 0.01  # below this, two footprints touch and do not overlap


@dataclasses.dataclass(frozen=True, eq=False)
class Chips:
    """The chips of one split, one row per example, with what the checks compare."""

    keys: np.ndarray  # str[n]
    lonlat: np.ndarray  # float64[n, 2], degrees
    corners: np.ndarray  # float64[n, 4, 2], longitude and latitude in ring order
    pixels_sha256: np.ndarray  # str[n]
    phash: np.ndarray  # int64[n]


@dataclasses.dataclass(frozen=True)
class Distance:
    """The closest two chips of two splits: geodesic distance of their centres in metres."""

    metres: float
    keys: tuple[str, str]


@dataclasses.dataclass(frozen=True)
class NearEqual:
    """Pairs of chips of two splits whose pictures look the same: no fault, since all calm water looks the same."""

    pairs: int
    listed: tuple[tuple[str, str, int], ...]  # key, key, differing bits: the nearest first


@dataclasses.dataclass(frozen=True)
class Between:
    """One pair of splits."""

    splits: tuple[str, str]
    closest: Distance | None
    near_equal: NearEqual

    def to_json(self) -> dict[str, Any]:
        """The entry of this pair in `leakage.json`."""
        closest = self.closest and {"distance_m": round(self.closest.metres, 3), "keys": list(self.closest.keys)}
        listed = [{"keys": [a, b], "bits": bits} for a, b, bits in self.near_equal.listed]
        return {
            "splits": list(self.splits),
            "closest": closest,
            "near_equal": {"pairs": self.near_equal.pairs, "at_most_bits": NEAR_EQUAL_BITS, "listed": listed},
        }


def check(splits: dict[str, Chips]) -> list[Between]:
    """How near each pair of splits comes to each other.

    Raises:
      errors.InputError: if two examples share a key, or examples of different splits share a picture or ground.
    """
    _check_keys(splits)
    pairs = list(itertools.combinations(sorted(splits), 2))
    for first, second in pairs:
        _check_pictures((first, splits[first]), (second, splits[second]))
        _check_ground((first, splits[first]), (second, splits[second]))
    return [_between((first, splits[first]), (second, splits[second])) for first, second in pairs]


def _check_keys(splits: dict[str, Chips]) -> None:
    keys = np.concatenate([chips.keys for chips in splits.values()])
    unique, counts = np.unique(keys, return_counts=True)
    if (counts > 1).any():
        key = str(unique[counts > 1][0])
        where = sorted(name for name, chips in splits.items() if key in chips.keys)
        raise errors.InputError(
            f"expected every example to have its own key; received {int((counts > 1).sum())} keys more than once, "
            f"such as {key} in {', '.join(where)}. Make the frame's points unique."
        )


def _check_pictures(first: tuple[str, Chips], second: tuple[str, Chips]) -> None:
    (name_a, a), (name_b, b) = first, second
    shared = np.intersect1d(a.pixels_sha256, b.pixels_sha256)
    if len(shared):
        keys = str(a.keys[a.pixels_sha256 == shared[0]][0]), str(b.keys[b.pixels_sha256 == shared[0]][0])
        raise errors.InputError(
            f"expected no picture in two splits; received {len(shared)} pictures both in {name_a} and in {name_b}, "
            f"such as {keys[0]} and {keys[1]}. Remove one of the two points, or the imagery that serves one picture "
            "for two places."
        )


def _check_ground(first: tuple[str, Chips], second: tuple[str, Chips]) -> None:
    (name_a, a), (name_b, b) = first, second
    overlaps = _overlaps(a, b)
    if overlaps:
        i, j = overlaps[0]
        raise errors.InputError(
            f"expected no ground in two splits; received {len(overlaps)} pairs of chips of {name_a} and {name_b} "
            f"that overlap, such as {a.keys[i]} and {b.keys[j]}. Draw the frame again with a wider --buffer-m, or move "
            "the given points."
        )


def _overlaps(a: Chips, b: Chips) -> list[tuple[int, int]]:
    """Indexes of chips whose footprints share ground."""
    if not len(a.keys) or not len(b.keys):
        return []
    reach_m = float(_radius_m(a).max() + _radius_m(b).max()) + 1.0
    found = []
    for i, j, _ in ellipsoid.within(_places(a), _places(b), reach_m):
        found += [
            (int(m), int(n))
            for m, n in zip(i, j, strict=True)
            if _shared_m2(a.corners[m], b.corners[n]) > SHARED_GROUND_M2
        ]
    return found


def _shared_m2(ring: np.ndarray, other: np.ndarray) -> float:
    """Area in square metres that two small quadrilaterals float64[4, 2] (degrees) share, on the plane of the first."""
    origin = ellipsoid.geocentric(ring[:1, 0], ring[:1, 1])
    lon, lat = np.radians(ring[0])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.array([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)])
    planes = [
        (ellipsoid.geocentric(r[:, 0], r[:, 1]) - origin) @ np.stack([east, north], axis=1) for r in (ring, other)
    ]
    return float(shapely.area(shapely.intersection(shapely.Polygon(planes[0]), shapely.Polygon(planes[1]))))


def _between(first: tuple[str, Chips], second: tuple[str, Chips]) -> Between:
    (name_a, a), (name_b, b) = first, second
    return Between((name_a, name_b), _closest(a, b), _near_equal(a, b))


def _closest(a: Chips, b: Chips) -> Distance | None:
    pair = ellipsoid.closest(_places(a), _places(b))
    if pair is None:
        return None
    i, j, _ = pair
    metres = ellipsoid.GEOD.inv(*a.lonlat[i], *b.lonlat[j])[2]
    return Distance(float(metres), (str(a.keys[i]), str(b.keys[j])))


def _near_equal(a: Chips, b: Chips) -> NearEqual:
    """Pairs that look the same, counted by unique hashes, since ten thousand calm lakes may share one."""
    hashes = np.union1d(a.phash, b.phash)
    in_a, in_b = _multiplicity(a.phash, hashes), _multiplicity(b.phash, hashes)
    total = int((in_a * in_b).sum())
    near = [(0, int(i), int(i)) for i in np.flatnonzero(in_a * in_b)[:LISTED_PAIRS]]
    for i, j, bits in similar_pictures.similar(hashes, NEAR_EQUAL_BITS):
        across = in_a[i] * in_b[j] + in_a[j] * in_b[i]
        total += int(across.sum())
        hits = np.flatnonzero(across)[:LISTED_PAIRS]
        oriented = (
            np.where((in_a[i] * in_b[j] > 0)[hits], i[hits], j[hits]),
            np.where((in_a[i] * in_b[j] > 0)[hits], j[hits], i[hits]),
        )
        near += list(zip(bits[hits].tolist(), oriented[0].tolist(), oriented[1].tolist(), strict=True))
    key_a, key_b = _first_key(a), _first_key(b)
    listed = [(key_a[int(hashes[i])], key_b[int(hashes[j])], bits) for bits, i, j in sorted(near)[:LISTED_PAIRS]]
    return NearEqual(total, tuple(listed))


def _multiplicity(values: np.ndarray, unique: np.ndarray) -> np.ndarray:
    """int64: how often each of the sorted `unique` occurs in `values`."""
    return np.bincount(np.searchsorted(unique, values), minlength=len(unique)).astype(np.int64)


def _first_key(chips: Chips) -> dict[int, str]:
    order = np.argsort(chips.keys)[::-1]
    return dict(zip(chips.phash[order].tolist(), chips.keys[order].tolist(), strict=True))


def _places(chips: Chips) -> np.ndarray:
    return ellipsoid.geocentric(chips.lonlat[:, 0], chips.lonlat[:, 1])


def _radius_m(chips: Chips) -> np.ndarray:
    """float64[n]: distance from each centre to its farthest corner."""
    corners = ellipsoid.geocentric(chips.corners[..., 0].ravel(), chips.corners[..., 1].ravel()).reshape(
        *chips.corners.shape[:2], 3
    )
    radius: np.ndarray = np.linalg.norm(corners - _places(chips)[:, None], axis=-1).max(axis=1)
    return radius
