"""A web server of one folder on loopback, with byte ranges, as cloud storage serves files."""

from __future__ import annotations

import contextlib
import functools
import http.server
import pathlib
import re
import threading
from collections.abc import Iterator
from typing import Any


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files of a folder, whole or a byte range; appends "METHOD path range" to `log` for each request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *args: Any, log: list[str], **kwargs: Any) -> None:
        self._log = log
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self._log.append(f"GET {self.path} {self.headers.get('Range', '')}".strip())
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = pathlib.Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first, last = int(wanted[1]), min(int(wanted[2] or len(content) - 1), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def log_message(self, *args: Any) -> None:
        """Prints nothing."""


@contextlib.contextmanager
def serve(folder: pathlib.Path) -> Iterator[tuple[str, list[str]]]:
    """(URL of `folder`, list that grows by "METHOD path range" per request) while the block runs."""
    log: list[str] = []
    handler = functools.partial(RangeHandler, log=log, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", log
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
