"""The root of the checkout that tests and benchmarks run in."""

from __future__ import annotations

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
