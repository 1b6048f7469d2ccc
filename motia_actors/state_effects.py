"""What a running handler does to the state, as writes to a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from motia_actors.arguments import fields_of, key_text, number, ttl_s
from motia_actors.payload import decode, encode
from motia_actors.promise import Promise
from motia_actors.store import (
    StateClear,
    StateDelete,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    Write,
)
from motia_actors.unit_of_work import StoreView

T = TypeVar("T")


class StateEffects:
    """The effects of one call on the state. Any thread may call it."""

    __slots__ = ()
    _store: StoreView

    def state_get(self, group: str, key: str) -> Any:
        """Read the stored value, None where there is none."""
        value = self._store.state.get(key_text("group", group), key_text("key", key))
        return None if value is None else decode(value)

    def state_group(self, group: str) -> list[Any]:
        """All values of the group, in the order of their keys."""
        items = self._store.state.group(key_text("group", group))
        return [decode(item.value) for item in items]

    def state_keys(self, group: str) -> list[str]:
        """The keys of the group, sorted."""
        return self._store.state.keys(key_text("group", group))

    def state_set(self, group: str, key: str, value: object, ttl: object = None) -> Promise[Any]:
        """Store value, for ttl seconds or for ever; answers it.

        Raises:
            PayloadError: it has no JSON form.
            UsageError: ttl is no number of seconds.
        """
        write = StateSet(
            group=key_text("group", group),
            key=key_text("key", key),
            value=encode(value),
            ttl_s=None if ttl is None else ttl_s(ttl),
        )
        return self._write(write, lambda _: value)

    def state_increment(self, group: str, key: str, by: float = 1) -> Promise[Any]:
        """Add to a number, no value counting as 0; answers the sum.

        Raises:
            UsageError: by is no number; in the promise: nor is what is stored.
        """
        data = encode(number("by", by))
        write = StateIncrement(group=key_text("group", group), key=key_text("key", key), by=data)
        return self._write(write, _decoded)

    def state_update(self, group: str, key: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into an object, or store them as one; answers the object.

        Raises:
            UsageError: patch is no object; in the promise: nor is what is stored.
            PayloadTooLargeError: in the promise: the object would be too large.
        """
        group, key = key_text("group", group), key_text("key", key)
        fields = fields_of(patch, of="state.update takes", right="update(group, key, {'field': …})")
        bytes_max = self._store.value_bytes_max
        write = StateUpdate(group=group, key=key, patch=encode(fields), bytes_max=bytes_max)
        return self._write(write, _decoded)

    def state_compare_and_set(
        self, group: str, key: str, expected: object, value: object, ttl: object = None
    ) -> Promise[bool]:
        """Store value where what is there equals expected, None: nothing; answers whether it did.

        Equal as JSON: 1 is 1.0, and the order of fields does not matter. Without ttl the value
        ends when the one before would have.
        """
        write = StateSwap(
            group=key_text("group", group),
            key=key_text("key", key),
            expected=None if expected is None else encode(expected),
            value=encode(value),
            ttl_s=ttl_s(ttl),
        )
        return self._write(write, lambda data: data is not None)

    def state_delete(self, group: str, key: str) -> Promise[Any]:
        """Remove; answers the old value or None."""
        return self._write(
            StateDelete(group=key_text("group", group), key=key_text("key", key)), _decoded
        )

    def state_clear(self, group: str) -> Promise[None]:
        """Remove all values of the group."""
        return self._write(StateClear(group=key_text("group", group)), _none)

    def _write(self, write: Write[T], answer: Callable[[T], Any]) -> Promise[Any]:
        """Commit write; the promise has what answer makes of the store's."""
        raise NotImplementedError


def _decoded(data: bytes | None) -> Any:
    return None if data is None else decode(data)


def _none(_: object) -> None:
    return None
