"""The network before it learns: a random start settled once, and what it follows from."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np
import pytest
import small_release

from refine.network import model
from refine.samples import datasets
from refine.training import initial_network, training_settings

pytestmark = pytest.mark.usefixtures("small_network")
RANDOM = training_settings.TrainingSettings(weights="none", size_px=75, batch_size=7, dropout=0.0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> datasets.Dataset:
    root = tmp_path_factory.mktemp("starts")
    return datasets.open_dataset(small_release.write(root), data_dir=root)


@pytest.fixture
def unwanted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """While in use, settling fails the test."""

    def settle(*_: object, **__: object) -> None:
        raise AssertionError("settled again")

    with monkeypatch.context() as patch:
        patch.setattr(model, "settle_statistics", settle)
        yield patch


@pytest.fixture(scope="module")
def settled(dataset: datasets.Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[model.Network, pathlib.Path]:
    """A start, and where its statistics are kept."""
    root = tmp_path_factory.mktemp("kept")
    return initial_network.start_network(dataset.split("train"), RANDOM, root=root), root


def test_the_examples_of_a_small_dataset_settle_a_random_base_in_several_epochs(
    dataset: datasets.Dataset, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def settle(network: model.Network, feed: Iterator[tuple[np.ndarray, ...]], *, steps: int) -> None:
        seen.extend(len(labels) for _, (_, labels, _) in zip(range(steps), feed, strict=False))

    monkeypatch.setattr(model, "settle_statistics", settle)
    initial_network.start_network(dataset.split("train"), RANDOM, root=tmp_path)
    assert seen == [7] * initial_network.STATISTICS_STEPS


def test_a_random_start_is_settled_once_for_all_trainings_on_the_same_pictures(
    dataset: datasets.Dataset, settled: tuple[model.Network, pathlib.Path], unwanted: pytest.MonkeyPatch
) -> None:
    before, root = settled
    again = initial_network.start_network(
        dataset.split("train"), dataclasses.replace(RANDOM, learning_rate=0.5), root=root
    )
    assert model.digest(again.classifier) == model.digest(before.classifier)
    assert model.batch_norms(again.base)[0].momentum == model.batch_norms(before.base)[0].momentum


@pytest.mark.parametrize(
    "changes", [{"seed": 1}, {"batch_size": 14}, {"size_px": 80}, {"augment": False}, {"precision": "mixed_float16"}]
)
def test_other_settings_are_settled_anew(
    dataset: datasets.Dataset,
    settled: tuple[model.Network, pathlib.Path],
    unwanted: pytest.MonkeyPatch,
    changes: dict[str, object],
) -> None:
    with pytest.raises(AssertionError, match="settled again"):
        initial_network.start_network(dataset.split("train"), dataclasses.replace(RANDOM, **changes), root=settled[1])  # type: ignore[arg-type]


def test_other_pictures_are_settled_anew(
    dataset: datasets.Dataset, settled: tuple[model.Network, pathlib.Path], unwanted: pytest.MonkeyPatch
) -> None:
    train = dataset.split("train")
    for other in (train.where(np.arange(len(train)) < 9), dataset.split("validation")):
        with pytest.raises(AssertionError, match="settled again"):
            initial_network.start_network(other, RANDOM, root=settled[1])


def test_another_base_is_settled_anew(
    dataset: datasets.Dataset, settled: tuple[model.Network, pathlib.Path], unwanted: pytest.MonkeyPatch
) -> None:
    """The same seed draws other weights under another backend."""
    build = initial_network.build_network

    def other(train: datasets.Split, settings: training_settings.TrainingSettings) -> model.Network:
        return build(train, dataclasses.replace(settings, seed=settings.seed + 1))

    unwanted.setattr(initial_network, "build_network", other)
    with pytest.raises(AssertionError, match="settled again"):
        initial_network.start_network(dataset.split("train"), RANDOM, root=settled[1])
