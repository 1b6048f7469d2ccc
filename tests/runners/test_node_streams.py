"""Streams from JavaScript, in Motia's spellings and ours."""

from __future__ import annotations

import pytest

from motia_actors.payload import decode
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Rig

pytestmark = pytest.mark.slow


def test_an_item_is_set_updated_and_read_under_both_spellings(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        const { chatMessages } = ctx.streams
        await chatMessages.set('room', '1', { text: 'hi', n: 1 })
        const updated = await chatMessages.update('room', '1', { n: 2 })
        const none = await chatMessages.update('room', '2', { n: 2 })
        const wrong = await chatMessages.update('room', '1', 7).catch((error) => error.code)
        return { status: 200, body: { updated, none, wrong } }
        """
    )

    body = rig.value(handler)["body"]

    assert body["updated"]["text"] == "hi"
    assert body["updated"]["n"] == 2
    assert body["updated"]["__motia"]["streamName"] == "chatMessages"
    assert (body["none"], body["wrong"]) == (None, "USAGE")
    stored = rig.store.streams.get("chatMessages", "room", "1")
    assert stored is not None
    assert decode(stored) == {"id": "1", "text": "hi", "n": 2}
