"""What is written down of control actions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from motia_actors.settings import SOURCES
from motia_actors.testing import Harness
from motia_actors.web.audit import CHARS_MAX, IDS_MAX, REFUSAL_S, REFUSALS_AT_ONCE_MAX, named_in
from tests.e2e.server import write_project

TOKENS = "looker:read:of-somebody-who-looks,ops:write:of-somebody-who-acts"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


OPS, LOOKER = bearer("of-somebody-who-acts"), bearer("of-somebody-who-looks")
BODY = {"groupId": "users", "key": "bob", "value": {"iban": "hunter2"}}


@pytest.fixture
def app(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Harness]:
    project = write_project(tmp_path / "project", {"steps/.keep": ""})
    tokens = SOURCES["control_tokens"].read(TOKENS)
    with (
        caplog.at_level(logging.INFO, "motia_actors"),
        Harness(project, settings={"control_tokens": tokens}) as app,
    ):
        yield app


def actions_of(app: Harness, limit: int = 100) -> list[dict[str, Any]]:
    answer = app.request("GET", f"/__motia/audit?limit={limit}", headers=LOOKER)
    return cast("list[dict[str, Any]]", answer.json["actions"])


def test_each_action_is_kept_with_who_what_and_how_it_ended(app: Harness) -> None:
    assert app.request("POST", "/__motia/state", json=BODY, headers=OPS).status == 200
    assert app.request("POST", "/emit", json={"topic": 1}, headers=OPS).status == 400
    assert app.request("GET", "/__motia/state", headers=LOOKER).status == 200

    actions = actions_of(app)

    assert [(one["who"], one["path"], one["status"]) for one in actions] == [
        ("ops", "/emit", 400),
        ("ops", "/__motia/state", 200),
    ]
    assert actions[1]["named"] == {"groupId": "users", "key": "bob"}
    assert actions[1]["method"] == "POST"
    assert actions[1]["at"] > 0
    assert "hunter2" not in str(actions)


def test_what_a_token_was_refused_for_is_kept_without_the_token(
    app: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = bearer("of-somebody-who-guesses")
    assert app.request("POST", "/__motia/state", json=BODY, headers=LOOKER).status == 403
    app.clock.advance(1.0)
    assert app.request("GET", "/__motia/logs?token=a", headers=wrong).status == 403

    actions = actions_of(app)

    kept = ("who", "method", "path", "status", "refused", "leftOut")
    assert [tuple(one[name] for name in kept) for one in actions] == [
        ("", "GET", "/__motia/logs", 403, "token", 0),
        ("looker", "POST", "/__motia/state", 403, "scope", 0),
    ]
    told = f"{actions} {[vars(record) for record in caplog.records]}"
    assert "control action refused" in told
    assert "of-somebody" not in told


def test_who_guesses_tokens_fills_nothing_and_pushes_no_action_out(
    app: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    assert app.request("POST", "/__motia/state", json=BODY, headers=OPS).status == 200
    app.clock.advance(1.0)
    for number in range(REFUSALS_AT_ONCE_MAX + 7):
        guess = bearer(f"guess-{number}")
        assert app.request("POST", "/__motia/state", json=BODY, headers=guess).status == 403
    assert len(actions_of(app)) == REFUSALS_AT_ONCE_MAX + 1
    assert caplog.text.count("control action refused") == REFUSALS_AT_ONCE_MAX

    app.clock.advance(REFUSAL_S)
    for _ in range(2):
        assert app.request("GET", "/__motia/logs", headers=bearer("x")).status == 403

    newest, *others = actions_of(app)
    assert (newest["leftOut"], len(others)) == (7, REFUSALS_AT_ONCE_MAX + 1)
    assert others[-1]["who"] == "ops"
    assert len(actions_of(app, limit=3)) == 3


def test_what_a_body_names_is_bounded() -> None:
    named = named_in({"key": "k" * 1_000, "ids": ["i" * 1_000] * 1_000, "data": "d", "id": 7})

    assert named == {"key": "k" * CHARS_MAX, "ids": ["i" * CHARS_MAX] * IDS_MAX, "count": 1_000}
    assert named_in([1]) == {}
