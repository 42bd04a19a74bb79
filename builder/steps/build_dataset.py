"""From a frame to a dataset: acquire the missing chips, choose the examples, and check what was written."""

from __future__ import annotations

import collections
import dataclasses
import functools
import hashlib
import json
import logging
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from builder import code_version, errors
from builder.chips import imagery_toml, rounds, store
from builder.dataset import assembly, example_faults, examples, inclusion, index, inspection, tfds_quirks
from builder.frame import design as designs
from builder.frame import frame as frames
from builder.frame import reviews
from builder.legend import legend
from builder.steps import acquire_chips

Agreement = Mapping[str, Mapping[str, reviews.Share]]  # part of the dataset -> class -> share


@dataclasses.dataclass(frozen=True, eq=False)
class Build:
    """One dataset between acquiring and publishing."""

    frame: frames.Frame
    points: pa.Table  # of the frame, with the inclusion probabilities of the attempted part
    imagery: imagery_toml.Imagery
    selection: rounds.Selection
    rules: assembly.Contents
    assembled: assembly.Assembly
    reviewed: pa.Table
    agreement: Agreement

    def shards(self) -> dict[str, list[Callable[[], Iterator[tuple[str, dict[str, Any]]]]]]:
        """Per split, one callable per shard that yields its (key, example)."""
        images = store.ChipStore(self.frame.chips_folder, self.imagery.digest).images
        return {
            split: [functools.partial(examples.of_shard, rows, images) for rows in self.assembled.shards(split)]
            # On Beam, TFDS runs all earlier splits again for each split, so the largest comes last.
            for split in reversed(self.assembled.splits)
        }

    def finish(self, folder: pathlib.Path, file_format: str) -> dict[str, Any]:
        """Reads the built shards back, writes `leakage.json` and `index.parquet` beside them; returns the metadata.

        Raises:
          errors.InputError: if splits share a key, a picture or ground, or a shard does not hold what was planned.
        """
        tfds_quirks.remove_shard_notes(folder)
        size = self.imagery.chip
        expected = example_faults.Expected(size.size_m, size.size_px, decodes=False)  # decoding is left to `release`
        found = inspection.inspect(folder, file_format, expected=expected)
        found.check_examples()
        self._check_counts(found)
        (folder / inspection.LEAKAGE_FILE).write_text(
            json.dumps(found.leakage_json(), indent=2) + "\n", encoding="utf-8"
        )
        index.write(folder, index.of_build(self.points, self.assembled, self.selection.refused))
        metadata = self._metadata() | {"digest": found.total.text, "leakage": found.leakage_json()}
        _print_summary(metadata, found, self.agreement)
        return metadata

    def _check_counts(self, found: inspection.Inspection) -> None:
        planned = dict(collections.Counter(self.assembled.rows["split"].to_pylist()))
        written = {split: sum(counts) for split, counts in found.counts.items()}
        if planned != written:
            raise errors.InputError(
                f"expected the examples that were planned, {planned}; the written shards hold {written}. "
                "Was the chip store changed while this build ran? Build again."
            )

    def _metadata(self) -> dict[str, Any]:
        """How the dataset was made, as JSON values; no paths, no times: equal datasets have equal metadata."""
        of_frame = self.frame.metadata
        return {
            "created_by": code_version.created_by(),
            "chip": dataclasses.asdict(self.imagery.chip),
            "imagery_rules": json.loads(json.dumps(dataclasses.asdict(self.imagery.rules), default=str)),
            "imagery_digest": self.imagery.digest,
            "config_rules": dataclasses.asdict(self.rules),
            "reviews": _reviews_json(self.reviewed),
            "legend": [dataclasses.asdict(c) for c in legend.seven().classes],
            "design": of_frame["design"],
            "design_digest": self.frame.design.digest,
            "products": of_frame["products"],
            "strata": of_frame["strata"],
            "shortfalls": of_frame["shortfalls"],
            "examples": _nested(_counted(self.assembled.rows, ("split", "label"))),
            "label_origins": _nested(_counted(self.assembled.rows, ("split", "label_origin"))),
            "refused": _nested(_counted(self.selection.refused, ("split", "stratum", "reason"))),
            "left_out": _nested(_counted(self.assembled.left_out, ("split", "stratum", "reason"))),
            "confirmed_by_reviewers": {
                part: {label: _share_json(share) for label, share in sorted(shares.items())}
                for part, shares in self.agreement.items()
            },
        }


