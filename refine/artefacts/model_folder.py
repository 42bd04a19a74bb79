"""The model folder that `train` writes: its files, and a value that is verified once, when the folder is opened.

model.keras maps pixels (float32, 0..255) to probabilities. training.json holds what was trained on what, how, with
which versions, and the sha256 of the other files. exports.json holds the same for the model in other formats.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from builder import atomic, errors, hashing, input_files, output_folders

FORMAT = 1
MODEL, TRAINING, HISTORY, LABELS, CALIBRATION = (
    "model.keras", "training.json", "history.csv", "labels.json", "calibration.json",
)  # fmt: skip
ONNX, SAVED_MODEL, EXPORTS = "model.onnx", "saved_model", "exports.json"
EXPORT_FORMATS = {ONNX: 2, SAVED_MODEL: 1}  # raise one when the same model is exported otherwise
UNFINISHED = ".unfinished"  # what follows the folder's name while the training has not ended
NEEDED = (MODEL, LABELS, CALIBRATION)  # files whose sha256 training.json must hold
LISTED = (MODEL, HISTORY, LABELS, CALIBRATION)  # those that `train` writes
SAVED_MODEL_FILES = ("saved_model.pb", "fingerprint.pb", "variables/*", "assets/*")
_LITTER = (f"{atomic.TEMPORARY_PREFIX}*", f"{atomic.ASIDE_PREFIX}{SAVED_MODEL}/*")  # of exports that were killed
KIND = output_folders.FolderKind(
    what="a model folder",
    mark=TRAINING,
    files=(*LISTED, TRAINING, ONNX, EXPORTS, *(f"{SAVED_MODEL}/{name}" for name in SAVED_MODEL_FILES), *_LITTER),
)
CURE = "Copy the whole model folder again, or train again."
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Export:
    """The model in another format: what decides its content, and the sha256 of its files.

    Attributes:
      made_from: see `ModelFolder.made_from`.
      files: sha256 of each file, by its path below the model folder.
    """

    made_from: Mapping[str, str]
    files: Mapping[str, str]

    @classmethod
    def of_written(cls, written: pathlib.Path, name: str, made_from: Mapping[str, str]) -> Export:
        """The export that will be called `name`, whose file or folder is `written`, perhaps under a temporary name."""
        if not written.is_dir():
            return cls(made_from, {name: hashing.sha256_of_file(written)})
        files = sorted(path for path in written.rglob("*") if path.is_file())
        sums = {f"{name}/{path.relative_to(written).as_posix()}": hashing.sha256_of_file(path) for path in files}
        return cls(made_from, sums)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"made_from": dict(self.made_from), "files": dict(self.files)}


@dataclasses.dataclass(frozen=True)
class ModelFolder:
    """A trained model on disk, without its network. `open` verifies every file; the value is not verified again.

    Attributes:
      path: the folder.
      record: training.json.
      labels: class names in the model's order.
      temperature: what the logits are divided by, so that probabilities are calibrated.
      digest: sha256 of model.keras.
      exports: the model in other formats, by the name of their file or folder: those that are there and listed.
    """

    path: pathlib.Path
    record: Mapping[str, Any] = dataclasses.field(compare=False, repr=False)
    labels: tuple[str, ...]
    temperature: float
    digest: str
    exports: Mapping[str, Export] = dataclasses.field(compare=False, repr=False, default_factory=dict)

    @classmethod
    def open(cls, path: pathlib.Path) -> ModelFolder:
        """The model folder at `path`, every file of which is the one that was written.

        Raises:
          errors.InputError: if it is no model folder, or a file is missing, is no regular file, differs from what was
            written, or is of another format.
        """
        record = _read_record(path)
        _check_files(path, record["files"], cure=CURE)
        return cls(
            path=path,
            record=record,
            labels=_read_labels(path / LABELS),
            temperature=_read_temperature(path / CALIBRATION),
            digest=record["files"][MODEL],
            exports=_read_exports(path),
        )

    @property
    def dataset(self) -> str:
        """NAME/CONFIG:VERSION that the model was trained on, or the path of an image folder."""
        return str(self.record["dataset"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """The training settings as plain values."""
        settings: Mapping[str, Any] = self.record["settings"]
        return settings

    @property
    def size_px(self) -> int:
        """Side of the pictures that the network takes, in pixels."""
        return int(self.settings["size_px"])

    def made_from(self, name: str, chip_px: int | None = None) -> dict[str, str]:
        """What decides the content of the export `name`, as text.

        Args:
          name: `ONNX` or `SAVED_MODEL`.
          chip_px: side of the chips that it takes, in pixels; None takes `size_px`.
        """
        return {
            "model_sha256": self.digest,
            "chip_px": str(chip_px or self.size_px),
            "temperature": repr(self.temperature),
            "format": str(EXPORT_FORMATS[name]),
        }

    def exported(self, name: str, chip_px: int | None = None) -> pathlib.Path | None:
        """Path of the export `name` if it is there and was made from this model for such chips; else None."""
        kept = self.exports.get(name)
        return self.path / name if kept is not None and kept.made_from == self.made_from(name, chip_px) else None


def list_export(path: pathlib.Path, name: str, export: Export | None) -> None:
    """Lists the export `name` in exports.json of the model folder `path`; None takes it off the list.

    An export is taken off before it is written again: whatever a kill leaves is then made again, not trusted.
    """
    file = path / EXPORTS
    listed = input_files.read_json(file, expected="the exports of a model", cure=CURE) if file.exists() else {}
    if export is None and name not in listed:
        return
    others = {other: values for other, values in listed.items() if other != name}
    with atomic.file(file) as temporary:
        temporary.write_text(to_text(others | ({} if export is None else {name: export.as_json()})), encoding="utf-8")


def work_folder(path: pathlib.Path) -> pathlib.Path:
    """Where the unfinished work of a training waits that will write the model folder `path`."""
    return path.with_name(path.name + UNFINISHED)


def to_text(value: object) -> str:
    """JSON as the files of a model folder hold it."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _read_record(folder: pathlib.Path) -> dict[str, Any]:
    """training.json, if it lists all files of a model and is of this format."""
    file = folder / TRAINING
    if not folder.is_dir() or not file.exists():
        waiting = work_folder(folder)
        raise errors.InputError(
            f"{folder} is not a model: expected a folder with {MODEL} and {TRAINING}, as `refine train` writes it."
            + (f" {waiting} holds an unfinished training: run the same `train` again to go on." * waiting.is_dir())
        )
    record = input_files.read_json(file, expected="the record of a training", cure=CURE)
    settings, files = record.get("settings"), record.get("files")
    if not (isinstance(record.get("dataset"), str) and isinstance(settings, dict) and isinstance(files, dict)):
        raise _not_ours(file, "dataset, settings and files")
    if record.get("format") != FORMAT:
        raise errors.InputError(
            f"{file}: expected format {FORMAT}; received {str(record.get('format'))[:20]}. Use the version of this "
            "project that wrote it, or train again."
        )
    if not set(NEEDED) <= files.keys() <= set(LISTED) or not _are_sums(files):
        raise _not_ours(file, f"the sha256 of {', '.join(LISTED)}")
    size_px = settings.get("size_px")
    if not isinstance(size_px, int) or isinstance(size_px, bool) or size_px < 1:
        raise _not_ours(file, "size_px among the settings, the side of a picture in pixels")
    return record


