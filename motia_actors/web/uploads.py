"""Files that clients send: small ones in memory, larger ones on disk for as long as the call runs.

    {"name": …, "filename": …, "contentType": …, "size": …, "data": bytes or None, "path": …}

A process writes below a folder of its own, on which it holds a lock. Whoever starts and finds a
folder whose lock is free removes it: its process was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import falcon
from falcon.media.multipart import BodyPart, MultipartFormHandler, MultipartParseOptions

from motia_actors.threads import allocate_lock
from motia_actors.web.charsets import text_of
from motia_actors.web.limits import Limits
from motia_actors.web.queries import add_value

UPLOADS = "motia_actors.uploads"
"""Key of the environment under which the paths of a request's files are kept."""
_LOCK = ".lock"
_PIECE_BYTES = 1 << 16
_PART_HEAD_BYTES_MAX = 8192
_NAME_CHARSET = re.compile(rb"filename\*\s*=\s*\"?([^'\";]*)'", re.IGNORECASE)


class Uploads:
    """Where the files of this process are.

    Args:
        folder: Shared with other workers; made when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Path | None = None
        self._lock_file = -1
        self._guard = allocate_lock()

    def clean(self) -> None:
        """Remove what killed processes left."""
        if not self._folder.is_dir():
            return
        with self._alone():
            self._clean()

    def _clean(self) -> None:
        for folder in self._folder.glob("*-*"):
            if folder.is_symlink():
                continue  # Not one of ours, wherever it leads.
            try:
                lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue  # Not one of ours.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                pass  # Its process lives.
            finally:
                os.close(lock)

    def new_path(self) -> Path:
        """An empty file, this user's alone.

        Raises:
            OSError: it cannot be made.
        """
        number, path = tempfile.mkstemp(dir=self._own or self._make())
        os.close(number)
        return Path(path)

    def close(self) -> None:
        """Remove everything of this process."""
        with self._guard:
            own, self._own = self._own, None
            if own is not None:
                shutil.rmtree(own, ignore_errors=True)
                os.close(self._lock_file)

    def _make(self) -> Path:
        with self._guard:
            if self._own is None:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with self._alone():
                    own = Path(tempfile.mkdtemp(dir=self._folder, prefix=f"{os.getpid()}-"))
                    self._lock_file = _open_lock(own)
                    fcntl.flock(self._lock_file, fcntl.LOCK_EX)
                self._own = own
            return self._own

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody makes or removes folders meanwhile: none is found with a lock not yet taken."""
        lock = _open_lock(self._folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _open_lock(folder: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(folder / _LOCK, flags, 0o600)


def remove_files(environ: dict[str, Any]) -> None:
    """Remove the files of a request; those that the handler moved away are its own now."""
    for path in environ.pop(UPLOADS, ()):
        with contextlib.suppress(OSError):
            path.unlink()


class MultipartReader:
    """Reads one multipart body, part by part, as it comes.

    Args:
        environ: Its files' paths are kept in it, under UPLOADS.
        uploads: Where files over the limit go; None: all stay in memory.
    """

    def __init__(self, environ: dict[str, Any], limits: Limits, uploads: Uploads | None) -> None:
        self._environ, self._limits, self._uploads = environ, limits, uploads
        self._held_bytes = 0

    def read(self, stream: Any, declared: str, *, size: int) -> dict[str, Any]:
        """The fields as text and the files, by name; several of one name are a list.

        Args:
            stream: Has `read`.
            declared: Its content type, with the boundary.
            size: No more is read.

        Raises:
            falcon.HTTPError: 400 malformed, 413 over a limit, 507 where a file finds no room.
        """
        limits = self._limits
        options = MultipartParseOptions()
        options.max_body_part_count = limits.parts_max + 1
        options.max_body_part_headers_size = _PART_HEAD_BYTES_MAX
        values: dict[str, Any] = {}
        try:
            form = MultipartFormHandler(options).deserialize(stream, declared, size)
            for count, part in enumerate(form, start=1):
                name, value = self._part(part, count)
                add_value(values, name, value)
        except (ValueError, LookupError) as error:  # Part headers that are not even text.
            remove_files(self._environ)
            raise falcon.HTTPBadRequest(title="Malformed multipart body") from error
        except BaseException:
            remove_files(self._environ)
            raise
        return values

    def _part(self, part: BodyPart, count: int) -> tuple[str, str | dict[str, Any]]:
        if count > self._limits.parts_max:
            raise falcon.HTTPContentTooLarge(title="Multipart body has too many parts")
        if not part.name:
            raise falcon.HTTPBadRequest(title="A part of the multipart body has no name")
        is_field = _filename(part) is None
        return part.name, self._field(part) if is_field else self._file(part)

    def _field(self, part: BodyPart) -> str:
        room = self._room()
        data: bytes = part.stream.read(room + 1)
        if len(data) > room:
            raise falcon.HTTPContentTooLarge(title="The fields of the multipart body are too large")
        self._held_bytes += len(data)
        charset = falcon.parse_header(part.content_type)[1].get("charset", "utf-8")
        return text_of(data, charset.strip().lower())

    def _file(self, part: BodyPart) -> dict[str, Any]:
        limit = min(self._limits.upload_memory_bytes_max, self._room())
        if self._uploads is None:
            limit = self._room()
        data: bytes = part.stream.read(limit + 1)
        path, size = None, len(data)
        if size > limit:
            if self._uploads is None:
                raise falcon.HTTPContentTooLarge(title="Request body is too large")
            path, size = self._spill(self._uploads, data, part)
        else:
            self._held_bytes += size
        return {
            "name": part.name,
            "filename": part.filename,
            "contentType": part.content_type,
            "size": size,
            "data": data if path is None else None,
            "path": None if path is None else str(path),
        }

    def _spill(self, uploads: Uploads, data: bytes, part: BodyPart) -> tuple[Path, int]:
        try:
            path = uploads.new_path()
            self._environ.setdefault(UPLOADS, []).append(path)
            size = len(data)
            with path.open("wb") as file:
                file.write(data)
                while piece := part.stream.read(_PIECE_BYTES):
                    file.write(piece)
                    size += len(piece)
        except OSError as error:
            raise falcon.HTTPInsufficientStorage(title="There is no room for the file") from error
        return path, size

    def _room(self) -> int:
        return self._limits.body_bytes_max - self._held_bytes


def _filename(part: BodyPart) -> str | None:
    """The name of a part's file, None where it is no file.

    Raises:
        falcon.HTTPBadRequest: its name is in a charset that RFC 8187 does not have. falcon takes
            any codec of Python, of which some are slow on purpose-made input.
    """
    declared = part._headers.get(b"content-disposition", b"")  # noqa: SLF001 (no other way)
    charset = _NAME_CHARSET.search(declared)
    if charset and charset[1].lower() not in (b"utf-8", b"iso-8859-1"):
        raise falcon.HTTPBadRequest(title="The name of a file is UTF-8, or it is not read")
    return part.filename


class Bounded:
    """A stream that refuses to be longer than a limit."""

    def __init__(self, stream: Any, bytes_max: int) -> None:
        self._stream, self._left = stream, bytes_max

    def read(self, size: int = -1) -> bytes:
        """Read up to size bytes.

        Raises:
            falcon.HTTPError: 413 past the limit, 400 where the client broke off.
        """
        wanted = _PIECE_BYTES if size < 0 else size
        try:
            data: bytes = self._stream.read(wanted)
        # Each server has its own errors for a client that broke off or chunked wrongly.
        except Exception as error:
            raise falcon.HTTPBadRequest(title="Request body could not be read") from error
        self._left -= len(data)
        if self._left < 0:
            raise falcon.HTTPContentTooLarge(title="Request body is too large")
        return data
