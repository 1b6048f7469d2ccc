"""The cases of a recorded Motia 0.17 server, then what this one adds."""

from __future__ import annotations

import io
from typing import Any

import falcon
import pytest
from falcon.testing import Result, TestClient
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.errors import (
    ActorCrashedError,
    ActorStoppedError,
    LeaseLostError,
    MailboxFullError,
    MotiaError,
    QueueFullError,
    StepSuspendedError,
    StoppingError,
    StoreFullError,
    TimeLimitError,
    UsageError,
)
from motia_actors.messages import Failed
from motia_actors.web.api import Front, WebSettings
from motia_actors.web.limits import Limits
from tests.web.front import Steps, answering, echo

INTERNAL = {"error": "Internal server error"}
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "*",
    "access-control-allow-headers": "*",
    "access-control-max-age": "600",
}


def asked(handler: Any, method: str = "GET", path: str = "/it", **request: Any) -> Result:
    steps = Steps()
    steps.add(method, "/it", handler)
    return steps.client().simulate_request(method, path, **request)


def echoed(*, path: str = "/echo/1/x", **request: Any) -> dict[str, Any]:
    steps = Steps()
    steps.add("POST", "/echo/:id/:name", echo)
    result = steps.client().simulate_request("POST", path, **request)
    assert result.status_code == 200
    body: dict[str, Any] = result.json
    return body


def test_a_handler_is_given_the_request_as_motia_gives_it() -> None:
    body = echoed(
        path="/echo/42/a%20b",
        query_string="q=1&q=2&x%5By%5D=z&e=&arr%5B%5D=1&plus=a+b",
        body='{"item":"book","qty":2,"n":null,"f":1.0}',
        headers={"Content-Type": "application/json", "X-Custom": "Hello", "Cookie": "k=v; k2=v2"},
    )

    assert body["body"] == {"item": "book", "qty": 2, "n": None, "f": 1}
    assert body["rawBody"] == '{"item":"book","qty":2,"n":null,"f":1.0}'
    assert body["params"] == body["pathParams"] == {"id": "42", "name": "a b"}
    assert body["query"] == body["queryParams"]
    assert body["query"] == {
        "q": ["1", "2"], "x": {"y": "z"}, "e": "", "arr": ["1"], "plus": "a b"
    }  # fmt: skip
    assert (body["method"], body["path"]) == ("POST", "/echo/42/a b")
    assert body["headers"]["x-custom"] == "Hello"
    assert body["headers"]["cookie"] == "k=v; k2=v2"
    assert body["headers"]["content-type"] == "application/json"
    assert body["headers"]["content-length"] == "40"


def test_a_request_without_body_has_an_empty_object() -> None:
    body = echoed()

    assert (body["body"], body["rawBody"], body["query"]) == ({}, "", {})
    assert "content-type" not in body["headers"]
    assert "content-length" not in body["headers"]


def test_a_call_carries_trace_and_flows() -> None:
    steps = Steps()
    steps.add("GET", "/it", answering({"status": 200}))

    steps.client().simulate_get("/it")

    [call] = steps.calls
    assert (call.kind, call.trace_id, call.flows) == ("api", "ABCDE-1234567", ("f",))


@pytest.mark.parametrize("body", ['"str"', "{bad json"])
def test_bad_json_is_a_400_in_json_with_cors(body: str) -> None:
    result = asked(echo, "POST", body=body, headers={"Content-Type": "application/json"})

    assert result.status_code == 400
    assert result.json["error"].startswith("Invalid JSON body")
    assert result.headers.items() >= CORS.items()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("POST", "/nope", 404),
        ("POST", "/ts/string", 405),
        ("DELETE", "/ts/string", 405),
        ("HEAD", "/ts/string", 200),
        ("OPTIONS", "/ts/string", 204),
        ("OPTIONS", "/nope", 204),
        ("GET", "/ts/string/", 200),
        ("GET", "/TS/String", 200),
        ("GET", "/ts//string", 404),
        ("GET", "/", 404),
        ("GET", "/ts/echo/a%2Fb/c", 200),
        ("GET", "/ts/echo/%zz/c", 400),
        ("GET", "/" + "a" * 4095, 404),
        ("GET", "/" + "a" * 4096, 414),
        ("TRACE", "/ts/string", 405),
    ],
)
def test_routing(method: str, path: str, status: int) -> None:
    steps = Steps()
    steps.add("GET", "/ts/string", answering({"status": 200, "body": "just text"}))
    steps.add("GET", "/ts/echo/:id/:name", echo)

    result = steps.client().simulate_request(method, path)

    assert result.status_code == status
    assert result.headers.items() >= CORS.items()
    assert status < 400 or set(result.json) == {"error"}


def test_an_encoded_slash_stays_in_its_parameter() -> None:
    assert echoed(path="/echo/a%2Fb/c")["params"] == {"id": "a/b", "name": "c"}


def test_another_method_is_told_which_there_are() -> None:
    result = asked(echo, path="/it", method="GET")
    steps = Steps()
    steps.add("GET", "/it", echo)
    refused = steps.client().simulate_put("/it")

    assert result.status_code == 200
    assert refused.headers["allow"] == "GET, HEAD"
    assert refused.json == {"error": "Method not allowed"}


