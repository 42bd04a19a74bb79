"""The model folder: opened whole or refused by name, whatever was written into it."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import pytest

from builder import errors, hashing
from refine.artefacts import model_folder

SETTINGS = {"size_px": 75}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A model folder whose network is a few bytes: nothing here runs it."""
    path = tmp_path / "model"
    path.mkdir()
    (path / model_folder.MODEL).write_bytes(b"network")
    (path / model_folder.HISTORY).write_text("stage,epoch\n")
    (path / model_folder.LABELS).write_text('["forest", "water"]')
    (path / model_folder.CALIBRATION).write_text('{"temperature": 2.0}')
    _write_record(path)
    return path


def _write_record(folder: pathlib.Path, **changes: object) -> None:
    files = {name: hashing.sha256_of_file(folder / name) for name in model_folder.LISTED}
    record = {"format": model_folder.FORMAT, "dataset": "d/rough:1.0.0", "settings": SETTINGS, "files": files}
    (folder / model_folder.TRAINING).write_text(json.dumps(record | changes))


def _write_onnx(folder: pathlib.Path, **changes: str) -> None:
    opened = model_folder.ModelFolder.open(folder)
    path = folder / model_folder.ONNX
    path.write_bytes(b"graph")
    made_from = opened.made_from(model_folder.ONNX) | changes
    export = model_folder.Export.of_written(path, model_folder.ONNX, made_from)
    model_folder.list_export(folder, model_folder.ONNX, export)


def test_a_folder_comes_back_with_what_was_trained(folder: pathlib.Path) -> None:
    opened = model_folder.ModelFolder.open(folder)
    assert opened.labels == ("forest", "water") and opened.temperature == 2.0 and opened.size_px == 75
    assert opened.dataset == "d/rough:1.0.0" and opened.digest == hashing.sha256_of_file(folder / model_folder.MODEL)
    assert hash(opened) == hash(model_folder.ModelFolder.open(folder))


def test_what_train_and_its_exports_write_is_no_stranger(folder: pathlib.Path) -> None:
    _write_onnx(folder)
    for name in (
        "saved_model/saved_model.pb", "saved_model/variables/variables.index", ".incomplete.x.onnx",
        ".incomplete.y/variables/variables.index", ".replaced.saved_model/saved_model.pb",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert list(model_folder.KIND.strangers(folder)) == []
    (folder / "saved_model" / "notes.txt").write_text("mine")
    assert list(model_folder.KIND.strangers(folder)) == ["saved_model/notes.txt"]


def test_an_opened_folder_is_not_read_again(folder: pathlib.Path) -> None:
    _write_onnx(folder)
    opened = model_folder.ModelFolder.open(folder)
    for path in folder.iterdir():
        path.unlink()
    assert opened.exported(model_folder.ONNX) == folder / model_folder.ONNX


def test_an_export_with_another_byte_is_refused_by_name(folder: pathlib.Path) -> None:
    _write_onnx(folder)
    (folder / model_folder.ONNX).write_bytes(b"grapf")
    with pytest.raises(errors.InputError, match=r"model\.onnx differs from what was written. Remove model\.onnx"):
        model_folder.ModelFolder.open(folder)
    (folder / model_folder.ONNX).unlink()  # the cure that the message names
    (folder / model_folder.EXPORTS).unlink()
    assert model_folder.ModelFolder.open(folder).exported(model_folder.ONNX) is None


def test_a_file_of_a_saved_model_with_another_byte_is_refused_by_name(folder: pathlib.Path) -> None:
    out = folder / model_folder.SAVED_MODEL
    (out / "variables").mkdir(parents=True)
    (out / "variables" / "variables.index").write_bytes(b"index")
    made_from = model_folder.ModelFolder.open(folder).made_from(model_folder.SAVED_MODEL)
    export = model_folder.Export.of_written(out, model_folder.SAVED_MODEL, made_from)
    model_folder.list_export(folder, model_folder.SAVED_MODEL, export)
    assert model_folder.ModelFolder.open(folder).exported(model_folder.SAVED_MODEL) == out
    (out / "variables" / "variables.index").write_bytes(b"other")
    with pytest.raises(errors.InputError, match=r"saved_model/variables/variables\.index differs"):
        model_folder.ModelFolder.open(folder)


def test_an_export_that_is_not_listed_or_is_of_another_model_is_not_used(folder: pathlib.Path) -> None:
    (folder / model_folder.ONNX).write_bytes(b"from elsewhere")
    assert model_folder.ModelFolder.open(folder).exported(model_folder.ONNX) is None
    _write_onnx(folder, model_sha256="0" * 64)
    assert model_folder.ModelFolder.open(folder).exported(model_folder.ONNX) is None
    _write_onnx(folder)
    assert model_folder.ModelFolder.open(folder).exported(model_folder.ONNX, chip_px=99) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"files": ["model.keras"]},
        {"files": {"model.keras": "0" * 64, "labels.json": "0" * 64}},
        {"files": dict.fromkeys(("model.keras", "labels.json", "calibration.json", "../../secret"), "0" * 64)},
        {"files": dict.fromkeys(("model.keras", "labels.json", "calibration.json"), 7)},
        {"dataset": 5},
        {"settings": [1]},
        {"settings": {"size_px": "75"}},
        {"settings": {"size_px": True}},
        {"settings": {}},
    ],
)
def test_a_record_that_is_not_ours_is_refused(folder: pathlib.Path, changes: dict[str, object]) -> None:
    _write_record(folder, **changes)
    with pytest.raises(errors.InputError, match=r"training\.json is half written or not ours"):
        model_folder.ModelFolder.open(folder)


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_a_record_that_is_no_json_object_is_refused(folder: pathlib.Path, text: str) -> None:
    (folder / model_folder.TRAINING).write_text(text)
    with pytest.raises(errors.InputError, match=r"training\.json"):
        model_folder.ModelFolder.open(folder)


