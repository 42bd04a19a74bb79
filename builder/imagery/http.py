"""The only HTTP session: documents over HTTP(S) or from disk, and how GDAL reads ranges of remote files."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import urllib.parse
from typing import Any

import requests
import urllib3.util

from builder import errors, input_files

TIMEOUT_S = (10.0, 60.0)  # connect, read
TRIES = 4
MOST_BYTES = 64 * 2**20  # a catalogue document larger than this is none
_CURE = "Check the address in imagery.toml, and the links of the document that leads here."
GDAL_REMOTE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing of the folder, no guesses at side files
    "GDAL_HTTP_MAX_RETRY": str(TRIES - 1),
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "60",
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",  # the header and index of a COG in one request
    "VSI_CACHE": "TRUE",
}


def is_remote(href: str) -> bool:
    """Whether `href` is fetched over HTTP(S)."""
    return re.match(r"https?://", href, re.IGNORECASE) is not None


def gdal_path(href: str) -> str:
    """`href` as GDAL opens it."""
    return f"/vsicurl/{href}" if is_remote(href) else href


def joined(base: str, href: str) -> str:
    """`href`, which may be relative, as seen from the document `base`."""
    if is_remote(href) or pathlib.PurePath(href).is_absolute():
        return href
    if href.startswith("file://"):
        return urllib.parse.unquote(urllib.parse.urlparse(href).path)
    if is_remote(base):
        return urllib.parse.urljoin(base, href)
    return os.path.normpath(pathlib.Path(base).parent / href)


def read_json(href: str) -> Any:
    """The JSON value at a URL or in a local regular file, of at most MOST_BYTES.

    Raises:
      errors.InputError: naming the address, if it cannot be read, is no JSON, nests too deep, or holds NUL or lone
        surrogates.
    """
    try:
        content = _read(href)
    except (OSError, requests.RequestException) as error:
        raise errors.InputError(f"{href}: cannot be read: {error}. {_CURE}") from error
    try:
        return input_files.parsed_json(content)
    except ValueError as error:
        raise errors.InputError(f"{href}: expected JSON; received something else ({error}). {_CURE}") from error


def _read(href: str) -> bytes:
    if not is_remote(href):
        path = pathlib.Path(href)
        input_files.check_regular(path, expected="a JSON document", cure=_CURE)
        if path.stat().st_size > MOST_BYTES:
            raise OSError(f"longer than {MOST_BYTES} bytes")
        return path.read_bytes()
    with _session(os.getpid()).get(href, timeout=TIMEOUT_S, stream=True) as answer:
        answer.raise_for_status()
        content = answer.raw.read(MOST_BYTES + 1, decode_content=True)
    if len(content) > MOST_BYTES:
        raise OSError(f"longer than {MOST_BYTES} bytes")
    return bytes(content)


@functools.lru_cache(maxsize=1)
def _session(process: int) -> requests.Session:  # a forked process must not share its parent's connections
    retries = urllib3.util.Retry(total=TRIES - 1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32, max_retries=retries))
    session.headers["User-Agent"] = "globeland"
    return session
