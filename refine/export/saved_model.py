"""The model as a TensorFlow SavedModel, with the same input and outputs as the ONNX file."""

from __future__ import annotations

import pathlib

import numpy as np

from builder import atomic, output_folders
from refine.artefacts import model_folder
from refine.export import served
from refine.network import trained_model

WHAT = "a SavedModel"
KIND = output_folders.FolderKind(
    what=WHAT, mark=model_folder.SAVED_MODEL_FILES[0], files=model_folder.SAVED_MODEL_FILES
)


def export(folder: model_folder.ModelFolder, *, chip_px: int | None = None) -> pathlib.Path:
    """Writes the folder saved_model into the model folder, or replaces it.

    Args:
      folder: the model to export, and where saved_model is written.
      chip_px: side of the chips in pixels; None takes the network's size.

    Raises:
      errors.InputError: under another backend than TensorFlow, if saved_model holds files that are not a SavedModel's,
        or if the SavedModel disagrees with Keras.
    """
    served.check_backend(WHAT)
    out = folder.path / model_folder.SAVED_MODEL
    output_folders.check(out, KIND, option=f"--export {model_folder.SAVED_MODEL}", overwrite=True)
    side = chip_px or folder.size_px
    trained = trained_model.load(folder)
    network = served.served_model(trained, chip_px=side)
    model_folder.list_export(folder.path, model_folder.SAVED_MODEL, None)
    with atomic.folder(out, overwrite=True) as temporary:
        network.export(str(temporary), verbose=False)
        served.check_parity("SavedModel", runner(temporary), trained, network, chip_px=side)
        made_from = folder.made_from(model_folder.SAVED_MODEL, side)
        written = model_folder.Export.of_written(temporary, model_folder.SAVED_MODEL, made_from)
    model_folder.list_export(folder.path, model_folder.SAVED_MODEL, written)
    return out


def runner(path: pathlib.Path) -> served.Run:
    """Runs a SavedModel on TensorFlow."""
    import tensorflow as tf

    restored = tf.saved_model.load(str(path))  # held by the function: its variables go with it

    def run(chips: np.ndarray) -> tuple[np.ndarray, ...]:
        outputs = restored.serve(tf.constant(chips))
        return outputs[served.LOGITS].numpy(), outputs[served.PROBABILITIES].numpy()

    return run
