"""Batches: the same pictures on every road, turned and shuffled by hashes."""

from __future__ import annotations

import pathlib

import batch_memory
import numpy as np
import pytest
import small_release

from refine.samples import batches, datasets, feeds


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, datasets.Split]:
    root = tmp_path_factory.mktemp("tensorflow_datasets")
    return {
        kind: datasets.open_dataset(small_release.write(root, config=kind, file_format=kind), data_dir=root).split(
            "train"
        )
        for kind in ("array_record", "tfrecord")
    }


def test_a_picture_is_resized_with_every_pixel_counted() -> None:
    pixels = np.zeros((150, 150, 3), np.uint8)
    pixels[:, ::2] = 200
    shrunk = batches.picture(small_release.jpeg(pixels), 75)
    assert shrunk.shape == (75, 75, 3)
    assert abs(float(shrunk[20:-20, 20:-20].mean()) - 100) < 3


def test_the_eight_views_are_the_eight_symmetries_of_the_square() -> None:
    square = np.arange(9).reshape(3, 3)
    views = {batches.turned(square, v).tobytes() for v in range(batches.VIEWS)}
    assert len(views) == 8
    np.testing.assert_array_equal(batches.turned(square, 0), square)
    np.testing.assert_array_equal(batches.turned(square, 1), np.rot90(square))
    np.testing.assert_array_equal(batches.turned(square, 4), square[:, ::-1])


def test_views_and_order_follow_from_seed_epoch_and_key_alone() -> None:
    keys = np.arange(1000, dtype=np.uint64)
    np.testing.assert_array_equal(
        batches.views_of_epoch(keys, seed=1, epoch=2)[500:], batches.views_of_epoch(keys[500:], seed=1, epoch=2)
    )
    orders = [batches.order_of_epoch(keys, seed=1, epoch=e).tolist() for e in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(1000))
    assert np.bincount(batches.views_of_epoch(keys, seed=0, epoch=0), minlength=8).min() > 90


@pytest.mark.parametrize("size_px", [small_release.SIDE_PX, 75])
def test_tensorflow_and_pillow_see_the_same_pictures_within_one_grey_level(
    splits: dict[str, datasets.Split], size_px: int
) -> None:
    ways = [
        np.concatenate([np.asarray(pixels) for pixels, _, _ in feeds.plain(split, size_px=size_px, batch_size=8)])
        for split in splits.values()
    ]
    assert ways[0].shape == (28, size_px, size_px, 3) and {way.dtype for way in ways} == {np.dtype(np.uint8)}
    assert np.abs(ways[0].astype(int) - ways[1]).max() <= 1
    assert (ways[0] == ways[1]).mean() > 0.75


@pytest.mark.parametrize("kind", ["array_record", "tfrecord"])
def test_an_epoch_holds_every_example_once_with_its_label_and_weight(
    splits: dict[str, datasets.Split], kind: str
) -> None:
    split = splits[kind]
    weights = np.arange(28, dtype=np.float32)
    feed = feeds.feed_of(feeds.Passes(split, 80, 7, weights=weights, training=True))
    seen = [(np.asarray(labels), np.asarray(weight)) for _, labels, weight in feed.for_fit(0, 1)]
    order = np.concatenate([w for _, w in seen]).astype(int)
    assert len(seen) == feed.num_batches == 4
    assert sorted(order.tolist()) == list(range(28)) and order.tolist() != list(range(28))
    np.testing.assert_array_equal(np.concatenate([label for label, _ in seen]), split.labels[order])


def test_what_is_computed_in_the_memory_of_a_batch_changes_no_other(splits: dict[str, datasets.Split]) -> None:
    batch_memory.check_owned(feeds.feed_of(feeds.Passes(splits["array_record"], 80, 7)).for_fit(0, 1))


