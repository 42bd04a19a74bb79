"""What all tests share."""

from __future__ import annotations

import collections
import pathlib
import signal
from collections.abc import Iterator

import hypothesis
import pytest

from refine.network import process

process.suit_networks()  # as the commands do
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores Ctrl-C

# A busy machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

ROOT = pathlib.Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests come first: no worker is left alone with one at the end."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is missing."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the real land cover and imagery of ../shared/data, which is not part of the project")
    return folder


@pytest.fixture(scope="module")
def small_network() -> Iterator[None]:
    """While a module's tests run, `refine.network.model.build` builds a small network under InceptionV3's name."""
    import small_network

    with small_network.in_place_of_inception_v3():
        yield
