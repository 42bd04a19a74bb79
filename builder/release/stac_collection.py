"""`collection.json`: the release as a STAC collection, with the index as its GeoParquet asset."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builder.dataset import index
from builder.release import croissant, extent, licences, version

FILE = "collection.json"
STAC_VERSION = "1.1.0"


def document(release: version.Version, rows: pa.Table) -> dict[str, Any]:
    """The content of the file."""
    examples = index.examples_of(rows)
    covered = extent.of_examples(examples)
    interval = [f"{covered.first.isoformat()}T00:00:00Z", f"{covered.last.isoformat()}T23:59:59Z"]
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": f"{release.name}-{release.config}-{release.number}",
        "title": f"{release.name}, {release.config} {release.number}",
        "description": str(release.info.get("description", "")).strip() or release.title,
        "keywords": ["land cover", "training samples", "very high resolution"],
        "license": "other",
        "providers": [
            {"name": terms.attribution or terms.source, "roles": ["licensor"], "description": terms.licence}
            for terms in licences.of_pictures(examples)
        ],
        "extent": {"spatial": {"bbox": [list(covered.bounds)]}, "temporal": {"interval": [interval]}},
        "summaries": {
            "gsd": sorted({round(value, 3) for value in pc.unique(examples["gsd_m"]).to_pylist()}),
            "labels": [entry["name"] for entry in release.metadata["legend"]],
            "splits": sorted(release.examples),
        },
        "links": [
            {"rel": "license", "href": f"./{licences.FILE}", "type": "text/plain"},
            {"rel": "about", "href": "./README.md", "type": "text/markdown"},
            {"rel": "alternate", "href": f"./{croissant.FILE}", "type": "application/ld+json"},
        ],
        "assets": {
            "index": {
                "href": f"./{index.FILE}",
                "type": "application/vnd.apache.parquet",
                "title": "every example and every refused point, GeoParquet",
                "roles": ["data"],
            },
            **{
                path.name: {"href": f"./{path.name}", "type": "application/octet-stream", "roles": ["data"]}
                for path in sorted(release.folder.glob(f"{release.name}-*-of-*"))
            },
        },
    }
