"""Keras on JAX trains, judges and predicts where `import tensorflow` fails."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest
import small_release
from checkout import ROOT

SCRIPT = """
import json, pathlib, sys
import keras
from refine.artefacts import model_folder
from refine.export import onnx_file
from refine.network import trained_model
from refine.samples import datasets
from refine.training import learning_set, predictions, train_model, training_history, training_settings
root = pathlib.Path(sys.argv[1])
dataset = datasets.open_dataset("small_samples/rough", data_dir=root / "data")
rows = {}
for strategy, epochs in (("logits", 3), ("first-layer", 1)):
    settings = training_settings.TrainingSettings(
        strategy=strategy, weights="none", size_px=75, batch_size=7, epochs=epochs, learning_rate=0.02
    )
    folder = train_model.train(learning_set.learning_set_of(dataset, settings), settings, root / strategy).folder.path
    loaded = trained_model.load(folder)
    logits = predictions.logits_of(loaded.network, dataset.split("test"))
    history = training_history.read(folder / model_folder.HISTORY)
    rows[strategy] = {"backend": loaded.folder.record["backend"], "epochs": len(history), "shape": logits.shape}
assert "tensorflow" not in sys.modules
try:
    onnx_file.export(loaded.folder)
except ValueError as error:
    rows["onnx"] = str(error)
print(json.dumps(rows))
"""


@pytest.mark.slow
def test_jax_trains_both_strategies_without_tensorflow(tmp_path: pathlib.Path) -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax")
    small_release.write(tmp_path / "data")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "tensorflow.py").write_text("raise ModuleNotFoundError('No module named tensorflow')")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": f"{blocked}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rows = json.loads(done.stdout.splitlines()[-1])
    assert rows["logits"] == {"backend": "jax", "epochs": 3, "shape": [14, 7]}
    assert rows["first-layer"] == {"backend": "jax", "epochs": 1, "shape": [14, 7]}
    assert "KERAS_BACKEND=tensorflow" in rows["onnx"]
