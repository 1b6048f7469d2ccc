"""Entries and their messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.errors import StoreError
from motia_actors.messages import Event, Target
from motia_actors.store import EventPut, StateSet, Write
from motia_actors.stores.nats import entries

ORIGIN = b"12345678"
any_text = st.text(st.characters(), max_size=20)


@given(text=any_text, data=st.binary(max_size=200), size=st.integers(30, 300))
def test_an_entry_reads_as_it_was_written(text: str, data: bytes, size: int) -> None:
    event = Event(id=text, topic=text, data=data, trace_id=text, group_id=text, flows=(text,))
    writes: list[Write[object]] = [
        StateSet(group=text, key=text, value=data),
        EventPut(event=event, targets=(Target(step=text, delay_s=0.5),), not_before_s=1.0),
    ]

    messages = entries.cut(
        entries.encode(5.0, [writes]), origin=ORIGIN, number=7, message_bytes_max=size
    )
    read = [entries.read(index, message) for index, message in enumerate(messages)]

    assert all(len(message) <= size for message in messages)
    assert [one.number for one in read] == list(range(7, 7 + len(read)))
    assert [one.is_last for one in read] == [False] * (len(read) - 1) + [True]
    entry = entries.decode(b"".join(one.body for one in read))
    assert (entry.now_s, entry.commits) == (5.0, [writes])


@given(st.binary(max_size=100))
def test_what_is_no_entry_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        entries.decode(b"\x01" + data + b"\xc1")


@pytest.mark.parametrize("data", [b"", b"\x02" + b"x" * 40, b"hello"])
def test_what_is_no_message_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="message 9 of the log"):
        entries.read(9, data)
