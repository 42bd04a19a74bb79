"""The formats that a model can be exported to, by the names that `--export` takes."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from builder import errors
from refine.artefacts import model_folder
from refine.export import onnx_file, saved_model, served

FORMATS = {"saved_model": saved_model, "onnx": onnx_file}


def check_formats(names: Sequence[str]) -> None:
    """Refuses formats that cannot be written here.

    Raises:
      errors.InputError: for a format that is not known, and under another backend than TensorFlow.
    """
    for name in names:
        if name not in FORMATS:
            raise errors.InputError(f"--export: expected formats among {', '.join(FORMATS)}; received {name!r}.")
        served.check_backend(FORMATS[name].WHAT)


def export(folder: model_folder.ModelFolder, names: Sequence[str]) -> list[pathlib.Path]:
    """Writes the model in the formats `names` into its folder, for chips of the network's size; returns what it wrote.

    Raises:
      errors.InputError: see `check_formats`, `onnx_file.export` and `saved_model.export`.
    """
    check_formats(names)
    return [FORMATS[name].export(folder) for name in dict.fromkeys(names)]
