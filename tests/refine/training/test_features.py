"""Kept features: what is there is read, what is missing is computed, and nothing is taken for something else."""

from __future__ import annotations

import dataclasses
import pathlib

import batch_memory
import numpy as np
import pytest
import small_release

from refine.network import devices, model
from refine.samples import batches, datasets
from refine.training import features

SIDE_PX = 75


@dataclasses.dataclass(frozen=True)
class Kept:
    root: pathlib.Path
    split: datasets.Split
    network: model.Network
    features: features.Features


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("features")
    split = datasets.open_dataset(small_release.write(folder / "data"), data_dir=folder / "data").split("train")
    network = model.build(classes=7, size_px=SIDE_PX, dropout=0.2, seed=3)
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    model.settle_statistics(network, [(pixels,)] * 5, steps=5)
    made = features.of_split(split, network, root=folder / "kept", views=2, batch_size=8)
    return Kept(folder / "kept", split, network, made)


def test_features_are_what_the_base_says_of_each_view(kept: Kept) -> None:
    picture = batches.pictures(kept.split, [10], SIDE_PX)[0]
    for view in (0, 1):
        pixels = batches.turned(picture, view)[None].astype(np.float32)
        expected = kept.network.features.predict(pixels, verbose=0)
        found = kept.features.take(np.array([10]), np.array([view]))
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def _made(root: pathlib.Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*.npy")}


def test_a_subset_shares_what_is_kept_and_what_it_cost(kept: Kept) -> None:
    before, subset = _made(kept.root), kept.split.where(kept.split.labels == 4)
    again = features.of_split(subset, kept.network, root=kept.root, views=2)
    assert _made(kept.root) == before
    assert again.seconds == kept.features.seconds > 0
    assert 0 < features.of_split(subset, kept.network, root=kept.root).seconds < again.seconds
    np.testing.assert_array_equal(again.plain(), kept.features.plain()[kept.split.labels == 4])


def test_a_missing_part_is_computed_again_and_alone(kept: Kept) -> None:
    before = kept.features.plain()
    plain, turned = sorted(kept.root.rglob("*.npy"))
    made = turned.stat().st_mtime_ns
    plain.unlink()
    again = features.of_split(kept.split, kept.network, root=kept.root, views=2, batch_size=8)
    assert plain.is_file() and turned.stat().st_mtime_ns == made
    np.testing.assert_allclose(again.plain(), before, rtol=1e-3, atol=1e-5)


def test_other_weights_have_features_of_their_own(kept: Kept) -> None:
    other = features.of_split(kept.split, kept.network, root=kept.root, batch_size=8, base_digest="another base")
    assert other.folder != kept.features.folder and len(list(other.folder.rglob("*.npy"))) == 1


def test_a_plain_feed_gives_every_example_in_stored_order(kept: Kept) -> None:
    parts = list(features.plain(kept.features, kept.split, batch_size=10))
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), kept.features.plain())
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), kept.split.labels)


@pytest.mark.parametrize("training", [True, False])
def test_what_is_computed_in_the_memory_of_a_batch_changes_no_other(kept: Kept, training: bool) -> None:
    feed = features.FeatureFeed(kept.features, kept.split, batch_size=10, weights=np.ones(28))
    batch_memory.check_owned(
        feed.for_fit(0, 1) if training else features.plain(kept.features, kept.split, batch_size=10)
    )


def test_batches_for_several_devices_are_filled_up_with_examples_of_no_weight(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "sharing", lambda: 4)
    parts = list(features.FeatureFeed(kept.features, kept.split, batch_size=10, weights=None, seed=1).for_fit(0, 1))
    assert [len(p[0]) for p in parts] == [12, 12, 8]
    weights = np.concatenate([p[2] for p in parts])
    assert weights.sum() == 28 and sorted(set(weights.tolist())) == [0, 1]
    together = np.concatenate([seen for seen, _, _ in features.plain(kept.features, kept.split, batch_size=10)])
    np.testing.assert_array_equal(together[:28], kept.features.plain())


def test_a_feed_gives_every_example_once_under_a_view_of_its_epoch(kept: Kept) -> None:
    weights = np.arange(28, dtype=np.float32)
    feed = features.FeatureFeed(kept.features, kept.split, batch_size=10, weights=weights, seed=1)
    seen = list(feed.for_fit(0, 1))
    order = np.concatenate([weights for _, _, weights in seen]).astype(int)
    assert sorted(order.tolist()) == list(range(28))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels, _ in seen]), kept.split.labels[order])
    views = batches.views_of_epoch(batches.key_bits(kept.split), seed=1, epoch=0, views=2)
    np.testing.assert_array_equal(np.concatenate([f for f, _, _ in seen]), kept.features.take(order, views[order]))
