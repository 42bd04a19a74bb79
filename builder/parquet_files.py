"""Reading Parquet files that may be damaged, or written by others, and checking their columns."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder import errors, input_files

# A wrong byte in the footer or in a page can end in each of these.
_DAMAGE = (pa.ArrowException, OSError, ValueError, OverflowError)


def read(path: pathlib.Path, columns: Sequence[str] | None = None, *, expected: str, cure: str) -> pa.Table:
    """The table in a Parquet file; page checksums are verified where the file has them.

    Args:
      path: a regular file; links are followed.
      columns: names of the columns to read; None reads all.
      expected: what the file should be, as "the ranked points of a frame".
      cure: a sentence that says what to do.

    Raises:
      errors.InputError: naming the file, if it is no regular file, no Parquet, damaged, or lacks a column.
    """
    input_files.check_regular(path, expected=expected, cure=cure)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=None if columns is None else list(columns))
        table.validate(full=True)
    except _DAMAGE as error:
        raise errors.InputError(
            f"{path}: expected {expected} as a Parquet file; it is truncated or something else ({error}). {cure}"
        ) from error
    check_columns(table, columns or (), path=path, expected=expected, cure=cure)
    return table


def check_columns(table: pa.Table, columns: Iterable[str], *, path: pathlib.Path, expected: str, cure: str) -> None:
    """Refuses a table that lacks one of `columns`, or holds it twice.

    Raises:
      errors.InputError: naming the file and the columns.
    """
    for problem, wrong in (
        ("missing", [name for name in columns if name not in table.column_names]),
        ("twice", [name for name in columns if table.column_names.count(name) > 1]),
    ):
        if wrong:
            raise errors.InputError(f"{path}: expected the columns of {expected}; {problem} {', '.join(wrong)}. {cure}")


def check_types(table: pa.Table, schema: pa.Schema, *, path: pathlib.Path, cure: str) -> None:
    """Refuses columns of other types than the schema's, and empty cells where it allows none.

    Raises:
      errors.InputError: naming the file, the column and both types, or how many cells are empty.
    """
    for field in schema:
        column = table[field.name]
        if column.type != field.type:
            raise errors.InputError(
                f"{path}: column {field.name}: expected {field.type}; received {column.type}. {cure}"
            )
        if column.null_count and not field.nullable:
            raise errors.InputError(
                f"{path}: column {field.name}: expected a value in every row; {column.null_count} of {len(table)} rows "
                f"have none. {cure}"
            )


def check_values(
    table: pa.Table, column: str, is_good: pa.ChunkedArray, *, path: pathlib.Path, expected: str, cure: str
) -> None:
    """Refuses a column with values that are not good; null in `is_good` counts as good.

    Raises:
      errors.InputError: naming the file, the column, the first wrong value, and how many rows are wrong.
    """
    is_wrong = pc.invert(pc.fill_null(is_good, True))
    count = pc.sum(is_wrong).as_py() or 0
    if count:
        first = _shown(table[column].filter(is_wrong)[0])
        raise errors.InputError(
            f"{path}: column {column}: expected {expected}; received {first} in {count} of {len(table)} rows. {cure}"
        )


def _shown(value: pa.Scalar) -> str:
    """A value for a message; Python cannot show days beyond its calendar."""
    try:
        return f"{value.as_py()!r:.80}"
    except (ValueError, OverflowError):
        return f"a {value.type} beyond the years 1 to 9999"


def check_known(table: pa.Table, column: str, known: Collection[str], *, path: pathlib.Path, cure: str) -> None:
    """Refuses a column of text with a value that is none of `known`; empty cells pass.

    Raises:
      errors.InputError: as `check_values`.
    """
    is_good = pc.or_(pc.is_null(table[column]), pc.is_in(table[column], pa.array(known, pa.string())))
    check_values(table, column, is_good, path=path, expected=f"one of {', '.join(known)}", cure=cure)


def check_unique(table: pa.Table, columns: Sequence[str], *, path: pathlib.Path, cure: str) -> None:
    """Refuses two rows with equal values in all of `columns`.

    Raises:
      errors.InputError: naming the file, the columns, one value that repeats, and how many rows are too many.
    """
    groups = table.select(list(columns)).group_by(list(columns)).aggregate([([], "count_all")])
    if len(groups) == len(table):
        return
    repeated = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist()[0]
    value = ", ".join(str(repeated[name]) for name in columns)
    raise errors.InputError(
        f"{path}: {'columns' if len(columns) > 1 else 'column'} {', '.join(columns)}: expected every row to differ; "
        f"{value!r:.80} repeats, {len(table) - len(groups)} rows too many. {cure}"
    )
