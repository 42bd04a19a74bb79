"""STAC catalogues of GeoTIFFs: a local folder, or a static catalogue over HTTP(S)."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from builder import errors, input_files
from builder.geometry.lonlat import Bounds
from builder.imagery import http, listed_source, source

FETCHES_AT_ONCE = 16
_ROOTS = ("catalog.json", "collection.json")
_ROLES = ("visual", "data")  # in order of preference
_MEDIA = ("image/tiff", "image/vnd.stac.geotiff")
_LINKS_BELOW = ("child", "item")
_WHOLE_TURN = 360.0  # degrees; catalogues count longitudes from -180 or from 0
LONGEST_TEXT = 10_000  # letters of an id, a name, a licence or an address
_CORRECT = "Correct the document."
_CORRECT_ITEM = "Correct the item, or leave it out of the catalogue."


@dataclasses.dataclass(frozen=True)
class Catalogue(listed_source.ListedSource):
    """A STAC catalogue at `href` (URL, file or folder): catalogues and collections are followed down to their items.

    `asset` names the asset that holds the pixels; without it the first with the role visual or data, or the only
    GeoTIFF, is taken. Dates, gsd, licence and providers come from the item, then its collection, then `stated`.
    """

    name: str
    href: str
    stated: source.Stated = source.NOTHING_STATED
    asset: str | None = None

    def scenes(self) -> list[source.Scene]:
        """The scene of every item of the catalogue."""
        root = _root(self.href, self.name)
        found = [scene_of(item, href, collection, self) for item, href, collection in items(root)]
        if not found:
            raise errors.InputError(
                f"{self.href}: the STAC catalogue of source {self.name!r} holds no item. Add items, or leave the "
                "source out of imagery.toml."
            )
        return found


def _root(href: str, owner: str) -> str:
    folder = pathlib.Path(href)
    if http.is_remote(href) or folder.is_file():
        return href
    for name in _ROOTS:
        if (folder / name).is_file():
            return str(folder / name)
    raise errors.InputError(
        f"{href}: expected a STAC catalogue, a folder with {' or '.join(_ROOTS)}; found none. "
        f"Correct href or path of source {owner!r} in imagery.toml."
    )


Document = Mapping[str, Any]


def items(root: str) -> Iterator[tuple[Document, str, Document]]:
    """(item, its address, its collection or {}) of everything below the document `root`, level by level."""
    seen = {root}
    level: list[tuple[str, Document]] = [(root, {})]
    with concurrent.futures.ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        while level:
            documents = list(pool.map(lambda entry: http.read_json(entry[0]), level))
            below: list[tuple[str, Document]] = []
            for (href, collection), document in zip(level, documents, strict=True):
                yield from _items_of(document, href, collection)
                for child in _children(document, href):
                    if child not in seen:
                        seen.add(child)
                        below.append((child, document if document.get("type") == "Collection" else collection))
            level = below


def _items_of(document: object, href: str, collection: Document) -> Iterator[tuple[Document, str, Document]]:
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(document, dict) or kind not in ("Catalog", "Collection", "Feature", "FeatureCollection"):
        raise errors.InputError(f"{href}: expected a STAC Catalog, Collection or Item; received type {kind!r}.")
    if kind == "Feature":
        yield document, href, collection
    if kind == "FeatureCollection":
        for feature in _objects(document, "features", href):
            yield feature, href, collection


def _objects(document: Document, key: str, href: str) -> list[Document]:
    """The list of objects under `key`; empty where the document has none."""
    values = document.get(key, [])
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise errors.InputError(
            f"{href}: expected {key} as a list of objects; received {input_files.shown(values)}. {_CORRECT}"
        )
    return values


def _children(document: Document, href: str) -> list[str]:
    if document.get("type") == "Feature":
        return []
    addresses = [link.get("href") for link in _objects(document, "links", href) if link.get("rel") in _LINKS_BELOW]
    for address in addresses:
        if not isinstance(address, str | None):
            raise errors.InputError(
                f"{href}: expected href of a link as a text; received {input_files.shown(address)}. {_CORRECT}"
            )
    return [http.joined(href, address) for address in addresses if address]


def scene_of(item: Document, href: str, collection: Document, catalogue: Catalogue) -> source.Scene:
    """The scene that a STAC item describes.

    Raises:
      errors.InputError: naming the item, if it has no date, no bounds, no gsd, no asset to read, or is no STAC.
    """
    try:
        return _scene(item, href, collection, catalogue)
    except errors.InputError:
        raise
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise errors.InputError(
            f"{href}: expected an item as STAC describes it; {error!r:.200}. {_CORRECT_ITEM}"
        ) from error


def _scene(item: Document, href: str, collection: Document, catalogue: Catalogue) -> source.Scene:
    facts, stated = item.get("properties", {}), catalogue.stated
    asset = _asset(item, href, catalogue.asset)
    start, end = _dates(facts, href)
    providers = [*(facts.get("providers") or ()), *(collection.get("providers") or ())]
    names = [str(provider.get("name", "")) for provider in providers]
    instruments = [str(facts[key]) for key in ("constellation", "platform") if facts.get(key)]
    instruments += [str(name) for name in facts.get("instruments", [])]
    licence = str(facts.get("license") or collection.get("license") or stated.licence or "")
    acquisition = source.Acquisition(
        source=catalogue.name,
        sensor=stated.sensor or " ".join(dict.fromkeys(instruments)),
        scene_ids=(str(item.get("id", "")),),
        acquired_from=start,
        acquired_to=end,
        gsd_m=_gsd_m(asset, facts, collection, stated, href),
        licence=licence,
        attribution=stated.attribution or "; ".join(dict.fromkeys(filter(None, names))),
        url=_public(http.joined(href, asset["href"])),
        redistribution=stated.may_redistribute(licence),
    )
    of_collection = [
        str(text) for text in (item.get("collection"), collection.get("id"), collection.get("title")) if text
    ]
    words = (*names, *instruments, *of_collection)
    _check_texts((*words, *acquisition.scene_ids, licence, acquisition.url), href)
    pixels = stated.pixels(http.gdal_path(http.joined(href, asset["href"])))
    return source.Scene(acquisition, pixels, _bounds(item, href), tuple(filter(None, dict.fromkeys(words))))


def _check_texts(texts: Iterable[str], href: str) -> None:
    """Refuses texts that would swell every chip: they are copied into each."""
    for text in texts:
        if len(text) > LONGEST_TEXT:
            raise errors.InputError(
                f"{href}: expected ids, names, licences and addresses of at most {LONGEST_TEXT} letters; received "
                f"{len(text)}, {input_files.shown(text)}. {_CORRECT_ITEM}"
            )


def _public(address: str) -> str:
    return address if http.is_remote(address) else pathlib.Path(address).name  # a local path means nothing elsewhere


def _asset(item: Document, href: str, name: str | None) -> Document:
    assets: dict[str, Document] = item.get("assets", {})
    if name is not None:
        if name in assets:
            return assets[name]
        raise errors.InputError(
            f"{href}: no asset {name!r}; it has {', '.join(assets) or 'none'}. Set asset in imagery.toml."
        )
    for role in _ROLES:
        for asset in assets.values():
            if role in asset.get("roles", []):
                return asset
    tiffs = [asset for asset in assets.values() if str(asset.get("type", "")).startswith(_MEDIA)]
    if len(tiffs) != 1:
        raise errors.InputError(
            f"{href}: expected one asset with the role visual or data, or one GeoTIFF; "
            f"it has {', '.join(assets) or 'none'}. Name one with asset = in imagery.toml."
        )
    return tiffs[0]


def _dates(facts: Document, href: str) -> tuple[datetime.date, datetime.date]:
    start, end = facts.get("start_datetime"), facts.get("end_datetime")
    if not (start and end):
        start = end = facts.get("datetime")
    if not start:
        raise errors.InputError(
            f"{href}: the item has no datetime and no start_datetime and end_datetime. Add its date."
        )
    first, last = _day(str(start), href), _day(str(end), href)
    if last < first:
        raise errors.InputError(f"{href}: start_datetime {start} is after end_datetime {end}. {_CORRECT_ITEM}")
    return first, last


def _day(text: str, href: str) -> datetime.date:
    """The day, in UTC, of a date and time; without a time zone it is taken as UTC."""
    try:
        moment = datetime.datetime.fromisoformat(text)
        return (moment.astimezone(datetime.UTC) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError) as error:  # OverflowError: in UTC it lies before year 1 or after year 9999
        raise errors.InputError(
            f"{href}: expected a date and time as 2010-07-01T00:00:00Z; received {input_files.shown(text)}. "
            f"{_CORRECT_ITEM}"
        ) from error


def _gsd_m(asset: Document, facts: Document, collection: Document, stated: source.Stated, href: str) -> float:
    known = asset.get("gsd") or facts.get("gsd") or stated.gsd_m
    if known is None:
        values = collection.get("summaries", {}).get("gsd", [])
        known = max(values) if isinstance(values, list) and values else None
    if known is None:
        raise errors.InputError(
            f"{href}: the item has no gsd (metres). Add it, or state gsd_m for the source in imagery.toml."
        )
    if not source.is_gsd(known):
        raise errors.InputError(
            f"{href}: expected gsd as a number of metres, {source.FINEST_GSD_M:g}..{source.COARSEST_GSD_M:g}; received "
            f"{input_files.shown(known)}. {_CORRECT_ITEM}"
        )
    return float(known)


def _bounds(item: Document, href: str) -> Bounds:
    box = item.get("bbox")
    if isinstance(box, list) and len(box) in (4, 6):
        west, south, east, north = (float(box[i]) for i in ((0, 1, 2, 3) if len(box) == 4 else (0, 1, 3, 4)))
        if abs(west) <= _WHOLE_TURN and abs(east) <= _WHOLE_TURN and -90 <= south <= north <= 90:  # false for NaN
            return west, south, east, north
    raise errors.InputError(
        f"{href}: expected a bbox of 4 or 6 numbers, west, south, .. in degrees; received {input_files.shown(box)}. "
        f"{_CORRECT_ITEM}"
    )
