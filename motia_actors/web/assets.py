"""Files of a folder, served to browsers: the built front end of the workbench.

Only files that stand in the folder when it is first asked for are ever answered, found by their
name in a table, so that no path leads out of it. They hold no secrets: data has its own guard.
"""

from __future__ import annotations

import gzip
import html
from hashlib import sha256
from pathlib import Path

import falcon
import msgspec

from motia_actors.threads import allocate_lock
from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.routes import Route

PAGE = "index.html"
PROBLEM = "problem.txt"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
FILES_MAX = 200
FILE_BYTES_MAX = 4 << 20
GZIP_BYTES_MIN = 1024

SAFE = {
    # Nothing but what this very server sends is run, shown or asked.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

MISSING = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The workbench is not built</title>
<h1>The workbench is not built</h1>
<p>Everything else works. Its front end is built when the package is installed, with Node and
packages of npm's registry. To build it now:</p>
<pre>make workbench                            # in a checkout
pip install --force-reinstall --no-deps motia-actors   # elsewhere</pre>
<p>A wheel carries it built, and needs neither. This page shows the workbench as soon as it is
there; no restart is needed.</p>
<h2>Why it was not built</h2>
<pre>{reason}</pre></html>
"""


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file, ready to be sent; `packed` is empty where packing does not pay."""

    data: bytes
    packed: bytes
    etag: str
    type: str
    is_named_by_content: bool


class Assets:
    """The files of a folder, read once it has a page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = allocate_lock()
        self._files: dict[str, Asset] = {}

    def routes(self, base: str) -> list[Route[Endpoint]]:
        """The page under base, and the files it needs."""
        return [
            Route("GET", base, self._answer),
            Route("GET", f"{base}/:name", self._answer),
            Route("GET", f"{base}/assets/:asset", self._answer),
        ]

    def _answer(self, req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
        files = self._found()
        if not files:
            data = MISSING.format(reason=html.escape(self._reason())).encode()
            resp.fill(
                503, {**SAFE, "content-type": TYPES[".html"], "cache-control": "no-store"}, data
            )
            return
        name = f"assets/{params['asset']}" if "asset" in params else params.get("name", PAGE)
        asset = files.get(name)
        if asset is None:
            raise falcon.HTTPNotFound(title="Not found")
        self._send(asset, req, resp)

    @staticmethod
    def _send(asset: Asset, req: falcon.Request, resp: Response) -> None:
        kept = "public, max-age=31536000, immutable" if asset.is_named_by_content else "no-cache"
        headers = {**SAFE, "cache-control": kept, "etag": asset.etag, "vary": "Accept-Encoding"}
        held = {
            tag.strip().removeprefix("W/")
            for tag in (req.get_header("If-None-Match") or "").split(",")
        }
        if asset.etag in held:
            resp.fill(304, headers, b"")
            return
        headers["content-type"] = asset.type
        if asset.packed and "gzip" in (req.get_header("Accept-Encoding") or "").lower():
            headers["content-encoding"] = "gzip"
            # Another form of the same content has a validator of its own.
            headers["etag"] = "W/" + asset.etag
            resp.fill(200, headers, asset.packed)
        else:
            resp.fill(200, headers, asset.data)

    def _found(self) -> dict[str, Asset]:
        if self._files:
            return self._files
        with self._lock:
            if not self._files and (self._folder / PAGE).is_file():
                self._files = read_assets(self._folder)
        return self._files

    def _reason(self) -> str:
        problem = self._folder / PROBLEM
        try:
            return problem.read_text("utf-8")
        except OSError:
            return "Nobody has tried: this is a checkout, or a package without it."


def read_assets(folder: Path) -> dict[str, Asset]:
    """The files by their path in the folder: its own, and those in `assets/`."""
    found: dict[str, Asset] = {}
    for path in sorted([*folder.glob("*"), *folder.glob("assets/*")])[:FILES_MAX]:
        media_type = TYPES.get(path.suffix)
        if media_type is None or not path.is_file() or path.stat().st_size > FILE_BYTES_MAX:
            continue
        data = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        found[name] = Asset(
            data=data,
            packed=gzip.compress(data, mtime=0) if len(data) >= GZIP_BYTES_MIN else b"",
            etag=f'"{sha256(data).hexdigest()[:32]}"',
            type=media_type,
            # Vite puts a digest of the content into the names of what it makes.
            is_named_by_content=name.startswith("assets/"),
        )
    return found
