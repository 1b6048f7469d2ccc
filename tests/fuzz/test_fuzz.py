"""Random input to what reads the input of others, after that which once found a fault.

`make fuzz` tries FUZZ_EXAMPLES of each; `corpus/<target>.json` holds texts (as latin-1) that are
tried every time. What a long run finds is mended and added there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))

# Words that the readers know: random bytes alone seldom come past the first of their checks.
WORDS: dict[str, list[bytes]] = {
    "heads": [
        b"GET ", b"POST ", b"/a", b"//", b"?b=c", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n",
        b"\r\n\r\n", b"\n", b"Host: x\r\n", b"Content-Length: 3\r\n", b"Content-Length: +3\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"a: b\r\n", b" c\r\n",
        b"Connection: close\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"Cookie:\t\x00\r\n",
    ],
    "chunked": [
        b"3", b"0", b"a", b"\r\n", b"\n", b"\r", b";", b"a=b", b'"', b" ", b"abc", b"X: 1\r\n",
        b"ffffffffffffffff", b"0\r\n\r\n", b"3\r\nabc\r\n",
    ],
    "patterns": [
        b"/", b":a", b":b", b"(", b")", b"*", b"?", b"+", b"\\d", b"[", b"]", b"|", b"{9999999}",
        b"(?P<x>", b"(?:", b"(?i)", b"\\", b".", b"-", b"$", b"(?#", b"(?<=", b"\\1",
    ],
    "cron": [
        b"*", b" ", b"/", b"-", b",", b"0", b"5", b"59", b"31", b"2", b"L", b"#", b"mon", b"feb",
        b"?", b"W", b"H", b"R", b"@daily", b"@reboot", b"* * * * *", b"0 0 29 2 *", b"2026",
        b"0 0 * * * *", b"99999999999", b"l5", b"h(1-2)",
    ],
    "configs": [
        b'{"name": "a", "type": "api", "path": "/a", "method": "GET", "emits": []',
        b'{"name": "a", "type": "cron", "cron": ', b'{"name": "a", "type": "event"', b", ",
        b'"infrastructure": ', b'"queue": ', b'"handler": ', b'"timeout": ', b"{", b"}", b"[",
        b"]", b'"emits": ', b'"subscribes": ', b'"bodySchema": ', b'"responseSchema": ', b"1e999",
        b"-1", b"null", b"true", b'"a"', b'"topic": ', b'"input": ', b'"type": ', b'"fifo"', b"NaN",
        b'"flows": ', b'"queryParams": ', b'"\\ud800"', b'"200": ', b"99999999999999999999999",
        b'"schema": ', b'"baseConfig": ', b'"storageType": ', b'"$ref": ', b'"#"', b": ",
    ],
    "overrides": [
        b"[a]", b'["steps/a_step.py"]', b"\n", b"queue = ", b"handler = ", b"timeout = ", b"{",
        b"}", b"[", b"]", b"1", b"-1", b"inf", b"nan", b"'fifo'", b"type = ", b"maxRetries = ",
        b"2026-01-01", b"true", b"queue.backoff.delay = ", b"[a.queue]", b", ", b"\xff",
    ],
    "live": [
        b'{"type": "join", "data": ', b'{"type": "leave", "data": ', b'{"type": "ping"', b"{", b"}",
        b'"streamName": ', b'"items"', b'"groupId": ', b'"room"', b'"id": ', b'"a"', b"null", b", ",
        b'"subscriptionId": ', b'"afterSeq": ', b'"timestamp": ', b"-1", b"1e999", b"9" * 30, b"[",
        b'{"streamName": "items", "groupId": "room", "subscriptionId": "s"', b"\x81\x80\0\0\0\0",
        b"\x88\x80\0\0\0\0", b"\x89\x80\0\0\0\0", b"\x01\x81\0\0\0\0a", b"\x81\xff\xff\xff",
    ],
}  # fmt: skip


def inputs(name: str) -> st.SearchStrategy[bytes]:
    piece = st.sampled_from(WORDS[name]) | st.binary(max_size=4)
    return st.lists(piece, max_size=25).map(b"".join)


@pytest.mark.timeout(0 if EXAMPLES > 1_000 else 60)
@pytest.mark.parametrize("name", TARGETS)
def test_random_input_is_read_or_refused(name: str) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck),
        database=None,
    )  # fmt: skip
    @given(inputs(name))
    def attempt(data: bytes) -> None:
        TARGETS[name](data)

    attempt()


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_was_a_fault_or_nearly_is_read_or_refused(name: str) -> None:
    texts: list[str] = json.loads((CORPUS / f"{name}.json").read_text("utf-8"))

    assert texts
    for text in texts:
        TARGETS[name](text.encode("latin-1"))
