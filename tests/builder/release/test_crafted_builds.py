"""What a build says is checked before it is believed: names, files, documents, pictures."""

from __future__ import annotations

import copy as copies
import io
import json
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import crafted_shards
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from builder import checksums, errors
from builder.dataset import example_faults, index, inspection
from builder.release import card, diff, facts, licences, record, release, stac_collection, verify, version

NO_FILE = "expected a regular file; found something that must not be read"
Place = tuple[str | int, ...]


def change_json(path: pathlib.Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refuse(crafted: pathlib.Path, match: str) -> None:
    """`release` refuses the build and leaves nothing anywhere."""
    before = sorted(crafted.parent.rglob("*"))
    with pytest.raises(errors.InputError, match=match):
        release.release(crafted, crafted.parent / "to", record_in=crafted.parent / "records")
    assert sorted(crafted.parent.rglob("*")) == before


# --- Names and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["name", "configName", "version"])
@pytest.mark.parametrize("value", ["../../evil", "/evil", "..", "", "a/b", ".hidden", "a\\b", "1.0.0\n", 5, None])
def test_a_name_that_leads_elsewhere_is_refused(crafted: pathlib.Path, name: str, value: object) -> None:
    change_json(crafted / version.INFO_FILE, **{name: value})
    refuse(crafted, rf"dataset_info\.json: {name}: expected")


def test_a_link_in_a_build_is_not_followed(crafted: pathlib.Path) -> None:
    secret = crafted.parent / "secret.txt"
    secret.write_text("private")
    (crafted / "notes.txt").symlink_to(secret)
    refuse(crafted, r"notes\.txt: expected nothing but regular files")


def test_a_link_to_a_folder_in_a_build_is_not_followed(crafted: pathlib.Path) -> None:
    (crafted.parent / "secrets").mkdir()
    (crafted / "more").symlink_to(crafted.parent / "secrets")
    refuse(crafted, "more: expected nothing but regular files")


def test_a_cache_may_hold_a_release_as_links_to_its_files(copy: pathlib.Path) -> None:
    blob = copy.parents[2] / "blob"
    (copy / index.FILE).rename(blob)
    (copy / index.FILE).symlink_to(blob)
    assert list(verify.faults(copy)) == []
    blob.unlink()
    assert list(verify.faults(copy)) == [
        f"{index.FILE}: expected a regular file; found something that must not be read"
    ]


@pytest.mark.timeout(60)
def test_a_fifo_in_place_of_any_file_is_refused_at_once(crafted: pathlib.Path) -> None:
    for path in checksums.files(crafted):
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        refuse(crafted, f"{path.name}: expected nothing but regular files")
        path.unlink()
        path.write_bytes(content)


@pytest.mark.timeout(60)
def test_verify_reads_no_fifo(copy: pathlib.Path) -> None:
    for path in [*checksums.files(copy), copy / checksums.FILE]:
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        assert list(verify.faults(copy)) == [f"{path.name}: {NO_FILE}"]
        path.unlink()
        path.write_bytes(content)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", [version.INFO_FILE, version.METADATA_FILE, "*-train.tfrecord-*"])
def test_diff_reads_no_fifo(crafted: pathlib.Path, built: pathlib.Path, name: str) -> None:
    path = next(crafted.glob(name))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(errors.InputError, match="no regular file"):
        diff.between(built, crafted)


# --- Documents --------------------------------------------------------------------------------------------------------


def places(document: object, place: Place = ()) -> Iterator[Place]:
    """Every place in a JSON document; of a list, the first element."""
    if place:
        yield place
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, (*place, name))
    elif isinstance(document, list) and document:
        yield from places(document[0], (*place, 0))


def damaged(document: dict[str, Any], place: Place, value: object) -> dict[str, Any]:
    """The document with another value in one place; without it, if the value is `...`."""
    changed = copies.deepcopy(document)
    parent: Any = changed
    for name in place[:-1]:
        parent = parent[name]
    if value is ...:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    return changed


def describe(folder: pathlib.Path, rows: pa.Table) -> None:
    """Writes all that `release` says of a build, but for the pictures."""
    described = facts.of_version(version.read(folder), rows)
    entry = record.of_release(described, {}, described.extent.first, "")
    for content in (entry, stac_collection.document(described)):
        json.dumps(content)
    list(verify.index_faults(described.version, described.rows))
    assert card.text(described) and licences.text(described)


