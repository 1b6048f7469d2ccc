from __future__ import annotations

import pytest

from tests.web.front import Steps, answering

ORIGIN = "https://app.example"


def steps_with(headers: dict[str, str]) -> Steps:
    steps = Steps()
    steps.add("GET", "/it", answering({"status": 200, "headers": headers}))
    return steps


def test_everybody_may_call_but_without_credentials() -> None:
    headers = steps_with({}).client().simulate_get("/it", headers={"Origin": ORIGIN}).headers

    assert headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    assert "access-control-allow-private-network" not in headers


def test_off_says_nothing_and_answers_options_by_the_routes() -> None:
    client = steps_with({}).client(cors="off")

    assert "access-control-allow-origin" not in client.simulate_get("/it").headers
    assert client.simulate_options("/it").status_code == 204
    assert client.simulate_options("/nope").status_code == 404


def test_a_listed_origin_is_echoed_with_credentials() -> None:
    client = steps_with({}).client(cors=(ORIGIN,))
    asked = {"Origin": ORIGIN, "Access-Control-Request-Headers": "x-a, authorization"}

    preflight = client.simulate_options("/it", headers=asked)
    missing = client.simulate_get("/nope", headers=asked)

    for result in (preflight, missing):
        assert result.headers["access-control-allow-origin"] == ORIGIN
        assert result.headers["access-control-allow-credentials"] == "true"
        assert result.headers["vary"] == "Origin"
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-headers"] == "x-a, authorization"
    assert "PATCH" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil", ""])
def test_an_unlisted_origin_gets_nothing_but_vary(origin: str) -> None:
    client = steps_with({}).client(cors=(ORIGIN,))

    headers = client.simulate_get("/it", headers={"Origin": origin}).headers

    assert "access-control-allow-origin" not in headers
    assert headers["vary"] == "Origin"


def test_requested_headers_that_are_none_are_not_echoed() -> None:
    client = steps_with({}).client(cors=(ORIGIN,))
    asked = {"Origin": ORIGIN, "Access-Control-Request-Headers": "x-a: <b>"}

    headers = client.simulate_options("/it", headers=asked).headers

    assert headers["access-control-allow-headers"] == "Content-Type, Authorization"


@pytest.mark.parametrize(
    ("own", "sent"), [("Accept", "Accept, Origin"), ("Accept, origin", "Accept, origin")]
)
def test_a_handlers_vary_is_added_to(own: str, sent: str) -> None:
    result = steps_with({"Vary": own}).client(cors=(ORIGIN,)).simulate_get("/it")

    assert result.headers["vary"] == sent
