"""Name and version of this code, with which it marks what it writes."""

from __future__ import annotations

import importlib.metadata

NAME = "globeland"


def created_by() -> str:
    """Name and version, as "globeland 0.1.0"; says so if the code runs without being installed."""
    try:
        return f"{NAME} {importlib.metadata.version(NAME)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{NAME}, not installed"
