"""The model as ONNX: model.onnx in the model folder."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

import keras

from builder import atomic
from refine.artefacts import model_folder
from refine.export import served
from refine.network import trained_model

WHAT = "ONNX"
OPSET = 17


def export(folder: model_folder.ModelFolder, *, chip_px: int | None = None) -> pathlib.Path:
    """Writes model.onnx: chips uint8[n, chip_px, chip_px, rgb] to logits and calibrated probabilities.

    Resizing (when the chips are not of the network's size) and scaling are inside. A file that was made from the same
    model for the same chips is kept.

    Args:
      folder: the model to export, and where model.onnx is written.
      chip_px: side of the chips in pixels; None takes the network's size.

    Raises:
      errors.InputError: under another backend than TensorFlow, or if the ONNX model disagrees with Keras.
    """
    if (kept := folder.exported(model_folder.ONNX, chip_px)) is not None:
        return kept
    served.check_backend(WHAT)
    import onnx

    side = chip_px or folder.size_px
    trained = trained_model.load(folder)
    network = served.served_model(trained, chip_px=side)
    made_from = folder.made_from(model_folder.ONNX, side)
    graph = _convert(network, chip_px=side)
    _name_outputs(graph)
    for key, value in {**made_from, "labels": json.dumps(folder.labels), "dataset": folder.dataset}.items():
        graph.metadata_props.add(key=key, value=value)
    path = folder.path / model_folder.ONNX
    model_folder.list_export(folder.path, model_folder.ONNX, None)
    with atomic.file(path) as temporary:
        onnx.save(graph, str(temporary))
        served.check_parity(WHAT, runner(temporary), trained, network, chip_px=side)
        written = model_folder.Export.of_written(temporary, model_folder.ONNX, made_from)
    model_folder.list_export(folder.path, model_folder.ONNX, written)
    return path


def runner(path: pathlib.Path) -> served.Run:
    """Runs an ONNX file on ONNX Runtime, on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda chips: tuple(session.run([served.LOGITS, served.PROBABILITIES], {served.INPUT: chips}))


def _convert(network: keras.Model, *, chip_px: int) -> Any:
    """The ONNX graph of a served model."""
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, chip_px, chip_px, 3), tf.uint8, name=served.INPUT)]
    # The converter copies the whole graph before each of its passes, to recover should one fail: several gigabytes.
    os.environ.setdefault("TF2ONNX_CATCH_ERRORS", "FALSE")
    graph, _ = tf2onnx.convert.from_function(
        tf.function(lambda chips: network(chips, training=False)), input_signature=signature, opset=OPSET
    )
    return graph


def _name_outputs(graph: Any) -> None:
    """Gives the outputs their public names; the converter numbers them in alphabetical order."""
    for output, public in zip(graph.graph.output, (served.LOGITS, served.PROBABILITIES), strict=True):
        for node in graph.graph.node:
            node.output[:] = [public if name == output.name else name for name in node.output]
            node.input[:] = [public if name == output.name else name for name in node.input]
        output.name = public
