"""Who may use the control endpoints."""

from __future__ import annotations

import falcon
import pytest
from falcon.testing import create_environ

from motia_actors.settings import ControlToken
from motia_actors.web.answers import Response
from motia_actors.web.guard import Guard
from motia_actors.web.routes import Route

TOKEN = "a long secret"
READER = ControlToken(name="looker", scope="read", token="of somebody who looks")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def request(
    headers: dict[str, str] | None = None,
    *,
    remote: str = "127.0.0.1",
    host: str = "localhost",
    method: str = "GET",
) -> falcon.Request:
    environ = create_environ(
        "/__motia", headers=headers, host=host, remote_addr=remote, method=method
    )
    return falcon.Request(environ)


@pytest.mark.parametrize("remote", ["127.0.0.1", "10.0.0.7"])
@pytest.mark.parametrize("is_dev", [True, False])
def test_the_token_opens_everywhere(remote: str, *, is_dev: bool) -> None:
    Guard(TOKEN, is_dev=is_dev).check(request(BEARER, remote=remote, host="shop.example"))


@pytest.mark.parametrize("given", ["", "wrong", "a long secre", "a long secrets", "é"])
def test_another_token_does_not_even_on_this_machine(given: str) -> None:
    with pytest.raises(falcon.HTTPForbidden):
        Guard(TOKEN, is_dev=True).check(request({"Authorization": f"Bearer {given}"}))


def test_no_token_is_set_so_none_is_right() -> None:
    with pytest.raises(falcon.HTTPForbidden):
        Guard("", is_dev=False).check(request({"Authorization": "Bearer "}))


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.0.1.1", "::1", ""])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_in_dev_this_machine_needs_none(remote: str, host: str) -> None:
    Guard("", is_dev=True).check(request(remote=remote, host=host))


def test_in_dev_another_machine_needs_one() -> None:
    with pytest.raises(falcon.HTTPUnauthorized):
        Guard(TOKEN, is_dev=True).check(request(remote="10.0.0.7"))


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
def test_in_dev_whoever_a_proxy_of_this_machine_speaks_for_needs_one(name: str) -> None:
    with pytest.raises(falcon.HTTPUnauthorized):
        Guard(TOKEN, is_dev=True).check(request({name: "203.0.113.9"}))


def test_a_token_that_may_only_read_changes_nothing() -> None:
    guard = Guard(TOKEN, is_dev=False, tokens=[READER])
    bearer = {"Authorization": f"Bearer {READER.token}"}

    assert guard.check(request(bearer)) == "looker"
    with pytest.raises(falcon.HTTPForbidden) as refused:
        guard.check(request(bearer, method="POST"))
    assert refused.value.title == "The token 'looker' may only read"
    assert guard.check(request(BEARER, method="POST")) == "control"


def test_outside_dev_this_machine_needs_one_too() -> None:
    with pytest.raises(falcon.HTTPUnauthorized):
        Guard(TOKEN, is_dev=False).check(request())


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({"Origin": "https://evil.example"}, "localhost"),
        ({"Origin": "null"}, "localhost"),
        ({"Origin": "https://localhost.evil.example"}, "localhost"),
        ({"Origin": "https://127.0.0.1.evil.example"}, "localhost"),
        ({}, "rebound.example"),
        ({}, "127.0.0.1.evil.example"),
        ({"Origin": "http://[::1"}, "localhost"),
        ({"Origin": "http://[localhost]"}, "localhost"),
        ({"Origin": "http://localhost@evil.example"}, "localhost"),
        ({"Host": "localhost:evil"}, "localhost"),
        ({"Host": "[::1"}, "localhost"),
        ({"Host": "[::1]evil"}, "localhost"),
        ({"Host": "::1"}, "localhost"),
        ({"Host": "evil@localhost"}, "localhost"),
        ({"Host": "localhost/evil"}, "localhost"),
    ],
)
def test_in_dev_a_page_of_another_machine_may_not(headers: dict[str, str], host: str) -> None:
    with pytest.raises(falcon.HTTPForbidden):
        Guard("", is_dev=True).check(request(headers, host=host))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:5173"},
        {"Origin": "http://[::1]:5173"},
        {"Host": "127.0.0.1:"},
        {"Host": "[::1]:3000"},
        {"Host": "LOCALHOST:3000"},
    ],
)
def test_in_dev_a_page_of_this_machine_may(headers: dict[str, str]) -> None:
    Guard("", is_dev=True).check(request(headers))


def test_a_guarded_route_is_not_entered_by_who_may_not() -> None:
    entered: list[str] = []

    def endpoint(_req: falcon.Request, _resp: Response, _params: dict[str, str]) -> None:
        entered.append("in")

    [route] = Guard(TOKEN, is_dev=False).over([Route("GET", "/x", endpoint)])

    with pytest.raises(falcon.HTTPUnauthorized):
        route.target(request(), Response(), {})
    route.target(request(BEARER), Response(), {})
    assert entered == ["in"]


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_nothing_but_json_changes_anything(media_type: str) -> None:
    entered: list[str] = []

    def endpoint(_req: falcon.Request, _resp: Response, _params: dict[str, str]) -> None:
        entered.append("in")

    [route] = Guard("", is_dev=True).over([Route("POST", "/x", endpoint)])

    def post(media_type: str) -> None:
        headers = {"Content-Type": media_type} if media_type else {}
        environ = create_environ("/x", method="POST", headers=headers, host="localhost")
        route.target(falcon.Request(environ), Response(), {})

    with pytest.raises(falcon.HTTPUnsupportedMediaType):
        post(media_type)
    assert not entered
    post("application/json; charset=utf-8")
    assert entered == ["in"]
