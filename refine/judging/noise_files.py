"""What a search for doubtful labels leaves: the tables, the summary and the sheet of the worst chips."""

from __future__ import annotations

import pathlib

from builder import atomic, output_folders
from refine.artefacts import noise_summary
from refine.judging import doubtful_sheet, noise

SURE = 0.5  # a class of at least this probability is what the picture looks like
DIGITS = 6  # of probabilities in the table


def write(findings: noise.Findings, out: pathlib.Path, *, size_px: int, overwrite: bool = False) -> pathlib.Path:
    """Writes doubtful.csv, noise_rates.csv, noise.json and doubtful.png into the folder `out`; returns it.

    Raises:
      errors.RefusedOverwrite: if it exists and `overwrite` is false.
      errors.InputError: if it holds files that this project did not write.
    """
    output_folders.check(out, noise_summary.FOLDER, overwrite=overwrite)
    labels = doubtful_labels(findings)
    with atomic.folder(out, overwrite=overwrite) as temporary:
        summary_of(findings).write(temporary, labels)
        doubtful_sheet.draw(findings, labels, temporary / noise_summary.SHEET, size_px=size_px)
    return out


def summary_of(findings: noise.Findings) -> noise_summary.NoiseSummary:
    """The findings as the summary that `refine report` reads."""
    split = findings.split
    return noise_summary.NoiseSummary(
        dataset=split.dataset.full_name,
        split=split.name,
        split_sha256=split.digest,
        examples=len(split),
        doubtful=len(findings.doubtful),
        rates=findings.rates,
    )


def doubtful_labels(findings: noise.Findings) -> tuple[noise_summary.DoubtfulLabel, ...]:
    """The doubtful examples, the worst first."""
    return tuple(_doubtful_label(findings, int(position)) for position in findings.doubtful)


def _doubtful_label(findings: noise.Findings, position: int) -> noise_summary.DoubtfulLabel:
    split, shares, classes = findings.split, findings.shares[position], findings.split.dataset.classes
    given, suggested = int(split.labels[position]), int(shares.argmax())
    return noise_summary.DoubtfulLabel(
        key=str(split.keys[position]),
        split=split.name,
        label=classes[given],
        suggested=classes[suggested],
        score=round(float(findings.scores[position]), DIGITS),
        probability_of_label=round(float(shares[given]), DIGITS),
        probability_of_suggested=round(float(shares[suggested]), DIGITS),
        weight=round(float(shares[given]), DIGITS),
        block=str(findings.blocks[position]),
        reason=reason(classes[given], classes[suggested], shares[given], shares[suggested]),
    )


def reason(given: str, suggested: str, share_given: float, share_suggested: float) -> str:
    """Why a label is doubtful, in words."""
    if share_suggested >= SURE:
        return f"looks like {suggested} ({share_suggested:.0%}), hardly like {given} ({share_given:.0%})"
    return f"between {suggested} ({share_suggested:.0%}) and {given} ({share_given:.0%})"
