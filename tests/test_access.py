"""The doorkeeper asks the project's code, and takes whatever goes wrong for a no."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from motia_actors import access
from motia_actors.access import Doorkeeper, Pass, RefusedError, auth_request, expiry_of
from motia_actors.runners.pool import ThreadPool
from motia_actors.threads import Signal

ASKED_S_MAX = 10.0


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    made = ThreadPool(name="access")
    yield made
    made.close()


def environ(**headers: str) -> dict[str, Any]:
    named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return {"wsgi.url_scheme": "https", "QUERY_STRING": "", "PATH_INFO": "/live", **named}


def test_authenticate_sees_headers_url_and_token(pool: ThreadPool) -> None:
    request = auth_request({**environ(x_tenant="t1"), "QUERY_STRING": "authToken=a%20b"})
    seen: list[Any] = []

    admitted = Doorkeeper(pool.submit, authenticate=seen.append).admit(request)

    assert admitted == Pass()
    assert seen == [{"headers": {"x-tenant": "t1"}, "url": "/live?authToken=a%20b", "token": "a b"}]
    assert seen[0].headers["x-tenant"] == "t1"
    with pytest.raises(AttributeError):
        _ = seen[0].cookies


@pytest.mark.parametrize(
    ("headers", "query", "token"),
    [
        ({"authorization": "Bearer abc"}, "", "abc"),
        ({"authorization": "bearer  abc"}, "", "abc"),
        ({"authorization": "Basic abc"}, "token=q", None),
        ({"sec_websocket_protocol": "Authorization, abc"}, "token=q", "abc"),
        ({"sec_websocket_protocol": "graphql, abc"}, "token=q", "q"),
        ({}, "authToken=a&token=b", "a"),
        ({}, "", None),
    ],
)
def test_the_token_is_looked_for_in_protocols_header_and_query(
    headers: dict[str, str], query: str, token: str | None
) -> None:
    assert auth_request({**environ(**headers), "QUERY_STRING": query}).token == token


def test_an_async_authenticate_is_waited_for_and_its_expiry_kept(pool: ThreadPool) -> None:
    async def authenticate(request: Any) -> dict[str, Any]:
        return {"exp": 1_900_000_000, "url": request.url}

    admitted = Doorkeeper(pool.submit, authenticate=authenticate).admit(auth_request(environ()))
    assert admitted.context == {"exp": 1_900_000_000, "url": "/live"}
    assert admitted.expires_at_s == 1_900_000_000


def test_what_authenticate_raises_is_a_401_without_its_words(pool: ThreadPool) -> None:
    for error in (ValueError("the secret is 42"), SystemExit(3)):

        def authenticate(_: object, error: BaseException = error) -> NoReturn:
            raise error

        with pytest.raises(RefusedError, match=r"^Authentication failed$") as refused:
            Doorkeeper(pool.submit, authenticate=authenticate).admit(auth_request(environ()))
        assert refused.value.status == "401 Unauthorized"


def test_an_authenticate_that_hangs_is_a_503(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "ANSWER_S_MAX", 0.05)
    go_on = Signal()
    door = Doorkeeper(pool.submit, authenticate=lambda _: go_on.wait(ASKED_S_MAX))
    with pytest.raises(RefusedError) as refused:
        door.admit(auth_request(environ()))
    assert refused.value.status == "503 Service Unavailable"
    go_on.set()


def test_questions_that_hang_do_not_take_threads_without_end(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "ASKED_MAX", 2)
    monkeypatch.setattr(access, "WAITING_MAX", 1)
    signals, door = [Signal(), Signal()], Doorkeeper(pool.submit)
    asked = [
        door.may_access(lambda *_, one=one: one.wait(ASKED_S_MAX), "g", None, None)
        for one in signals
    ]
    waiting = door.may_access(lambda *_: True, "g", None, None)
    assert door.may_access(lambda *_: True, "g", None, None).result(0) is False
    assert not waiting.is_done
    for one in signals:
        one.set()
    assert [one.result(ASKED_S_MAX) for one in (*asked, waiting)] == [True, True, True]
    assert door.may_access(lambda *_: True, "g", None, None).result(ASKED_S_MAX) is True


def test_a_crowd_that_comes_at_once_is_answered_one_after_the_other(pool: ThreadPool) -> None:
    door = Doorkeeper(pool.submit)
    go_on, running, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def can_access(subscription: Any, _: object) -> bool:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go_on.wait(ASKED_S_MAX)
        with lock:
            running -= 1
        return bool(subscription["groupId"] != "shut")

    groups = [*map(str, range(500)), "shut"]
    asked = [door.may_access(can_access, group, None, None) for group in groups]
    go_on.set()

    assert [one.result(ASKED_S_MAX) for one in asked] == [True] * 500 + [False]
    assert most <= access.ASKED_MAX


def test_a_question_nobody_waits_for_any_more_is_not_asked(
    pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "ASKED_MAX", 1)
    door, go_on, seen = Doorkeeper(pool.submit), Signal(), []
    door.may_access(lambda *_: go_on.wait(ASKED_S_MAX), "g", None, None)
    monkeypatch.setattr(access, "ANSWER_S_MAX", -1.0)
    late = door.may_access(lambda *_: seen.append(1), "g", None, None)

    go_on.set()

    with pytest.raises(RefusedError, match="in time"):
        late.result(ASKED_S_MAX)
    assert seen == []


def test_many_passes_that_end_at_once_are_all_renewed(pool: ThreadPool) -> None:
    def authenticate(_: object) -> dict[str, int]:
        return {"exp": 1_900_000_000}

    door = Doorkeeper(pool.submit, authenticate=authenticate)

    renewed = [door.readmit(auth_request(environ())) for _ in range(1_000)]

    expected = Pass({"exp": 1_900_000_000}, 1_900_000_000.0)
    assert [one.result(ASKED_S_MAX) for one in renewed] == [expected] * 1_000


def test_can_access_gets_the_place_and_the_context(pool: ThreadPool) -> None:
    seen: list[Any] = []

    async def can_access(subscription: Any, context: Any) -> object:
        seen.append((subscription, context))
        return subscription.get("id")

    door = Doorkeeper(pool.submit)
    assert door.may_access(can_access, "g", None, {"name": "ada"}).result(ASKED_S_MAX) is False
    assert door.may_access(can_access, "g", "i", None).result(ASKED_S_MAX) is True
    assert seen == [({"groupId": "g"}, {"name": "ada"}), ({"groupId": "g", "id": "i"}, None)]


def test_a_can_access_that_fails_is_a_no(pool: ThreadPool) -> None:
    def exits(*_: object) -> NoReturn:
        raise SystemExit

    door = Doorkeeper(pool.submit)
    assert door.may_access(exits, "g", None, None).result(ASKED_S_MAX) is False
    assert door.may_access(None, "g", None, None).result(ASKED_S_MAX) is False


@pytest.mark.parametrize(
    ("origins", "origin", "is_let_in"),
    [
        ("*", "https://anywhere.example", True),
        ("off", "https://anywhere.example", False),
        ("off", "https://here.example", True),
        ("off", "http://here.example", False),
        ("off", "", True),
        ("off", "null", False),
        (("https://shop.example/",), "https://SHOP.example", True),
        (("https://shop.example",), "https://shop.example.evil", False),
    ],
)
def test_pages_connect_from_where_they_may(
    pool: ThreadPool,
    origins: str | tuple[str, ...],
    origin: str,
    is_let_in: bool,
) -> None:
    door = Doorkeeper(pool.submit, origins=origins)
    request = environ(host="here.example", **({"origin": origin} if origin else {}))
    if is_let_in:
        door.check_origin(request)
    else:
        with pytest.raises(RefusedError) as refused:
            door.check_origin(request)
        assert refused.value.status == "403 Forbidden"


def test_an_expiry_is_read_in_the_forms_that_tokens_have() -> None:
    moment = datetime(2030, 1, 2, tzinfo=UTC)
    assert expiry_of({"exp": 1_893_542_400}) == moment.timestamp()
    assert expiry_of({"expiresAt": 1_893_542_400_000}) == moment.timestamp()
    assert expiry_of({"expiresAt": "2030-01-02T00:00:00Z"}) == moment.timestamp()
    assert expiry_of({"expiresAt": moment}) == moment.timestamp()
    for context in (None, {}, "exp", {"exp": True}, {"expiresAt": "soon"}, {"exp": None}):
        assert expiry_of(context) is None