@pytest.mark.parametrize("name", [version.INFO_FILE, version.METADATA_FILE, version.FEATURES_FILE])
def test_a_damaged_document_ends_in_a_sentence_that_names_it(crafted: pathlib.Path, name: str) -> None:
    path = crafted / name
    document, rows, refused = json.loads(path.read_text()), index.read(crafted).slice(0, 5), 0
    if name == version.FEATURES_FILE:  # a feature with and one without a shape are enough
        features = document["featuresDict"]["features"]
        document["featuresDict"]["features"] = {name: features[name] for name in ("affine", "key")}
    for place in places(document):
        for value in (..., None, [5], {"a": {"b": 1}}, float("nan")):
            path.write_text(json.dumps(damaged(document, place, value)))
            try:
                describe(crafted, rows)
            except errors.InputError as error:
                refused += 1
                assert str(path) in str(error), (place, value, error)
    assert refused > 30


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b"NaN"])
@pytest.mark.parametrize("name", [version.INFO_FILE, version.METADATA_FILE])
def test_a_document_that_is_no_object_is_named(crafted: pathlib.Path, name: str, content: bytes) -> None:
    (crafted / name).write_bytes(content)
    refuse(crafted, name)


# --- Pictures ---------------------------------------------------------------------------------------------------------


def png(_: object) -> dict[str, Any]:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(stream, "PNG")
    return {"image": [stream.getvalue()]}


def small(values: dict[str, Any]) -> dict[str, Any]:
    stream = io.BytesIO()
    Image.open(io.BytesIO(values["image"][0])).resize((5, 5)).save(stream, "JPEG")
    return {"image": [stream.getvalue()]}


def bomb(values: dict[str, Any]) -> dict[str, Any]:
    image = values["image"][0]
    start = image.index(b"\xff\xc0") + 5
    return {"image": [image[:start] + (20_000).to_bytes(2, "big") * 2 + image[start + 4 :]]}


CRAFTED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "text": (lambda _: {"image": [b"hello"]}, "the picture is no whole JPEG"),
    "PNG": (png, "the picture is no whole JPEG"),
    "small": (small, "the picture has 5 x 5 px instead of 32 x 32"),
    "bomb": (bomb, "the picture has 20000 x 20000 px instead of 32 x 32"),
    "other pixels": (lambda _: {"pixels_sha256": [b"0" * 64]}, "the picture has pixels of the SHA-256"),
    "gsd": (lambda _: {"gsd_m": [float("nan")]}, "`gsd_m` is nan"),
    "place": (lambda values: {"lon_e7": [values["lon_e7"][0] + 10_000_000]}, "its corners are"),
    "day": (lambda _: {"acquired_from": [b"2011-01-01"]}, "it was acquired from 2011-01-01 to"),
}


@pytest.mark.parametrize("kind", CRAFTED)
def test_a_crafted_example_is_named_by_verify_and_stops_a_release(
    copy: pathlib.Path, built: pathlib.Path, kind: str
) -> None:
    change, fault = CRAFTED[kind]
    shard = next(copy.glob("*-train.tfrecord-*"))
    key = crafted_shards.change_first(shard, change)
    checksums.write(copy)
    found = [line for line in verify.faults(copy) if fault in line]
    assert len(found) == 1 and found[0].startswith(f"{shard.name}: {key} of train: ")
    crafted = pathlib.Path(shutil.copytree(built, copy.parents[2] / "crafted" / "built"))
    shutil.copyfile(shard, crafted / shard.name)
    _believe_shards(crafted)
    refuse(crafted, re.escape(f"{shard.name}: {key} of train: {fault}"))


def _believe_shards(folder: pathlib.Path) -> None:
    """States the digest of the shards as they are, as one who crafts a build would."""
    read = inspection.inspect(folder, expected=version.read(folder).expected)
    change_json(folder / version.METADATA_FILE, digest=read.total.text)


def test_a_build_reads_headers_only(crafted: pathlib.Path) -> None:
    shard = next(crafted.glob("*-train.tfrecord-*"))
    expected = example_faults.Expected(90.0, 32, decodes=False)
    crafted_shards.change_first(shard, CRAFTED["other pixels"][0])
    inspection.inspect(crafted, expected=expected).check_examples()
    key = crafted_shards.change_first(shard, CRAFTED["text"][0])
    with pytest.raises(
        errors.InputError, match=re.escape(f"{shard.name}: {key} of train: the picture is no whole JPEG")
    ):
        inspection.inspect(crafted, expected=expected).check_examples()


def test_many_faults_are_counted(copy: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "LISTED_FAULTS", 2)
    change_json(copy / version.METADATA_FILE, chip={"size_m": 90.0, "size_px": 33, "jpeg_quality": 90})
    found = [line for line in verify.faults(copy) if "tfrecord" in line]
    assert len(found) == 3 and found[-1] == "tfrecord shards: 47 more faults of single examples"