@pytest.mark.parametrize("kind", ["array_record", "tfrecord"])
def test_an_epoch_taken_up_later_is_the_epoch_that_would_have_come(
    splits: dict[str, datasets.Split], kind: str
) -> None:
    def third_epoch(first: int) -> np.ndarray:
        feed = feeds.feed_of(feeds.Passes(splits[kind], 80, 7, seed=5, training=True, augment=True))
        every = [np.asarray(pixels) for pixels, _, _ in feed.for_fit(first, 3)]
        return np.concatenate(every[-4:])

    np.testing.assert_array_equal(third_epoch(0), third_epoch(2))


def test_both_roads_turn_an_example_the_same_way(splits: dict[str, datasets.Split]) -> None:
    def brightest_corner(pixels: np.ndarray) -> int:
        corners = [pixels[:16, :16], pixels[:16, -16:], pixels[-16:, :16], pixels[-16:, -16:]]
        return int(np.argmax([c.mean() for c in corners]))

    turned = []
    for split in splits.values():
        weights = np.arange(28, dtype=np.float32)
        feed = feeds.feed_of(feeds.Passes(split, 80, 28, weights=weights, training=True, augment=True))
        ((pixels, _, order),) = [tuple(np.asarray(a) for a in batch) for batch in feed.for_fit(0, 1)]
        turned.append([brightest_corner(pixels[i]) for i in np.argsort(order)])
    assert turned[0] == turned[1]
    assert len(set(turned[0])) == 4


def test_examples_that_were_left_out_never_come(splits: dict[str, datasets.Split]) -> None:
    for split in splits.values():
        kept = split.where(split.labels != 3)
        feed = feeds.feed_of(feeds.Passes(kept, 80, 6, training=True, augment=True))
        labels = np.concatenate([np.asarray(labels) for _, labels, _ in feed.for_fit(0, 1)])
        assert len(labels) == 24 and 3 not in labels


@pytest.mark.parametrize("kind", ["array_record", "tfrecord"])
def test_batches_that_devices_cannot_share_are_filled_up(splits: dict[str, datasets.Split], kind: str) -> None:
    feed = feeds.feed_of(feeds.Passes(splits[kind], 80, 7, training=True, augment=True, multiple=4))
    for batch in feed.for_fit(0, 1):
        pixels, labels, weights = (np.asarray(part) for part in batch)
        assert weights.tolist() == [1] * 7 + [0]
        assert labels[-1] == labels[-2]
        np.testing.assert_array_equal(pixels[-1], pixels[-2])


@pytest.mark.parametrize("kind", ["array_record", "tfrecord"])
def test_the_first_results_of_plain_batches_are_those_of_the_examples(
    splits: dict[str, datasets.Split], kind: str
) -> None:
    parts = list(feeds.plain(splits[kind], size_px=80, batch_size=9, multiple=4))
    assert [len(labels) for _, labels, _ in parts] == [12, 12, 4]
    labels = np.concatenate([np.asarray(labels) for _, labels, _ in parts])
    np.testing.assert_array_equal(labels[:28], splits[kind].labels)


def test_batches_are_made_ahead_by_every_thread_within_a_bound(splits: dict[str, datasets.Split]) -> None:
    def ahead(batch_size: int, size_px: int) -> int:
        passes = feeds.Passes(splits["array_record"], size_px, batch_size, training=True, augment=True)
        feed = feeds.feed_of(passes)
        assert isinstance(feed, feeds.RowFeed)
        return feed._most_ahead

    assert ahead(1, 80) == batches.THREADS
    assert ahead(256, 299) == 2  # 275 MB each


def test_pictures_decoded_ahead_come_in_order() -> None:
    encoded = [small_release.example("train", i)["image"] for i in range(12)]
    found = list(batches.decoded(iter(encoded), 80))
    np.testing.assert_array_equal(np.stack(found), np.stack([batches.picture(e, 80) for e in encoded]))


def test_pictures_are_fetched_by_position(splits: dict[str, datasets.Split], tmp_path: pathlib.Path) -> None:
    for split in splits.values():
        found = batches.pictures(split.where(split.labels == 2), [0, 3], 80)
        assert [f.shape for f in found] == [(80, 80, 3)] * 2
        expected = batches.picture(small_release.example("train", 23)["image"], 80)
        np.testing.assert_array_equal(found[1], expected)
