"""One version of the dataset, as `tfds build` or `release` wrote it: its folder, and its record in the project."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from builder import errors
from builder.dataset import assembly, example_faults, inspection

INFO_FILE = "dataset_info.json"
METADATA_FILE = "metadata.json"
FEATURES_FILE = "features.json"

# What the metadata of a version say of how it was made; a record keeps it.
RECORDED = ("design", "config_rules", "imagery_rules", "imagery_digest", "chip", "reviews", "products", "legend")

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Version:
    """The folder of one version, with what TFDS and the build say of it."""

    folder: pathlib.Path
    info: Json
    metadata: Json

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return str(self.info["name"])

    @property
    def config(self) -> str:
        """Name of the config."""
        return str(self.info["configName"])

    @property
    def number(self) -> str:
        """MAJOR.MINOR.PATCH."""
        return str(self.info["version"])

    @property
    def title(self) -> str:
        """name/config:version, as `tfds.load` takes it."""
        return f"{self.name}/{self.config}:{self.number}"

    @property
    def formats(self) -> tuple[str, ...]:
        """File formats that the folder claims to hold, the default first."""
        return (str(self.info["fileFormat"]), *self.info.get("alternativeFileFormats", ()))

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return [entry["name"] for entry in self.metadata["legend"]]

    @property
    def expected(self) -> example_faults.Expected:
        """What every example promises; the check of it decodes the pictures."""
        chip = self.metadata["chip"]
        return example_faults.Expected(chip["size_m"], chip["size_px"], decodes=True)

    @property
    def shard_lengths(self) -> dict[str, list[int]]:
        """Examples per split and shard, as TFDS believes them."""
        splits = sorted(self.info["splits"], key=lambda split: assembly.SPLITS.index(split["name"]))
        return {split["name"]: [int(n) for n in split["shardLengths"]] for split in splits}

    @property
    def examples(self) -> dict[str, int]:
        """Examples per split."""
        return {split: sum(lengths) for split, lengths in self.shard_lengths.items()}


def read(folder: pathlib.Path) -> Version:
    """The version in `folder`.

    Raises:
      errors.InputError: if the folder is no version that this project built.
    """
    info, metadata = (_json(folder / name) for name in (INFO_FILE, METADATA_FILE))
    lacking = [f"{INFO_FILE}: {k}" for k in ("name", "configName", "version", "fileFormat", "splits") if k not in info]
    lacking += [f"{METADATA_FILE}: {k}" for k in ("digest", "examples", "created_by", *RECORDED) if k not in metadata]
    if lacking:
        raise errors.InputError(f"{folder}: expected a version that `tfds build` wrote; missing {', '.join(lacking)}.")
    return Version(folder, info, metadata)


def features(folder: pathlib.Path) -> dict[str, tuple[str, str]]:
    """(type, meaning) of each feature of the version in `folder`, as TFDS wrote them down."""
    declared = _json(folder / FEATURES_FILE)["featuresDict"]["features"]
    return {name: (_type_of(feature), feature.get("description", "")) for name, feature in declared.items()}


def _type_of(feature: Json) -> str:
    """The TFDS feature in short: Text, ClassLabel, int64[4, 2]."""
    tensor = feature.get("tensor")
    if tensor is None:
        return str(feature["pythonClassName"]).rpartition(".")[2]
    shape = ", ".join(tensor.get("shape", {}).get("dimensions", ()))
    return f"{tensor['dtype']}[{shape}]" if shape else str(tensor["dtype"])


def _json(path: pathlib.Path) -> Json:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise errors.InputError(
            f"{path}: expected a file that `tfds build` writes; {error}. "
            "Name the folder of one version, .../globeland_samples/<config>/<version>."
        ) from error
    if not isinstance(values, dict):
        raise errors.InputError(
            f"{path}: expected a JSON object; received {type(values).__name__}. Copy the release again."
        )
    return values


# --- The record that the project keeps of a release ----------------------------------------------------------------


def record_of(
    version: Version, found: inspection.Inspection, date: datetime.date, terms: Sequence[Json], url: str
) -> Json:
    """What `releases/<config>-<version>.json` says: enough for the catalogue, and to tell later what changed."""
    return {
        "name": version.name,
        "config": version.config,
        "version": version.number,
        "date": date.isoformat(),
        "digest": found.total.text,
        "examples": version.examples,
        "classes": version.metadata["examples"],
        "confirmed_by_reviewers": version.metadata["confirmed_by_reviewers"],
        "terms": list(terms),
        "notes": version.info.get("releaseNotes", {}).get(version.number, ""),
        "url": url,
        "features": {name: digest.text for name, digest in sorted(found.features.items())},
        "created_by": version.metadata["created_by"],
        **{name: version.metadata[name] for name in RECORDED},
    }


def record_path(records: pathlib.Path, version: Version) -> pathlib.Path:
    """Where the record of a version lies."""
    return records / f"{version.config}-{version.number}.json"


def check_recorded(records: pathlib.Path, version: Version, record: Json) -> Json | None:
    """The record that is there already, if it tells of the same dataset; None if there is none.

    Raises:
      errors.InputError: if another dataset is recorded under this version; says what changed and which part to raise.
    """
    path = record_path(records, version)
    if not path.is_file():
        return None
    before = _json(path)
    if before.get("digest") == record["digest"]:
        return before
    level, number = raised(version.number, before.get("features", {}), record["features"])
    raise errors.InputError(
        f"raise VERSION: {version.config} {version.number} is recorded in {path} with the digest "
        f"{str(before.get('digest'))[:16]}; this build has {record['digest'][:16]}. {level} to {number}, since "
        f"{'; '.join(changes(before, record))}. "
        "Set VERSION and RELEASE_NOTES in globeland_samples_dataset_builder.py and build again."
    )


def raised(number: str, before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str]:
    """(MINOR or MAJOR, next version): MINOR if what was there is unchanged and features were added, MAJOR otherwise.

    PATCH (the same data as other bytes) never comes up here: then the digests are equal.
    """
    major, minor, _ = (int(part) for part in number.split("."))
    if before and all(now.get(name) == digest for name, digest in before.items()):
        return "MINOR", f"{major}.{minor + 1}.0"
    return "MAJOR", f"{major + 1}.0.0"


def changes(before: Json, now: Json) -> list[str]:
    """What differs between two records, cause before effect, each in a few words."""
    found = [text for name in RECORDED for text in _differences(name, before.get(name), now.get(name))]
    old, new = before.get("features", {}), now["features"]
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
