"""The comparison on disk: what is written is read again, and a damaged file is refused by name, key and cure."""

from __future__ import annotations

import copy
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import report_artefacts

from builder import errors
from refine.artefacts import comparison

FREE = ("settings", "sources", "versions", "dataset_sha256", "label_origins")  # objects of any keys
WRONG_TYPES = ("words", 3, -1, 1e400, True, [], {}, [1], None)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return report_artefacts.write_comparison(tmp_path / "comparison")


def _values(folder: pathlib.Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / comparison.SUMMARY).read_text(encoding="utf-8"))
    return values


def _open(folder: pathlib.Path, values: object) -> comparison.Comparison:
    (folder / comparison.SUMMARY).write_text(json.dumps(values), encoding="utf-8")
    return comparison.Comparison.open(folder)


def test_what_is_written_is_read_again(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    read = comparison.Comparison.open(folder)
    (tmp_path / "again").mkdir()
    read.write(tmp_path / "again")
    again = tmp_path / "again" / comparison.SUMMARY
    assert again.read_bytes() == (folder / comparison.SUMMARY).read_bytes()
    assert comparison.Comparison.open(tmp_path / "again") == read


def test_the_best_strategy_has_the_highest_overall_accuracy(folder: pathlib.Path) -> None:
    read = comparison.Comparison.open(folder)
    assert read.best.name == "logits / rough"
    assert read.names_of_models[report_artefacts.MODEL_SHA256] == "first-layer / rough"
    assert not read.is_broken


def test_files_without_the_newest_field_are_read(folder: pathlib.Path) -> None:
    values = _values(folder)
    for strategy in values["strategies"]:
        del strategy["is_broken"]
    assert not _open(folder, values).is_broken


def _keys(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every key and list entry, but of those below objects of any keys."""
    items = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in items:
        yield (*path, key)
        if key not in FREE:
            yield from _keys(value, (*path, key))


def _changed(values: Any, path: tuple[Any, ...], *new: Any) -> Any:
    """`values` with `new` at `path`, or without what is there."""
    changed = copy.deepcopy(values)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    if new:
        parent[path[-1]] = new[0]
    else:
        del parent[path[-1]]
    return changed


def test_every_missing_key_is_named_with_the_file_and_the_cure(folder: pathlib.Path) -> None:
    values = _values(folder)
    optional = {("strategies", i, "is_broken") for i in range(2)} | {("strategies", i, "by_season") for i in range(2)}
    paths = [path for path in _keys(values) if isinstance(path[-1], str) and path not in optional]
    paths = [path for path in paths if path[:3] != ("mcnemar", 0, "p")]
    assert len(paths) > 150
    for path in paths:
        with pytest.raises(errors.InputError) as caught:
            _open(folder, _changed(values, path))
        assert str(folder / comparison.SUMMARY) in str(caught.value)
        assert path[-1] in str(caught.value)
        assert "python -m refine compare" in str(caught.value)


@pytest.mark.parametrize("wrong", WRONG_TYPES, ids=repr)
def test_a_value_of_another_type_is_refused_or_fits(folder: pathlib.Path, wrong: object) -> None:
    values, refused = _values(folder), 0
    paths = list(_keys(values))
    for path in paths:
        try:
            _open(folder, _changed(values, path, wrong))
        except errors.InputError as error:
            assert str(folder / comparison.SUMMARY) in str(error)
            refused += 1
    assert refused > len(paths) / 10


@pytest.mark.parametrize(
    ("path", "wrong", "message"),
    [
        (("format",), 2, "expected format 1; received 2"),
        (("test", "examples"), -1, "test: expected examples, a whole number of at least 0; received '-1'"),
        (("strategies",), [], "expected strategies, at least one"),
        (("strategies", 1, "users"), [], r"strategies\[1\]: expected users, one for each of the 7 classes"),
        (
            ("strategies", 0, "overall", "low"),
            "0.5",
            r"strategies\[0\].overall: expected low, a number from -10 to 10, or null",
        ),
        (("strategies", 0, "kappa", "high"), 1e300, "expected high, a number from -10 to 10"),
        (("strategies", 0, "confusion", 2), [1], r"strategies\[0\]: expected confusion, a square table of counts"),
    ],
)
def test_the_message_names_the_key_and_the_value(
    folder: pathlib.Path, path: tuple[Any, ...], wrong: object, message: str
) -> None:
    with pytest.raises(errors.InputError, match=message):
        _open(folder, _changed(_values(folder), path, wrong))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'"\xe9"', b"[" * 100_000, b"1" * 5_000, b"\x00"])
def test_what_is_no_json_object_is_refused(folder: pathlib.Path, content: bytes) -> None:
    (folder / comparison.SUMMARY).write_bytes(content)
    with pytest.raises(errors.InputError, match=r"compare\.json: expected .*python -m refine compare"):
        comparison.Comparison.open(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder: pathlib.Path) -> None:
    (folder / comparison.SUMMARY).unlink()
    os.mkfifo(folder / comparison.SUMMARY)
    with pytest.raises(errors.InputError, match="no regular file"):
        comparison.Comparison.open(folder)