def _are_sums(files: Mapping[str, Any]) -> bool:
    return all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in files.values())


def _check_files(folder: pathlib.Path, files: Mapping[str, str], *, cure: str) -> None:
    """Refuses a folder whose `files` (sha256 by path below it) are not those that were written."""
    for name, digest in files.items():
        path = folder / name
        if not path.exists():
            raise errors.InputError(f"{folder}: {name} is missing. {cure}")
        input_files.check_regular(path, expected="a file of a model", cure=cure)
        if hashing.sha256_of_file(path) != digest:
            raise errors.InputError(f"{folder}: {name} differs from what was written. {cure}")


def _read_labels(file: pathlib.Path) -> tuple[str, ...]:
    text = input_files.read_text(file, expected="the class names of a model", cure=CURE)
    try:
        labels = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_ours(file, "a list of class names") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise _not_ours(file, "a list of class names")
    if not labels or len(set(labels)) < len(labels):
        raise _not_ours(file, "a list of different class names")
    return tuple(labels)


def _read_temperature(file: pathlib.Path) -> float:
    values = input_files.read_json(file, expected="the calibration of a model", cure=CURE)
    temperature = values.get("temperature")
    if not isinstance(temperature, int | float) or isinstance(temperature, bool) or not 0 < temperature < math.inf:
        raise _not_ours(file, "a temperature above 0")
    return float(temperature)


def _read_exports(folder: pathlib.Path) -> dict[str, Export]:
    """Exports that are there and listed, verified; one that was removed, or is not listed, counts as not made."""
    file = folder / EXPORTS
    if not file.exists():
        return {}
    cure = f"Remove {{}} and {EXPORTS}: `train --export` and `map --engine onnxruntime` write them again."
    listed = input_files.read_json(file, expected="the exports of a model", cure=cure.format(file.name))
    found = {}
    for name, values in listed.items():
        export = _export(file, name, values)
        if (folder / name).exists():
            _check_files(folder, export.files, cure=cure.format(name))
            found[name] = export
    return found


def _export(file: pathlib.Path, name: str, values: Any) -> Export:
    made_from, files = (values.get("made_from"), values.get("files")) if isinstance(values, dict) else (None, None)
    if name not in EXPORT_FORMATS or not isinstance(made_from, dict) or not isinstance(files, dict):
        raise _not_ours(file, f"made_from and files of {ONNX} and {SAVED_MODEL}")
    if not files or not _are_sums(files) or not all(_lies_in(path, name) for path in files):
        raise _not_ours(file, f"the sha256 of the files of {name}")
    return Export({key: str(value) for key, value in made_from.items()}, files)


def _lies_in(path: str, name: str) -> bool:
    """Whether a path that was read from a file is `name`, or leads to something below it."""
    parts: Sequence[str] = path.split("/")
    return parts[0] == name and not any(part in ("", ".", "..") for part in parts)


def _not_ours(file: pathlib.Path, expected: str) -> errors.InputError:
    return errors.InputError(f"{file} is half written or not ours: expected {expected}. {CURE}")
