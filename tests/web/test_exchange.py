"""An exchange on the poller's own thread."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from gunicorn.config import Config

from motia_actors.web.exchange import PIECE_BYTES, Exchange
from motia_actors.web.heads import HeadReader


class Desk:
    """A poller that lends its thread at once and has no other to lead, and who hears of it."""

    def __init__(self, app: Any) -> None:
        self.app, self.is_leaving = app, False
        self.log = logging.getLogger("desk")
        self.log.access_log_enabled = False  # type: ignore[attr-defined]
        self.poller = self
        self.answers = list[bytes]()
        self.cfg = SimpleNamespace(keepalive=2)

    def lend(self, exchange: Exchange) -> None:
        exchange.run()
        exchange.finish()

    def cede(self) -> bool:
        return False

    def begin(self, _head: object) -> None: ...

    def done(self, _exchange: object) -> None: ...

    def answer(self, _exchange: Exchange, data: bytes, *, is_end: bool) -> None:
        assert is_end
        self.answers.append(data)


def test_a_long_answer_is_one_piece_where_nobody_else_can_lead() -> None:
    body = b"x" * (3 * PIECE_BYTES)

    def app(_environ: object, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body[:PIECE_BYTES], body[PIECE_BYTES:]]

    desk: Any = Desk(app)
    head = HeadReader(Config(), None).read(bytearray(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert head is not None
    exchange = Exchange(desk, desk, head, {})

    exchange.lend()

    assert len(desk.answers) == 1
    assert desk.answers[0].endswith(body)
