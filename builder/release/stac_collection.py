"""`collection.json`: the release as a STAC collection, with the index as its GeoParquet asset."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from builder.dataset import index
from builder.release import card, croissant, licences
from builder.release.facts import Release
from builder.release.version import Version

FILE = "collection.json"
STAC_VERSION = "1.1.0"


def document(release: Release) -> dict[str, Any]:
    """The content of the file; it names the shards in the release's folder."""
    of, covered = release.version, release.extent
    interval = [f"{covered.first.isoformat()}T00:00:00Z", f"{covered.last.isoformat()}T23:59:59Z"]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": f"{of.name}-{of.config}-{of.number}",
        "title": f"{of.name}, {of.config} {of.number}",
        "description": of.text("description") or of.title,
        "keywords": ["land cover", "training samples", "very high resolution"],
        "license": "other",
        "providers": [
            {"name": terms.attribution or terms.source, "roles": ["licensor"], "description": terms.licence}
            for terms in release.terms
        ],
        "extent": {"spatial": {"bbox": [list(covered.bounds)]}, "temporal": {"interval": [interval]}},
        "summaries": {
            "gsd": sorted({round(value, 3) for value in pc.unique(release.examples["gsd_m"]).to_pylist()}),
            "labels": of.classes,
            "splits": sorted(of.examples),
        },
        "links": [
            {"rel": "license", "href": f"./{licences.FILE}", "type": "text/plain"},
            {"rel": "about", "href": f"./{card.FILE}", "type": "text/markdown"},
            {"rel": "alternate", "href": f"./{croissant.FILE}", "type": "application/ld+json"},
        ],
        "assets": _assets(of),
    }


def _assets(of: Version) -> dict[str, Any]:
    """The index and the shards."""
    table = {
        "href": f"./{index.FILE}",
        "type": "application/vnd.apache.parquet",
        "title": "every example and every refused point, GeoParquet",
        "roles": ["data"],
    }
    shards = {
        path.name: {"href": f"./{path.name}", "type": "application/octet-stream", "roles": ["data"]}
        for path in of.shard_files
    }
    return {"index": table, **shards}