def test_the_index_says_what_the_shards_say(copy: pathlib.Path) -> None:
    rows = index.read(copy)
    resolutions = [value if number else 1.5 for number, value in enumerate(rows["gsd_m"].to_pylist())]
    column = rows.column_names.index("gsd_m")
    index.write(copy, rows.set_column(column, rows.schema.field("gsd_m"), [resolutions]))
    checksums.write(copy)
    key, split = rows["key"][0], rows["split"][0]
    assert [line for line in verify.faults(copy) if "tfrecord" in line] == [
        f"{index.FILE}: 1 examples are not as in the tfrecord shards, such as {key} of {split}: its gsd_m is 1.5 here, "
        "2.0 there"
    ]


def test_a_resolution_that_is_no_number_breaks_the_rule(copy: pathlib.Path) -> None:
    rows = index.read(copy)
    resolutions = [value if number else float("nan") for number, value in enumerate(rows["gsd_m"].to_pylist())]
    column = rows.column_names.index("gsd_m")
    index.write(copy, rows.set_column(column, rows.schema.field("gsd_m"), [resolutions]))
    assert f"{index.FILE}: 1 examples are coarser than 2.0 m, such as {rows['key'][0]}" in list(verify.faults(copy))


def test_a_file_of_a_user_in_a_build_is_not_published(copy: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (copy / "my_notes.txt").write_text("mine")
    with pytest.raises(errors.InputError, match=r"my_notes\.txt: expected nothing but what `tfds build` wrote"):
        release.release(copy, tmp_path / "to", record_in=tmp_path / "records")
    assert not (tmp_path / "to").exists()


# --- A release that fails ---------------------------------------------------------------------------------------------


def test_the_error_about_an_existing_release_names_to(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    release.release(built, tmp_path, record_in=tmp_path / "records")
    with pytest.raises(errors.RefusedOverwrite, match="Name another --to, or give --overwrite"):
        release.release(built, tmp_path, record_in=tmp_path / "records")


@pytest.mark.parametrize("name", ["thesis.doc", "notes.txt", "figure.png", "results.json"])
def test_overwriting_a_release_keeps_what_others_put_there(
    built: pathlib.Path, tmp_path: pathlib.Path, name: str
) -> None:
    folder = release.release(built, tmp_path, record_in=tmp_path / "records").folder
    (folder / name).write_text("mine")
    with pytest.raises(errors.InputError, match=f"would delete {re.escape(name)}"):
        release.release(built, tmp_path, record_in=tmp_path / "records", overwrite=True)
    assert (folder / name).read_text() == "mine"


def test_a_writer_of_another_library_that_fails_leaves_a_sentence_and_nothing_else(
    crafted: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorflow_datasets.core import file_adapters

    def fail(*_: object) -> None:
        raise RuntimeError("UNKNOWN: write failed\n; more")

    adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat.ARRAY_RECORD]
    monkeypatch.setattr(adapter, "write_examples", fail)
    refuse(crafted, r"--to: .*array_record.* cannot be written: UNKNOWN: write failed\. Look whether the disk is full")


@pytest.mark.parametrize("url", ["https://me:secret@example.org/x", "https://example.org/x?sig=secret", "file:///x"])
def test_an_address_with_a_secret_is_not_published(crafted: pathlib.Path, url: str) -> None:
    with pytest.raises(errors.InputError, match="--url: expected") as refused:
        release.release(crafted, crafted.parent / "to", record_in=crafted.parent / "records", url=url)
    assert "secret" not in str(refused.value)


# --- Texts of others --------------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script> [terms](javascript:alert(1)) `code` | cell\nPICTURES *loud* ![x](http://evil/x.png)"
)


def test_the_text_of_others_is_no_mark_up_of_the_papers(built: pathlib.Path) -> None:
    rows = index.read(built)
    for name in ("licence", "attribution"):
        column = rows.column_names.index(name)
        rows = rows.set_column(column, rows.schema.field(name), [[HOSTILE] * len(rows)])
    described = facts.of_version(version.read(built), rows)
    line = next(line for line in card.text(described).splitlines() if "alert(1)" in line)
    assert r"\<script>" in line and r"\[terms" not in line and r"terms\](javascript" in line and r"\| cell" in line
    assert r"\`code\`" in line and r"\*loud\*" in line and r"x\](http" in line
    text = licences.text(described).splitlines()
    assert sum(line.startswith("PICTURES") for line in text) == 1