@pytest.mark.parametrize("text", ["{}", "[]", '"forest"', "[1, 2]", '["a", "a"]', "[" * 100_000])
def test_labels_that_are_no_class_names_are_refused(folder: pathlib.Path, text: str) -> None:
    (folder / model_folder.LABELS).write_text(text)
    _write_record(folder)
    with pytest.raises(errors.InputError, match=r"labels\.json is half written or not ours"):
        model_folder.ModelFolder.open(folder)


@pytest.mark.parametrize(
    "text", ["{}", "[]", *(f'{{"temperature": {t}}}' for t in ("0", "NaN", "true", '"1"', "1e999"))]
)
def test_a_temperature_that_is_none_is_refused(folder: pathlib.Path, text: str) -> None:
    (folder / model_folder.CALIBRATION).write_text(text)
    _write_record(folder)
    with pytest.raises(errors.InputError, match=r"calibration\.json"):
        model_folder.ModelFolder.open(folder)


@pytest.mark.parametrize(
    "exports",
    [
        [],
        {"model.onnx": 5},
        {"other.bin": {"made_from": {}, "files": {}}},
        {"model.onnx": {"made_from": {}, "files": {}}},
        {"model.onnx": {"made_from": {}, "files": {"../../secret": "0" * 64}}},
        {"saved_model": {"made_from": {}, "files": {"saved_model/../../secret": "0" * 64}}},
        {"model.onnx": {"made_from": {}, "files": {"model.onnx": 5}}},
    ],
)
def test_a_list_of_exports_that_is_not_ours_is_refused(folder: pathlib.Path, exports: Any) -> None:
    (folder / model_folder.ONNX).write_bytes(b"graph")
    (folder / model_folder.EXPORTS).write_text(json.dumps(exports))
    with pytest.raises(errors.InputError, match=r"exports\.json"):
        model_folder.ModelFolder.open(folder)


@pytest.mark.parametrize("name", [model_folder.TRAINING, *model_folder.LISTED, model_folder.ONNX, model_folder.EXPORTS])
def test_a_fifo_in_place_of_a_file_is_refused_and_not_waited_for(folder: pathlib.Path, name: str) -> None:
    _write_onnx(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(errors.InputError, match="something that is no regular file"):
        model_folder.ModelFolder.open(folder)
