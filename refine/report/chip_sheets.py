"""Chips of a dataset on the page: samples of each class, and the most doubtful ones."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from builder import hashing
from refine.artefacts import noise_summary
from refine.report import land_cover, page_pictures, parts
from refine.samples import batches, datasets

CHIPS_PER_CLASS = 12
CHIP_PX = 128
WORST_SHOWN = 24
SHEET_PX = 1400  # width of the sheet of doubtful chips, at most
COLUMNS = ("acquired_from", "sensor", "gsd_m", "label_origin")  # shown with a sample, where a dataset has them


def read_sheets(dataset: datasets.Dataset, split_name: str = "train") -> parts.SheetsPart:
    """Samples of each class, chosen by hashed key, with what is known of them.

    Raises:
      errors.InputError: if the dataset has no such split.
    """
    split = dataset.split(split_name)
    columns = split.known_columns(*COLUMNS)
    chosen = [_chosen(split, label) for label in range(len(dataset.classes))]
    pictures = _pictures(split, sorted({row for rows in chosen for row in rows}))
    sheets = []
    for label, (name, rows) in enumerate(zip(dataset.classes, chosen, strict=True)):
        shown = land_cover.by_name(name)
        chips = tuple(parts.ChipPicture(pictures[row], _describe(split, columns, row, shown.title)) for row in rows)
        sheets.append(parts.Sheet(shown, int((split.labels == label).sum()), chips))
    return parts.SheetsPart(dataset.full_name, split_name, tuple(sheets))


def read_noise(folder: pathlib.Path, dataset: datasets.Dataset | None) -> parts.NoisePart:
    """What `python -m refine noise` wrote; with the dataset at hand the worst chips one by one, else its sheet.

    Raises:
      errors.InputError: if a file of it is missing or damaged.
    """
    summary = noise_summary.NoiseSummary.open(folder)
    labels = noise_summary.doubtful_labels(folder)[:WORST_SHOWN]
    worst: tuple[parts.ChipPicture, ...] = ()
    if dataset is not None and dataset.full_name == summary.dataset:
        worst = _worst(dataset.split(summary.split), labels)
    picture = folder / noise_summary.SHEET
    sheet = None
    if not worst and picture.is_file():
        encoded = page_pictures.file_picture(picture, widest_px=SHEET_PX)
        sheet = parts.ChipPicture(encoded, "Sheet of the most doubtful chips with given and suggested labels.")
    return parts.NoisePart(summary, worst, sheet)


def _chosen(split: datasets.Split, label: int) -> list[int]:
    """Ascending positions of the samples of a class whose hashed keys rank lowest."""
    members = np.flatnonzero(split.labels == label)
    stream = hashing.stream(0, "report sheet")
    order = sorted(members.tolist(), key=lambda row: hashing.text_bits(stream, str(split.keys[row])))
    return sorted(order[:CHIPS_PER_CLASS])


def _describe(split: datasets.Split, columns: Mapping[str, np.ndarray], row: int, title: str) -> str:
    """The class of a sample, its key, and what else is known of it."""
    known = {name: values[row] for name, values in columns.items()}
    facts = [str(known[name]) for name in ("acquired_from", "sensor") if known.get(name)]
    facts += [f"{float(known['gsd_m']):.2g} m"] if "gsd_m" in known else []
    facts += [f"label from {known['label_origin']}"] if "label_origin" in known else []
    return ", ".join([f"{title}: {split.keys[row]}", *facts])


def _worst(split: datasets.Split, labels: Sequence[noise_summary.DoubtfulLabel]) -> tuple[parts.ChipPicture, ...]:
    position = {key: i for i, key in enumerate(split.keys.tolist())}
    known = [label for label in labels if label.key in position]
    pictures = _pictures(split, sorted({position[label.key] for label in known}))
    return tuple(_doubtful_chip(label, pictures[position[label.key]]) for label in known)


def _doubtful_chip(label: noise_summary.DoubtfulLabel, picture: str) -> parts.ChipPicture:
    given, suggested = (land_cover.by_name(name).title for name in (label.label, label.suggested))
    return parts.ChipPicture(
        picture,
        says=f"{label.key}: labelled {given}, {label.reason}",
        caption=f"{given} → {suggested} ({label.probability_of_suggested:.0%})",
    )


def _pictures(split: datasets.Split, rows: Sequence[int]) -> dict[int, str]:
    """Data URIs of the chips at ascending positions of a split, by position."""
    chips = batches.pictures(split, rows, CHIP_PX)
    return {row: page_pictures.thumbnail(pixels, CHIP_PX) for row, pixels in zip(rows, chips, strict=True)}
