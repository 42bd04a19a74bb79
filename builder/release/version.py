"""One version of the dataset, as `tfds build` or `release` wrote it."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import pathlib
from collections.abc import Iterator

from builder import checksums, errors, input_files
from builder.dataset import example_faults, index, inspection, shard_files
from builder.frame import design as designs
from builder.release import forms
from builder.release.forms import COUNT, DAY, NUMBER, OBJECT, POSITIVE, SHA256, TEXT, VERSION, Json, Optional

INFO_FILE = "dataset_info.json"
METADATA_FILE = "metadata.json"
FEATURES_FILE = "features.json"
BUILT_FILES = (  # patterns of the names that `tfds build` writes
    INFO_FILE,
    METADATA_FILE,
    FEATURES_FILE,
    "LICENSE",
    "*.labels.txt",
    "*-of-*",
    index.FILE,
    inspection.LEAKAGE_FILE,
)
CURE = "Name the folder of one version, .../globeland_samples/<config>/<version>, or build it again."

_SHARE = {"confirmed": COUNT, "reviewed": COUNT, "share": NUMBER, "low": NUMBER, "high": NUMBER}
_BETWEEN = {
    "splits": [TEXT],
    "closest": Optional({"distance_m": NUMBER}),
    "near_equal": {"pairs": COUNT, "at_most_bits": COUNT},
}
# What is read of each file; TFDS and the build write more.
INFO = {
    "name": TEXT,
    "configName": TEXT,
    "version": VERSION,
    "fileFormat": forms.one_of(*shard_files.FORMATS),
    "alternativeFileFormats": Optional([forms.one_of(*shard_files.FORMATS)]),
    "splits": [
        {"name": forms.one_of(*designs.SPLITS), "shardLengths": [forms.matching("a count in digits", r"\d{1,15}")]}
    ],
    **{name: Optional(TEXT) for name in ("description", "configDescription", "citation")},
    "releaseNotes": Optional({...: TEXT}),
}
METADATA = {
    "created_by": TEXT,
    "digest": SHA256,
    "chip": {"size_m": POSITIVE, "size_px": COUNT},
    "imagery_rules": {"first_day": DAY, "last_day": DAY, "max_gsd_m": POSITIVE, "deny": [TEXT]},
    "imagery_digest": TEXT,
    "config_rules": OBJECT,
    "design": OBJECT,
    "legend": [{"name": TEXT}],
    "products": [{"name": TEXT, **{name: Optional(TEXT) for name in ("title", "version", "licence", "citation")}}],
    "examples": {...: {...: COUNT}},
    "label_origins": {...: {...: COUNT}},
    "reviews": {"rows": COUNT, "reviewers": COUNT},
    "confirmed_by_reviewers": {...: {...: _SHARE}},
    "leakage": {"between_splits": [_BETWEEN]},
}
_FEATURE = {
    "pythonClassName": TEXT,
    "description": Optional(TEXT),
    "tensor": Optional({"dtype": TEXT, "shape": Optional({"dimensions": Optional([TEXT])})}),
}
FEATURES = {"featuresDict": {"features": {...: _FEATURE}}}


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
    def path(self) -> pathlib.PurePosixPath:
        """name/config/version: where the version lies below a `data_dir`."""
        return pathlib.PurePosixPath(self.name, self.config, self.number)

    @property
    def formats(self) -> tuple[str, ...]:
        """File formats that the folder claims to hold, the default first."""
        return (str(self.info["fileFormat"]), *(self.info.get("alternativeFileFormats") or ()))

    @property
    def shard_lengths(self) -> dict[str, list[int]]:
        """Examples per split and shard, as TFDS believes them."""
        splits = sorted(self.info["splits"], key=lambda split: designs.SPLITS.index(split["name"]))
        return {split["name"]: [int(n) for n in split["shardLengths"]] for split in splits}

    @property
    def examples(self) -> dict[str, int]:
        """Examples per split."""
        return {split: sum(lengths) for split, lengths in self.shard_lengths.items()}

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return [entry["name"] for entry in self.metadata["legend"]]

    @property
    def is_given(self) -> bool:
        """Whether the points were given with their labels, instead of drawn."""
        return bool(self.metadata["design"].get("given"))

    @property
    def expected(self) -> example_faults.Expected:
        """What every example promises; the check of it decodes the pictures."""
        chip = self.metadata["chip"]
        return example_faults.Expected(chip["size_m"], chip["size_px"], decodes=True)

    @property
    def shard_files(self) -> list[pathlib.Path]:
        """Every shard, of every file format, by name."""
        return sorted(shard.path for shard in shard_files.shards(self.folder))

    def text(self, name: str) -> str:
        """A text of `dataset_info.json`, without the white space around it; empty if it is absent."""
        return str(self.info.get(name) or "").strip()

    @property
    def notes(self) -> dict[str, str]:
        """What changed in each version, by its number."""
        return dict(self.info.get("releaseNotes") or {})


def read(folder: pathlib.Path) -> Version:
    """The version in `folder`.

    Raises:
      errors.InputError: if the folder is no version that this project built, or a name in it is not fit for a path.
    """
    info, metadata = _read(folder / INFO_FILE, INFO), _read(folder / METADATA_FILE, METADATA)
    for name, what in (("name", "the name of a dataset"), ("configName", "the name of a config")):
        input_files.check_name(info[name], where=f"{folder / INFO_FILE}: {name}", what=what)
    return Version(folder, info, metadata)


def features(folder: pathlib.Path) -> dict[str, tuple[str, str]]:
    """(type, meaning) of each feature of the version in `folder`, as TFDS wrote them down.

    Raises:
      errors.InputError: if the file is missing or damaged.
    """
    declared = _read(folder / FEATURES_FILE, FEATURES)["featuresDict"]["features"]
    return {name: (_type_of(feature), feature.get("description") or "") for name, feature in declared.items()}


def _type_of(feature: Json) -> str:
    """The TFDS feature in short: Text, ClassLabel, int64[4, 2]."""
    tensor = feature.get("tensor")
    if tensor is None:
        return str(feature["pythonClassName"]).rpartition(".")[2]
    shape = ", ".join((tensor.get("shape") or {}).get("dimensions") or ())
    return f"{tensor['dtype']}[{shape}]" if shape else str(tensor["dtype"])


def _read(path: pathlib.Path, form: forms.Form) -> Json:
    document = input_files.read_json(path, expected="a file that `tfds build` writes", cure=CURE)
    forms.check(path, document, form, cure=CURE)
    return document


def strangers(folder: pathlib.Path, *, allow_links: bool) -> Iterator[str]:
    """Paths in `folder` and below that are neither folders nor regular files, such as a FIFO that blocks its reader.

    Args:
      folder: of the version.
      allow_links: whether a symbolic link to a regular file is one, as caches of downloads keep them.
    """
    for parent, folders, names in os.walk(folder):
        for path in (pathlib.Path(parent, name) for name in sorted(folders + names)):
            is_wrong_link = path.is_symlink() and not (allow_links and path.is_file())
            if is_wrong_link or not (path.is_dir() or path.is_file()):
                yield path.relative_to(folder).as_posix()


def check_files(folder: pathlib.Path) -> None:
    """Refuses a version with files of others in it, which would be published with it, and links to private files.

    Raises:
      errors.InputError: naming the first.
    """
    for name in strangers(folder, allow_links=False):
        raise errors.InputError(
            f"{folder / name}: expected nothing but regular files in a built version; found a link or a special file. "
            "Remove it, or build again."
        )
    listed = checksums.read(folder) or {}  # of a release
    for path in checksums.files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in listed and not any(fnmatch.fnmatchcase(name, pattern) for pattern in BUILT_FILES):
            raise errors.InputError(
                f"{path}: expected nothing but what `tfds build` wrote, because a release publishes the whole folder. "
                "Move it elsewhere."
            )
