"""A page about artefacts needs no learning framework."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import report_artefacts
from checkout import ROOT

BLOCKED = ("keras", "tensorflow", "tensorflow_datasets", "jax", "cleanlab", "onnxruntime", "apache_beam")
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({BLOCKED!r}))\n"


def _run(code: str, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_page_about_everything_but_chips_is_written_without_them(tmp_path: pathlib.Path) -> None:
    base, refined = report_artefacts.write_map(tmp_path)
    frame = report_artefacts.write_frame(tmp_path / "frame")
    comparison = report_artefacts.write_comparison(tmp_path / "comparison")
    noise = report_artefacts.write_noise(tmp_path / "noise", "small_samples/rough:1.0.0", ["train003"])
    _run(
        "import pathlib\n"
        "from refine.report import report\n"
        "names = ('out', 'map', 'base', 'frame', 'comparison', 'noise')\n"
        "report.write(report.ReportRequest(**dict(zip(names, map(pathlib.Path, sys.argv[1:])))))\n",
        *(tmp_path / "report.html", refined, base, frame, comparison, noise),
    )
    assert "Doubtful labels" in (tmp_path / "report.html").read_text(encoding="utf-8")
