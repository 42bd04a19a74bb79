"""The record that the project keeps of a release: enough for the catalogue, and to say later what changed."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterator, Mapping

from builder import errors, input_files
from builder.dataset import digest
from builder.release import forms
from builder.release.facts import Release
from builder.release.forms import COUNT, DAY, OBJECT, SHA256, TEXT, Json
from builder.release.version import Version

# What the metadata of a version say of how it was made; a record keeps it.
RECORDED = ("design", "config_rules", "imagery_rules", "imagery_digest", "chip", "reviews", "products", "legend")
FORM = {
    **dict.fromkeys(("name", "config", "version", "notes", "url"), TEXT),
    "date": DAY,
    "digest": SHA256,
    "examples": {...: COUNT},
    "confirmed_by_reviewers": {...: {...: {"confirmed": COUNT, "reviewed": COUNT}}},
    "terms": [{"licence": TEXT, "attribution": TEXT, "pictures": COUNT}],
    "products": [{"name": TEXT}],
    "features": forms.Optional({...: TEXT}),
    **{name: forms.Optional(OBJECT) for name in ("design", "config_rules", "imagery_rules", "chip", "reviews")},
}
CURE = "Restore the file from the history of the project, or remove it and release that version again."


def of_release(release: Release, features: Mapping[str, digest.Digest], date: datetime.date, url: str) -> Json:
    """The record of a release.

    Args:
      release: what is released.
      features: digest of each feature, as read from the shards.
      date: of publication.
      url: where the folder of all releases will be found, or "".
    """
    version, metadata = release.version, release.version.metadata
    return {
        "name": version.name,
        "config": version.config,
        "version": version.number,
        "date": date.isoformat(),
        "digest": metadata["digest"],
        "examples": version.examples,
        "classes": metadata["examples"],
        "confirmed_by_reviewers": metadata["confirmed_by_reviewers"],
        "terms": [dataclasses.asdict(one) for one in release.terms],
        "notes": version.notes.get(version.number, ""),
        "url": url,
        "features": {name: of_feature.text for name, of_feature in sorted(features.items())},
        "created_by": metadata["created_by"],
        **{name: metadata[name] for name in RECORDED},
    }


def path_of(records: pathlib.Path, version: Version) -> pathlib.Path:
    """Where the record of a version lies."""
    return records / f"{version.config}-{version.number}.json"


def read(path: pathlib.Path) -> Json:
    """A record.

    Raises:
      errors.InputError: if the file is no record, or a damaged one.
    """
    record = input_files.read_json(path, expected="the record of a release", cure=CURE)
    forms.check(path, record, FORM, cure=CURE)
    return record


def before(records: pathlib.Path, version: Version, now: Json) -> Json | None:
    """The record that is there already, of the same dataset as `now`; None if there is none.

    Raises:
      errors.InputError: if another dataset is recorded under this version; says what changed and which part to raise.
    """
    path = path_of(records, version)
    if not path.exists():
        return None
    recorded = read(path)
    if recorded["digest"] == now["digest"]:
        return recorded
    level, number = raised(version.number, recorded.get("features") or {}, now["features"])
    raise errors.InputError(
        f"raise VERSION: {version.config} {version.number} is recorded in {path} with the digest "
        f"{recorded['digest'][:16]}; this build has {now['digest'][:16]}. {level} to {number}, since "
        f"{'; '.join(changes(recorded, now))}. "
        "Set VERSION and RELEASE_NOTES in globeland_samples_dataset_builder.py and build again."
    )


def raised(number: str, before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str]:
    """(MINOR or MAJOR, next version): MINOR if what was there is unchanged and features were added, MAJOR otherwise.

    PATCH (the same data as other bytes) never comes up here: then the digests are equal.
    """
    major, minor, _ = (int(part) for part in number.split("."))
    if before and all(now.get(name) == of_feature for name, of_feature in before.items()):
        return "MINOR", f"{major}.{minor + 1}.0"
    return "MAJOR", f"{major + 1}.0.0"


def changes(before: Json, now: Json) -> list[str]:
    """What differs between two records, cause before effect, each in a few words."""
    found = [text for name in RECORDED for text in _differences(name, before.get(name), now.get(name))]
    old, new = before.get("features") or {}, now["features"]
    differing = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    if "key" in differing:
        found.append("other points")
        differing = []
    for what, names in (
        ("features added", sorted(new.keys() - old.keys())),
        ("features removed", sorted(old.keys() - new.keys())),
        ("features with other values", differing),
    ):
        if names:
            found.append(f"{what}: {', '.join(names)}")
    if before.get("examples") != now["examples"]:
        found.append(f"examples {before.get('examples')} -> {now['examples']}")
    return found


def _differences(name: str, before: object, now: object) -> Iterator[str]:
    """`name.key: before -> now` of every leaf that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(before.keys() | now.keys()):
            yield from _differences(f"{name}.{key}", before.get(key), now.get(key))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from _differences(f"{name}.{number}", old, new)
    elif before != now:
        yield f"{name}: {_short(before)} -> {_short(now)}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