def test_a_step_may_answer_options() -> None:
    assert asked(answering({"status": 201}), "OPTIONS").status_code == 201


@pytest.mark.parametrize(
    "value",
    [None, {}, False, "text", {"body": {}}, {"status": True}, {"status": 99},
     {"status": 200, "headers": {"a": "b\r\nc"}}, {"status": 200, "body": object()},
     Failed(kind="ValueError", message="boom", stack="secret")],
)  # fmt: skip
def test_a_failing_handler_is_a_500_that_tells_nothing_and_is_logged(value: object) -> None:
    steps = Steps()
    steps.add("GET", "/it", answering(value))

    result = steps.client().simulate_get("/it")

    assert (result.status_code, result.json) == (500, INTERNAL)
    assert result.headers.items() >= CORS.items()
    assert [level for level, _ in steps.logged] == ["error"]


def test_headers_of_the_handler_win_and_cookies_stay_apart() -> None:
    headers = {
        "X-A": "one",
        "Set-Cookie": ["a=1", "b=2"],
        "Content-Type": "text/plain",
        "Access-Control-Allow-Origin": "https://me",
    }

    result = asked(answering({"status": 202, "body": "plain text", "headers": headers}))

    assert (result.status_code, result.text) == (202, "plain text")
    assert result.headers["content-type"] == "text/plain; charset=utf-8"
    assert result.headers["access-control-allow-origin"] == "https://me"
    assert result.headers["access-control-allow-methods"] == "*"
    assert {name: cookie.value for name, cookie in result.cookies.items()} == {"a": "1", "b": "2"}
    assert result.headers["etag"] == 'W/"a-n5RDuPPYNhVB+HklYrMFD3Ie5TQ"'


def test_head_has_the_headers_of_get_and_no_body() -> None:
    steps = Steps()
    steps.add("GET", "/it", answering({"status": 200, "body": "just text"}))

    result = steps.client().simulate_head("/it")

    assert (result.content, result.headers["content-length"]) == (b"", "9")
    assert steps.calls[0].input.method == "HEAD"


def test_a_known_body_is_a_304_without_type() -> None:
    held = {"If-None-Match": 'W/"9-ZkRMg5GjrTWUVQKG7gR6pcqRNBQ"'}

    result = asked(answering({"status": 200, "body": "just text"}), headers=held)

    assert (result.status_code, result.content) == (304, b"")
    assert "content-type" not in result.headers
    assert result.headers["etag"] == held["If-None-Match"]


@pytest.mark.parametrize(
    ("status", "content_type"), [(200, "text/plain; charset=utf-8"), (204, None)]
)
def test_an_answer_without_body_is_no_json(status: int, content_type: str | None) -> None:
    result = asked(answering({"status": status}))

    assert (result.status_code, result.content) == (status, b"")
    assert result.headers.get("content-type") == content_type


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (MailboxFullError("s", size_max=1, retry_after_s=0.1), 503, "1"),
        (MailboxFullError("s", size_max=1, retry_after_s=1.2), 503, "2"),
        (StepSuspendedError("s", retry_after_s=30.0), 503, "30"),
        (StoppingError(), 503, "1"),
        (StoreFullError(), 503, "5"),
        (QueueFullError("s", depth=2, depth_max=2, retry_after_s=3.0), 503, "3"),
        (ActorCrashedError(), 503, "1"),
        (ActorStoppedError(), 503, "1"),
        (LeaseLostError("d"), 503, "1"),
        (TimeLimitError("s", limit_s=1), 504, None),
        (UsageError("secret"), 500, None),
    ],
)
def test_a_step_that_cannot_answer_has_its_status(
    error: MotiaError, status: int, retry_after: str | None
) -> None:
    steps = Steps()
    steps.add("GET", "/it", answering(error))

    result = steps.client().simulate_get("/it")

    assert result.status_code == status
    assert result.headers.get("retry-after") == retry_after
    assert set(result.json) == {"error"}
    assert str(error) not in result.text or not str(error)
    assert steps.logged


def test_a_handler_that_found_no_room_is_a_503_that_says_when_to_try_again() -> None:
    steps = Steps()
    refused = Failed(kind="QueueFullError", message="queue of step 'secret'", retry_after_s=1.5)
    steps.add("GET", "/it", answering(refused))

    result = steps.client().simulate_get("/it")

    assert (result.status_code, result.headers["retry-after"]) == (503, "2")
    assert result.json == {"error": "The server cannot take the request now"}
    assert [level for level, _ in steps.logged] == ["warn"]


def test_a_handler_past_its_limit_is_a_504() -> None:
    late = Failed(kind="TimeLimitError", message="late", is_timeout=True)

    assert asked(answering(late)).status_code == 504


def test_an_unexpected_error_is_a_500_that_tells_nothing() -> None:
    def broken(_: object) -> object:
        raise RuntimeError("secret")

    result = asked(broken)

    assert (result.status_code, result.json) == (500, INTERNAL)


