"""What this package uses of LMDB's transactions, with keys and values as bytes.

The library's own types allow for memoryviews everywhere, which come only where one asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol


class Cursor(Protocol):
    """A place in a table. Where a move answers False there is no row."""

    def key(self) -> bytes:
        """The key here, empty where there is no row."""
        ...

    def value(self) -> bytes:
        """The value here."""
        ...

    def item(self) -> tuple[bytes, bytes]:
        """Key and value here."""
        ...

    def first(self) -> bool:
        """Go to the first row."""
        ...

    def last(self) -> bool:
        """Go to the last row."""
        ...

    def next(self) -> bool:
        """Go one on."""
        ...

    def prev(self) -> bool:
        """Go one back."""
        ...

    def set_range(self, key: bytes) -> bool:
        """Go to the first row with this key or a later one."""
        ...

    def delete(self) -> bool:
        """Delete the row here and stand on the next."""
        ...

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through the rows from here on."""
        ...


class Transaction(Protocol):
    """A snapshot, or the one write transaction of all processes."""

    def get(self, key: bytes, *, db: object) -> bytes | None:
        """Read a value."""
        ...

    def put(self, key: bytes, value: bytes, *, db: object, overwrite: bool = True) -> bool:
        """Write a value."""
        ...

    def pop(self, key: bytes, *, db: object) -> bytes | None:
        """Delete a value and answer it."""
        ...

    def delete(self, key: bytes, *, db: object) -> bool:
        """Delete a value; False where there was none."""
        ...

    def cursor(self, db: object) -> Cursor:
        """Make a cursor."""
        ...

    def stat(self, db: object) -> dict[str, int]:
        """Count pages and rows of a table."""
        ...

    def __enter__(self) -> Transaction: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None: ...
