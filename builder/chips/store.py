"""The chip store: chips and refusals, one Parquet file per batch, written whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import os
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder import atomic, errors, input_files, parquet_files
from builder.chips import chip, imagery_toml, pictures

STORED = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("parent", pa.string()),  # key of the unrotated chip; null for a point's own chip
        pa.field("rotation_deg", pa.float64(), nullable=False),
        pa.field("asked_for", pa.string()),  # class whose season was judged; null = every class's
        pa.field("lon", pa.float64(), nullable=False),
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("reason", pa.string()),  # null = accepted, else a value of imagery_rules.Reason
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
CURE = "Remove the file; its chips will be acquired again."
ROWS_PER_GROUP = 64  # a batch without rotations is one row group
_SUFFIX = ".parquet"
_JOURNAL = "journal.txt"


class ChipStore:
    """Batches acquired under one imagery.toml, in `folder`/<digest>: a change of rules never mixes with old chips.

    A batch is named by a hash of its requests, so a finished batch is recognised by every later run. The journal has
    a line per batch that was begun: a name on two lines was asked for twice.
    """

    def __init__(self, folder: pathlib.Path, digest: str = "") -> None:
        self.root = folder
        self.folder = folder / digest[:16] if digest else folder

    def prepare(self) -> None:
        """Makes the folder and removes what killed runs left. Call once, before any worker starts.

        Raises:
          errors.InputError: if the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic.remove_litter(self.folder)
            with atomic.file(self.folder / "writable"):
                pass
            (self.folder / "writable").unlink()
        except OSError as error:
            raise errors.InputError(
                f"{self.folder}: the chip store cannot be written: {error.strerror}. Put the frame on a writable disk."
            ) from error

    def path(self, batch: str) -> pathlib.Path:
        """The file of a batch.

        Raises:
          errors.InputError: if the name could leave the folder.
        """
        input_files.check_name(batch, where=str(self.folder), what="the name of a batch")
        return self.folder / f"{batch}{_SUFFIX}"

    def has(self, batch: str) -> bool:
        """Whether the batch is finished."""
        return self.path(batch).is_file()

    def batches(self) -> list[str]:
        """Names of all finished batches, sorted."""
        return sorted(p.name.removesuffix(_SUFFIX) for p in self.folder.glob(f"[!.]*{_SUFFIX}"))

    def begin(self, batch: str) -> None:
        """Notes in the journal that the batch is asked for."""
        path = self.folder / _JOURNAL
        if path.exists():
            input_files.check_regular(path, expected="the journal of the chip store", cure="Remove it.")
        try:
            with path.open("a", encoding="utf-8") as journal:
                journal.write(f"{batch}\n")
        except OSError as error:
            raise self._explained(error) from error

    def begun(self) -> list[str]:
        """The journal: the batches that were asked for, in order, repeated where they were asked for again."""
        journal = self.folder / _JOURNAL
        return journal.read_text(encoding="utf-8").split() if journal.is_file() else []

    def write(
        self,
        batch: str,
        outcomes: Sequence[chip.Outcome],
        size: imagery_toml.ChipSize,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> pa.Table:
        """Stores a finished batch, the rows of `earlier` batches that it repeats included; returns its index rows.

        Raises:
          errors.InputError: if the disk is full.
        """
        table = pa.Table.from_pylist([*(row_of(outcome, size) for outcome in outcomes), *earlier], STORED)
        try:
            with atomic.file(self.path(batch)) as temporary:
                pq.write_table(
                    table,
                    temporary,
                    row_group_size=ROWS_PER_GROUP,
                    compression={name: "NONE" if name == "image" else "ZSTD" for name in STORED.names},
                    use_dictionary=False,
                    write_statistics=["key"],  # the smallest and largest picture are of no use
                    write_page_checksum=True,
                )
                _flushed(temporary)
        except OSError as error:
            raise self._explained(error) from error
        return table.select(INDEX.names)

    def read_index(self, batch: str) -> pa.Table:
        """The rows of one batch, without images.

        Raises:
          errors.InputError: naming the file, if it is damaged.
        """
        return self.read(batch, INDEX.names).cast(INDEX)

    def read(self, batch: str, columns: Sequence[str] = tuple(STORED.names)) -> pa.Table:
        """The rows of one batch, with `columns` of STORED; see `builder.chips.answers` for their checks.

        Raises:
          errors.InputError: naming the file, if it is damaged, lacks a column, or has one of another type.
        """
        path = self.path(batch)
        table = parquet_files.read(path, columns, expected="a batch of the chip store", cure=CURE)
        parquet_files.check_types(table, pa.schema([STORED.field(name) for name in columns]), path=path, cure=CURE)
        return table

    def index(self, batches: Iterable[str] | None = None) -> pa.Table:
        """All rows (or those of `batches`) without images, batch by batch in the order of their names."""
        names = self.batches() if batches is None else sorted(batches)
        return pa.concat_tables([INDEX.empty_table(), *(self.read_index(name) for name in names)])

    def answered(self) -> dict[tuple[str, str | None], str]:
        """The batch that holds the answer to each (key, class it was asked for): accepted chips and refusals."""
        places: dict[tuple[str, str | None], str] = {}
        for name in self.batches():
            rows = self.read(name, ["key", "asked_for"])
            asked = zip(rows["key"].to_pylist(), rows["asked_for"].to_pylist(), strict=True)
            places.update(dict.fromkeys(asked, name))
        return places

    def rows(self, keys: Collection[str], batches: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of accepted `keys` as dicts with every column of STORED, batch by batch: memory holds one batch."""
        wanted = pa.array(sorted(keys), pa.string())
        for name in self.batches() if batches is None else sorted(batches):
            names = self.read(name, ["key", "reason"])
            if not pc.any(pc.and_(pc.is_in(names["key"], value_set=wanted), pc.is_null(names["reason"]))).as_py():
                continue
            table = self.read(name)
            hit = pc.and_(pc.is_in(table["key"], value_set=wanted), pc.is_null(table["reason"]))
            yield from table.filter(hit).to_pylist()

    def images(self, keys: Collection[str], batches: Iterable[str] | None = None) -> Iterator[tuple[str, bytes]]:
        """(key, JPEG) of accepted `keys`, batch by batch; memory holds one batch."""
        for row in self.rows(keys, batches):
            yield row["key"], row["image"]

    def _explained(self, error: OSError) -> OSError | errors.InputError:
        """The error itself, or one with a cure if the disk is full."""
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        return errors.InputError(
            f"{self.folder}: the disk is full. Make room and run the same command again: {len(self.batches())} "
            "finished batches are kept."
        )


def row_of(outcome: chip.Outcome, size: imagery_toml.ChipSize) -> dict[str, Any]:
    """An outcome as a row of STORED. Digest and hash are those of the pixels that a reader decodes."""
    request, result = outcome.request, outcome.result
    row: dict[str, Any] = {
        "key": request.key,
        "parent": request.parent,
        "rotation_deg": request.rotation_deg,
        "asked_for": request.label,
        "lon": request.lon,
        "lat": request.lat,
    }
    if isinstance(result, chip.Refusal):
        return row | {"reason": str(result.reason), "detail": result.detail}
    image = pictures.encoded(result.pixels, size.jpeg_quality)
    pixels = pictures.decoded(image)
    square = result.footprint
    return (
        row
        | dataclasses.asdict(result.acquisition)  # its fields are columns
        | {
            "image": image,
            "pixels_sha256": pictures.sha256(pixels),
            "phash": pictures.phash(pixels),
            "affine": list(square.affine(size.size_px)),
            "crs": square.crs,
            "corners": np.ravel(square.corners()).tolist(),
        }
    )


def _flushed(path: pathlib.Path) -> None:
    """Waits until the file is on the disk: a batch that has its name must survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
