"""The model folder, and what is made from it for other engines: a SavedModel and an ONNX file.

model.keras (pixels float32 0..255 to probabilities), labels.json, calibration.json, history.csv, and training.json:
what was trained on what, how, with which versions, and the sha256 of the other files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from builder import atomic, errors, hashing
from refine.network import calibration, devices, model
from refine.samples import datasets
from refine.training import resumable_fit

FORMAT = 1
MODEL, TRAINING, HISTORY, LABELS, CALIBRATION = (
    "model.keras", "training.json", "history.csv", "labels.json", "calibration.json",
)  # fmt: skip
ONNX, SAVED_MODEL = "model.onnx", "saved_model"
EXPORTS = {"saved_model": "a SavedModel", "onnx": "ONNX"}
TIE = 1e-3  # of a grey level
ONNX_FORMAT = 2  # raise it when the same model is exported otherwise
PARITY = 1e-4  # largest difference of logits between engines
OPSET = 17
_PACKAGES = ("globeland", "keras", "tensorflow", "tensorflow-cpu", "jax", "tensorflow-datasets", "numpy")


Run = Callable[[np.ndarray], tuple[np.ndarray, ...]]  # chips to logits and probabilities


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A trained model. `digest` is the sha256 of its file; `dataset` is NAME/CONFIG:VERSION that it was trained on."""

    folder: pathlib.Path
    network: model.Network
    labels: tuple[str, ...]
    temperature: float
    digest: str
    dataset: str
    record: Mapping[str, Any]

    @property
    def size_px(self) -> int:
        """Side of the pictures that the network takes."""
        return self.network.size_px

    def logits(self, pixels: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """float32[n, class] of pixels[n, y, x, rgb] in 0..255, already of the network's size.

        Where XLA compiles the last batch is filled up: each size of a batch would be compiled anew, for a minute.
        """
        lacking = -len(pixels) % batch_size if devices.compiles() else 0
        filled = np.concatenate([pixels, np.repeat(pixels[-1:], lacking, axis=0)])
        logits = self.network.logits.predict(filled, batch_size=batch_size, verbose=0)
        return np.asarray(logits, np.float32)[: len(pixels)]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """float64[n, class]: calibrated."""
        return calibration.probabilities(logits, self.temperature)

    def check_fits(self, dataset: datasets.Dataset) -> None:
        """Raises errors.InputError if `dataset` has other classes or is another major version."""
        datasets.check_fits(dataset, classes=self.labels, trained_on=self.dataset)


def write_model(
    folder: pathlib.Path,
    classifier: keras.Model,
    *,
    labels: Sequence[str],
    record: Mapping[str, Any],
    history: Sequence[resumable_fit.Row],
    fitted: calibration.Fitted,
    overwrite: bool = False,
) -> None:
    """Writes the model folder whole or not at all.

    Raises:
      errors.RefusedOverwrite: if it exists and `overwrite` is false.
    """
    with atomic.folder(folder, overwrite=overwrite) as temporary:
        classifier.save(temporary / MODEL)
        resumable_fit.write_history(temporary / HISTORY, history)
        _write_json(temporary / LABELS, list(labels))
        _write_json(temporary / CALIBRATION, fitted.as_json())
        files = {name: hashing.sha256_of_file(temporary / name) for name in (MODEL, HISTORY, LABELS, CALIBRATION)}
        _write_json(temporary / TRAINING, dict(record) | {"files": files})


def load_model(folder: pathlib.Path, *, known: model.Network | None = None) -> Loaded:
    """The model of a folder that `train` wrote.

    Args:
      known: the network that was written a moment ago; it is taken as it is, compiled as it is.

    Raises:
      errors.InputError: if a file is missing or is not the one that was written.
    """
    record = read_record(folder)
    network = known or model.network_of(keras.models.load_model(folder / MODEL, compile=False))
    return Loaded(
        folder=folder,
        network=network,
        labels=tuple(_read_json(folder / LABELS)),
        temperature=float(_read_json(folder / CALIBRATION)["temperature"]),
        digest=record["files"][MODEL],
        dataset=record["dataset"],
        record=record,
    )


def read_record(folder: pathlib.Path) -> dict[str, Any]:
    """training.json of a complete model folder.

    Raises:
      errors.InputError: if a file is missing or is not the one that was written.
    """
    if not (folder / TRAINING).is_file():
        waiting = folder.with_name(folder.name + ".unfinished")
        raise errors.InputError(
            f"{folder} is not a model: expected a folder with {MODEL} and {TRAINING}, as `refine train` writes it."
            + (f" {waiting} holds an unfinished training: run the same `train` again to go on." * waiting.is_dir())
        )
    record = _checked_record(folder)
    for name, digest in record["files"].items():
        if not (folder / name).is_file() or hashing.sha256_of_file(folder / name) != digest:
            state = "differs from what was written" if (folder / name).is_file() else "is missing"
            raise errors.InputError(f"{folder}: {name} {state}. Copy the whole folder again, or train again.")
    return record


def _checked_record(folder: pathlib.Path) -> dict[str, Any]:
    """training.json, if it names all files of a model."""
    try:
        record: dict[str, Any] = _read_json(folder / TRAINING)
        missing = {MODEL, LABELS, CALIBRATION} - set(record["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise _half_written(folder) from error
    if missing or not {"dataset", "settings"} <= record.keys():
        raise _half_written(folder)
    if record.get("format") != FORMAT:
        raise errors.InputError(
            f"{folder / TRAINING}: expected format {FORMAT}; received {record.get('format')}. Use the version of this "
            "project that wrote it, or train again."
        )
    return record


def _half_written(folder: pathlib.Path) -> errors.InputError:
    return errors.InputError(
        f"{folder / TRAINING} is half written or not ours. Copy the whole model folder again, or train again."
    )


def check_exports(formats: Sequence[str]) -> None:
    """Refuses formats that cannot be written here.

    Raises:
      errors.InputError: for a format that is not known, and under another backend than TensorFlow.
    """
    for name in formats:
        if name not in EXPORTS:
            raise errors.InputError(f"--export: expected formats among {', '.join(EXPORTS)}; received {name!r}.")
        _needs_tensorflow(EXPORTS[name])


def export_all(folder: pathlib.Path, formats: Sequence[str]) -> list[pathlib.Path]:
    """Writes the model of `folder` in other formats into it, for chips of the network's size; returns what is there.

    Raises:
      errors.InputError: see `check_exports`, `export_onnx` and `export_saved_model`.
    """
    check_exports(formats)
    made = {
        "saved_model": lambda: export_saved_model(folder, folder / SAVED_MODEL, overwrite=True),
        "onnx": lambda: export_onnx(folder),
    }
    return [made[name]() for name in dict.fromkeys(formats)]


def export_onnx(folder: pathlib.Path, *, chip_px: int | None = None) -> pathlib.Path:
    """`folder`/model.onnx: chips uint8[n, chip_px, chip_px, rgb] to logits and calibrated probabilities.

    Resizing (when the chips are not of the network's size) and scaling are inside. A file that was made from the same
    model for the same chips is kept.

    Raises:
      errors.InputError: under another backend than TensorFlow, or if the ONNX model disagrees with Keras.
    """
    if (kept := current_onnx(folder, chip_px=chip_px)) is not None:
        return kept
    _needs_tensorflow("ONNX")
    import onnx
    import tensorflow as tf
    import tf2onnx

    path = folder / ONNX
    loaded = load_model(folder)
    side = chip_px or loaded.size_px
    identity = _onnx_identity(read_record(folder), side, loaded.temperature)
    served = served_model(loaded, chip_px=side)
    signature = [tf.TensorSpec((None, side, side, 3), tf.uint8, name="chips")]
    # The converter copies the whole graph before each of its passes, to go on should one fail: several gigabytes.
    os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "FALSE")
    graph, _ = tf2onnx.convert.from_function(
        tf.function(lambda chips: served(chips, training=False)), input_signature=signature, opset=OPSET
    )
    _name_outputs(graph)
    for key, value in {**identity, "labels": json.dumps(loaded.labels), "dataset": loaded.dataset}.items():
        graph.metadata_props.add(key=key, value=value)
    with atomic.file(path) as temporary:
        onnx.save(graph, str(temporary))
        _check_parity("ONNX", _run_onnx(temporary), loaded, served, side)
    return path


def current_onnx(folder: pathlib.Path, *, chip_px: int | None = None) -> pathlib.Path | None:
    """`folder`/model.onnx if it was made from the model of the folder for chips of that size, without loading Keras.

    Raises:
      errors.InputError: if the folder is not a whole model.
    """
    record, path = read_record(folder), folder / ONNX
    if not path.is_file():
        return None
    side = chip_px or int(record["settings"].get("size_px", 0))
    wanted = _onnx_identity(record, side, float(_read_json(folder / CALIBRATION)["temperature"]))
    return path if _onnx_properties(path).items() >= wanted.items() else None


def _onnx_identity(record: Mapping[str, Any], side: int, temperature: float) -> dict[str, str]:
    return {
        "model_sha256": str(record["files"][MODEL]),
        "chip_px": str(side),
        "temperature": repr(temperature),
        "format": str(ONNX_FORMAT),
    }


def export_saved_model(
    folder: pathlib.Path, out: pathlib.Path, *, chip_px: int | None = None, overwrite: bool = False
) -> pathlib.Path:
    """`out`: a TensorFlow SavedModel with the same input and outputs as the ONNX file.

    Raises:
      errors.InputError: under another backend than TensorFlow, if `out` exists and `overwrite` is false, or if the
        SavedModel disagrees with Keras.
    """
    _needs_tensorflow(EXPORTS["saved_model"])
    loaded = load_model(folder)
    side = chip_px or loaded.size_px
    served = served_model(loaded, chip_px=side)
    with atomic.folder(out, overwrite=overwrite) as temporary:
        served.export(str(temporary), verbose=False)
        _check_parity("SavedModel", _run_saved_model(temporary), loaded, served, side)
    return out


def served_model(loaded: Loaded, *, chip_px: int) -> keras.Model:
    """Chips uint8[n, chip_px, chip_px, rgb] to {"logits", "probabilities"}, with the preprocessing inside."""
    chips = keras.Input((chip_px, chip_px, 3), dtype="uint8", name="chips")
    pixels = keras.ops.cast(chips, "float32")
    if chip_px != loaded.size_px:
        # Rounded after each direction, as Pillow does: the network has learnt from whole grey levels.
        matrix = resize_matrix(chip_px, loaded.size_px)
        pixels = _whole_levels(keras.ops.matmul(matrix, pixels))
        columns = keras.ops.reshape(pixels, (-1, chip_px, loaded.size_px * 3))
        pixels = _whole_levels(keras.ops.matmul(matrix, columns))
        pixels = keras.ops.reshape(pixels, (-1, loaded.size_px, loaded.size_px, 3))
    logits = loaded.network.logits(pixels)
    shares = keras.ops.softmax(logits / loaded.temperature)
    return keras.Model(chips, {"logits": logits, "probabilities": shares}, name="served")


def _whole_levels(pixels: Any) -> Any:
    """Whole grey levels, halves upwards as Pillow has them; engines' sums differ by less than TIE, so none falls."""
    return keras.ops.floor(pixels + (0.5 + TIE))


def resize_matrix(source_px: int, target_px: int) -> np.ndarray:
    """float32[target, source]: what `batches.resized` does along one side, bilinear with the triangle widened."""
    scale = source_px / target_px
    support = max(scale, 1.0)
    centres = (np.arange(target_px) + 0.5) * scale
    distances = np.abs(np.arange(source_px)[None, :] + 0.5 - centres[:, None])
    weights = np.clip(1 - distances / support, 0, None)
    normalized: np.ndarray = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalized


def versions() -> dict[str, str]:
    """Versions of what took part."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def sha256_of_arrays(*arrays: np.ndarray | None) -> str:
    """sha256 over the contents of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _name_outputs(graph: Any) -> None:
    """Gives the outputs their public names; the converter numbers them in alphabetical order."""
    for output, public in zip(graph.graph.output, ("logits", "probabilities"), strict=True):
        for node in graph.graph.node:
            node.output[:] = [public if name == output.name else name for name in node.output]
            node.input[:] = [public if name == output.name else name for name in node.input]
        output.name = public


def _run_onnx(path: pathlib.Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda chips: tuple(session.run(["logits", "probabilities"], {"chips": chips}))


def _run_saved_model(path: pathlib.Path) -> Run:
    import tensorflow as tf

    restored = tf.saved_model.load(str(path))  # held by the function: its variables go with it

    def run(chips: np.ndarray) -> tuple[np.ndarray, ...]:
        told = restored.serve(tf.constant(chips))
        return told["logits"].numpy(), told["probabilities"].numpy()

    return run


def _check_parity(what: str, run: Run, loaded: Loaded, served: keras.Model, side: int) -> None:
    """Raises errors.InputError if what was exported says something else than Keras."""
    chips = np.random.default_rng(0).integers(0, 256, (4, side, side, 3), np.uint8)
    # Where nothing is resized the model itself is the measure; else the same resizing without the engine.
    native = side == loaded.size_px
    logits = loaded.logits(chips) if native else np.asarray(served.predict(chips, verbose=0)["logits"])
    for name, found, expected in zip(
        ("logit", "probability"), run(chips), (logits, loaded.probabilities(logits)), strict=True
    ):
        difference = float(np.abs(found - expected).max())
        if not difference < PARITY:
            raise errors.InputError(
                f"the {what} model differs from Keras by {difference:.2g} in a {name}; expected less than {PARITY}. "
                "Use the model with Keras (`map --engine keras`)."
            )


def _onnx_properties(path: pathlib.Path) -> dict[str, str]:
    import onnx

    return {p.key: p.value for p in onnx.load(str(path)).metadata_props}


def _needs_tensorflow(what: str) -> None:
    if keras.backend.backend() != "tensorflow":
        raise errors.InputError(
            f"{what} is made through TensorFlow; this is Keras on {keras.backend.backend()}. Run with "
            "KERAS_BACKEND=tensorflow: a model folder is the same for every backend."
        )


def _write_json(path: pathlib.Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(path: pathlib.Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