def prepare(frame_folder: pathlib.Path, rules: assembly.Contents, beam_options: Sequence[str]) -> Build:
    """Acquires the chips that the frame's store lacks, and decides which examples the dataset holds.

    Raises:
      errors.InputError: if the folder is no frame, a file in it is wrong, or no example would be left.
    """
    logging.getLogger("apache_beam.typehints").setLevel(logging.WARNING)  # it logs every annotation of every stage
    frame = frames.Frame.open(frame_folder, needs_imagery=True)
    reviewed = reviews.read(frame.reviews_file, legend.seven())
    verdicts = reviews.majority(reviewed)
    points = frame.points()
    _check_reviews(frame, verdicts, rules)
    imagery = imagery_toml.read(frame.imagery_file)
    selection = acquire_chips.acquire(frame, beam_options=beam_options)
    attempted = {*selection.kept["key"].to_pylist(), *selection.refused["key"].to_pylist()}
    column = points.column_names.index("inclusion_probability")
    points = points.set_column(column, "inclusion_probability", inclusion.of_attempted(points, attempted))
    assembled = assembly.assemble(points, selection.kept, verdicts, rules, frame.design.validation_share)
    _check_not_empty(frame, assembled, selection, rules)
    return Build(frame, points, imagery, selection, rules, assembled, reviewed, _agreement(points, verdicts))


def _check_reviews(frame: frames.Frame, verdicts: Mapping[str, str], rules: assembly.Contents) -> None:
    unknown = sorted(set(verdicts) - set(frame.points()["key"].to_pylist()))
    if unknown:
        raise errors.InputError(
            f"{frame.reviews_file}: expected keys of {frame.points_file.name}; received {len(unknown)} others, such as "
            f"{unknown[0]}. These reviews are of another frame: put the frame's own reviews there."
        )
    if rules.reviewed_only and not verdicts:
        raise errors.InputError(
            f"expected reviewed points in {frame.reviews_file} (columns {', '.join(reviews.SCHEMA.names)}), since "
            "train and validation of this config hold no others; found none. Review chips first, or build --config "
            "rough."
        )


def _check_not_empty(
    frame: frames.Frame, built: assembly.Assembly, selection: rounds.Selection, rules: assembly.Contents
) -> None:
    if not built.splits:
        reasons = collections.Counter(selection.refused["reason"].to_pylist()).most_common(3)
        raise errors.InputError(
            f"{frame.path}: expected at least one chip; all {len(selection.refused)} points were refused "
            f"({', '.join(f'{reason}: {count}' for reason, count in reasons)}). "
            f"Widen the rules in {frame.imagery_file}, or name other imagery."
        )
    if rules.reviewed_only and set(built.splits) <= set(designs.TEST_SPLITS):
        raise errors.InputError(
            f"expected reviewed chips of train or validation in {frame.reviews_file}; found none that people agree on: "
            "review chips of train too, or build --config rough."
        )


def _agreement(points: pa.Table, verdicts: Mapping[str, str]) -> dict[str, dict[str, reviews.Share]]:
    """Per part of the dataset and class, how many labels of the maps reviewers confirm."""
    of_part: dict[str, list[tuple[str, str]]] = {"test": [], "train_and_validation": []}
    for key, label, split in zip(*(points[name].to_pylist() for name in ("key", "label", "split")), strict=True):
        if label is not None and key in verdicts:
            of_part["test" if split in designs.TEST_SPLITS else "train_and_validation"].append((key, label))
    return {part: reviews.confirmed(labels, verdicts) for part, labels in of_part.items() if labels}


def _counted(table: pa.Table, columns: Sequence[str]) -> collections.Counter[tuple[str, ...]]:
    return collections.Counter(zip(*(pc.fill_null(table[name], "").to_pylist() for name in columns), strict=True))


def _nested(counts: Mapping[tuple[str, ...], int]) -> dict[str, Any]:
    """{"a": {"b": 2}} from {("a", "b"): 2}, in order of the keys."""
    nested: dict[str, Any] = {}
    for path, count in sorted(counts.items()):
        level = nested
        for name in path[:-1]:
            level = level.setdefault(name, {})
        level[path[-1]] = count
    return nested


def _reviews_json(reviewed: pa.Table) -> dict[str, Any]:
    """How many reviews there are, of how many people, and a digest that no order of rows changes."""
    rows = sorted(zip(*(map(str, reviewed[name].to_pylist()) for name in reviews.SCHEMA.names), strict=True))
    sha256 = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return {"rows": len(rows), "reviewers": len(set(reviewed["reviewer"].to_pylist())), "sha256": sha256}


def _share_json(share: reviews.Share) -> dict[str, Any]:
    low, high = share.interval
    return {"confirmed": share.confirmed, "reviewed": share.reviewed, "share": share.share, "low": low, "high": high}


def _print_summary(metadata: Mapping[str, Any], found: inspection.Inspection, agreement: Agreement) -> None:
    for split in (split for split in designs.SPLITS if split in found.counts):
        counts = found.counts[split]
        print(f"{split}: {sum(counts)} examples in {len(counts)} {'shard' if len(counts) == 1 else 'shards'}")
    for between in found.between:
        if between.closest is not None:
            near = between.near_equal.pairs
            print(
                f"{' - '.join(between.splits)}: at least {between.closest.metres:.0f} m apart, {near} near-equal pairs"
            )
    for part, shares in agreement.items():
        for label, share in sorted(shares.items()):
            low, high = share.interval
            print(
                f"{part}: reviewers confirm {share.confirmed} of {share.reviewed} labels {label}, "
                f"{share.share:.1%} (95 % interval {low:.1%} to {high:.1%})"
            )
    print(f"semantic digest: {metadata['digest']}")
