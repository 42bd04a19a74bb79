"""The chip store: what was acquired and what was refused, one Parquet file per batch, written whole or not at all."""

from __future__ import annotations

import pyarrow as pa

STORED = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("parent", pa.string()),  # key of the unrotated chip; null for a point's own chip
        pa.field("rotation_deg", pa.float64(), nullable=False),
        pa.field("lon", pa.float64(), nullable=False),
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("reason", pa.string()),  # null = accepted, else a value of chip.Reason
        pa.field("detail", pa.string()),
        pa.field("image", pa.binary()),  # JPEG, 4:2:0
        pa.field("pixels_sha256", pa.string()),  # of the decoded JPEG, row by row, red green blue
        pa.field("phash", pa.int64()),
        pa.field("source", pa.string()),
        pa.field("sensor", pa.string()),
        pa.field("scene_ids", pa.list_(pa.string())),
        pa.field("acquired_from", pa.date32()),
        pa.field("acquired_to", pa.date32()),
        pa.field("gsd_m", pa.float64()),
        pa.field("licence", pa.string()),
        pa.field("attribution", pa.string()),
        pa.field("url", pa.string()),
        pa.field("redistribution", pa.string()),
        pa.field("affine", pa.list_(pa.float64())),  # 6: pixel to metres of `crs`
        pa.field("crs", pa.string()),
        pa.field("corners", pa.list_(pa.float64())),  # 8: lon, lat of top left, top right, bottom right, bottom left
    ]
)
INDEX = pa.schema([field for field in STORED if field.name != "image"])
