"""Secrets are hidden in what is logged and traced, and nothing else is."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest

from motia_actors.clock import ManualClock
from motia_actors.telemetry.logs import LogRecord, LogSink
from motia_actors.telemetry.redaction import HIDDEN, Redactor
from motia_actors.telemetry.spans import Span, Tracer

NAMES = [
    *("password", "PASSWD", "userPassword", "pwd", "client_secret", "credentials"),
    *("Authorization", "proxy-authorization", "set-cookie", "privateKey", "private_key"),
    *("apiKey", "api_key", "X-Api-Key", "token", "accessToken", "refresh_token"),
]


def logged(fields: object, message: str = "text", words: tuple[str, ...] = ()) -> dict[str, Any]:
    stream = io.StringIO()
    sink = LogSink(stream=stream, is_terminal=False, redactor=Redactor(words))

    sink.write(LogRecord(level="info", at_s=1.0, message=message, fields=fields))

    [kept] = sink.drain()
    assert stream.getvalue().encode() == kept + b"\n"
    line: dict[str, Any] = msgspec.json.decode(kept)
    return line


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["hunter2", 4711, ["hunter2"], {"is": "hunter2"}])
def test_a_field_with_a_telling_name_is_hidden_at_any_depth(name: str, value: object) -> None:
    line = logged({name: value, "deep": [{"er": {name: value}}], "kept": "shown"})

    assert line[name] == HIDDEN
    assert line["deep"] == [{"er": {name: HIDDEN}}]
    assert line["kept"] == "shown"


@pytest.mark.parametrize("name", ["maxTokens", "tokens", "tokenCount", "monkey", "privacy", "key"])
def test_a_field_that_only_sounds_like_one_is_shown(name: str) -> None:
    assert logged({name: 128})[name] == 128


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sent Authorization: Bearer abc.def-ghi", f"sent Authorization: Bearer {HIDDEN}"),
        ("at postgres://me:hunter2@db/x", f"at postgres://me:{HIDDEN}@db/x"),
        ("password=hunter2&a=1", f"password={HIDDEN}&a=1"),
        ('{"api_key": "hunter2", "a": 1}', f'{{"api_key": "{HIDDEN}", "a": 1}}'),
        ("at https://example.com:8080/a", "at https://example.com:8080/a"),
        ("the basic plan", "the basic plan"),
    ],
)
def test_text_loses_its_logins(text: str, shown: str) -> None:
    assert logged({"note": text}, text) == logged(None) | {"msg": shown, "note": shown}


def test_an_error_with_a_login_in_it_is_hidden() -> None:
    line = logged({"error": ValueError("no postgres://me:hunter2@db")})

    assert "hunter2" not in str(line)
    assert line["error"]["message"] == f"no postgres://me:{HIDDEN}@db"


@pytest.mark.parametrize("name", ["cardNumber", "card_number", "Card-Number"])
def test_a_project_adds_words(name: str) -> None:
    assert logged({name: "4111"}, words=("card_number",))[name] == HIDDEN
    assert logged({name: "4111"})[name] == "4111"


def test_a_line_without_a_telling_word_stays_the_very_same() -> None:
    line = b'{"a":1.0,"b":"text"}'

    assert Redactor().line(line) is line


def test_a_failed_spans_error_is_hidden() -> None:
    tracer = Tracer(ManualClock())
    tracer.record(
        Span(
            trace_id="t",
            w3c_id="w",
            id="i",
            parent=None,
            name="n",
            kind="call",
            step="s",
            attempt=0,
            worker=1,
            start_s=1.0,
            end_s=2.0,
            status="failed",
            error="KeyError: password=hunter2",
        )
    )

    [span] = tracer.drain()
    assert b"hunter2" not in span
    assert HIDDEN.encode() in span