class OnlyItems:
    def problems(self, value: object) -> list[tuple[str, str]]:
        return [] if value == {"item": "a"} else [("items.0.qty", "is no number")]


@pytest.mark.parametrize(("validate", "status"), [("enforce", 400), ("warn", 200), ("off", 200)])
def test_a_body_schema_is_enforced_as_set(validate: str, status: int) -> None:
    steps = Steps()
    steps.add("POST", "/it", answering({"status": 200}), body=OnlyItems())
    client = steps.client(validate=validate)

    bad = client.simulate_post("/it", json={"item": 1})
    good = client.simulate_post("/it", json={"item": "a"})

    assert (bad.status_code, good.status_code) == (status, 200)
    assert len(steps.calls) == (1 if validate == "enforce" else 2)
    assert [level for level, _ in steps.logged] == (["warn"] if validate == "warn" else [])
    if validate == "enforce":
        details = [{"path": "items.0.qty", "message": "is no number"}]
        assert bad.json == {"error": "Invalid request body", "details": details}


def test_too_many_headers_are_a_431() -> None:
    steps = Steps()
    steps.add("GET", "/it", echo)
    client = steps.client(limits=Limits(headers_max=20))

    few = client.simulate_get("/it", headers={f"x-{i}": "1" for i in range(15)})
    many = client.simulate_get("/it", headers={f"x-{i}": "1" for i in range(21)})

    assert (few.status_code, many.status_code) == (200, 431)


def test_routes_are_swapped_while_the_application_runs() -> None:
    steps = Steps()
    steps.add("GET", "/old", echo)
    front = steps.front()
    client = TestClient(front.app)
    assert client.simulate_get("/old").status_code == 200

    front.mount([])

    assert client.simulate_get("/old").status_code == 404


def test_a_route_that_cannot_be_read_leaves_the_others_alone() -> None:
    steps = Steps()
    steps.add("GET", "/:a(", echo)
    steps.add("BREW", "/b", echo)
    steps.add("GET", "/c", echo)

    assert steps.client().simulate_get("/c").status_code == 200
    assert [level for level, _ in steps.logged] == ["error", "error"]


def test_routes_cannot_be_added_behind_the_tables_back() -> None:
    with pytest.raises(UsageError, match="mount"):
        Steps().front().app.add_route("/x", object())


def test_blocking_work_is_offloaded_where_asked() -> None:
    steps = Steps()
    steps.add("GET", "/it", answering({"status": 200}))
    front = steps.front()
    offloaded: list[object] = []

    def offload(work: Any) -> Any:
        offloaded.append(work)
        return work()

    front.offload = offload

    assert TestClient(front).simulate_get("/it").status_code == 200
    assert len(offloaded) == 1


def test_the_process_is_healthy_and_ready_unless_it_says_why_not() -> None:
    client = Steps().client()

    assert client.simulate_get("/healthz").json == {"status": "ok"}
    assert client.simulate_get("/readyz").status_code == 200


def test_a_process_that_is_not_ready_says_why() -> None:
    steps = Steps()
    front = Front(
        WebSettings(), asker=steps, new_trace_id=str, log=steps.log, unready=lambda: ["draining"]
    )

    result = TestClient(front.app).simulate_get("/readyz")

    assert result.status_code == 503
    assert result.json == {"status": "unavailable", "reasons": ["draining"]}


def test_a_process_that_lacks_something_is_ready_and_says_what() -> None:
    steps, lacks, reasons = Steps(), ["the cluster is away"], [""]
    reasons.clear()
    front = Front(
        WebSettings(),
        asker=steps,
        new_trace_id=str,
        log=steps.log,
        unready=lambda: reasons,
        degraded=lambda: lacks,
    )
    client = TestClient(front.app)

    result = client.simulate_get("/readyz")
    reasons.append("draining")

    assert result.status_code == 200
    assert result.json == {"status": "degraded", "reasons": lacks}
    assert client.simulate_get("/readyz").json == {"status": "unavailable", "reasons": ["draining"]}


def test_a_step_on_the_path_of_a_probe_wins() -> None:
    steps = Steps()
    steps.add("GET", "/healthz", answering({"status": 200, "body": "mine"}))

    assert steps.client().simulate_get("/healthz").text == "mine"


HOSTILE = st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\0"), max_size=20)


@given(
    st.sampled_from([*falcon.HTTP_METHODS, "WEBSOCKET", "BREW", ""]), HOSTILE, HOSTILE, HOSTILE,
    st.binary(max_size=50),
)  # fmt: skip
def test_no_request_is_a_500(method: str, path: str, query: str, header: str, body: bytes) -> None:
    steps = Steps()
    steps.add("GET", "/:a?", echo)
    steps.add("POST", "*", echo)
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": "/" + path, "RAW_URI": "/" + path,
        "QUERY_STRING": query, "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(),
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": header, "HTTP_ORIGIN": header,
        "HTTP_IF_NONE_MATCH": header, "HTTP_COOKIE": header,
    }  # fmt: skip

    list(steps.front()(environ, lambda status, _: statuses.append(status)))

    assert statuses[0][0] in "24"
