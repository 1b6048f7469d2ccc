"""What the server says to requests that no handler should see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.server import EXAMPLES, Answer, Server, copy_project

pytestmark = pytest.mark.slow

BODY_BYTES_MAX = 10_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = copy_project(EXAMPLES / "orders", tmp_path_factory.mktemp("http") / "orders")
    with Server(project, env={"MOTIA_BODY_MAX": str(BODY_BYTES_MAX)}) as server:
        yield server


def assert_refused(answer: Answer, status: int) -> None:
    """It is this status, explained in JSON."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["error"]


def test_it_says_that_it_lives_and_is_ready(server: Server) -> None:
    assert [server.get(path).status for path in ("/healthz", "/readyz")] == [200, 200]


def test_an_unknown_path_is_a_404(server: Server) -> None:
    assert_refused(server.get("/nowhere"), 404)


def test_a_known_path_with_another_method_is_a_405_that_says_which(server: Server) -> None:
    with server.client() as client:
        answer = client.ask("DELETE", "/orders")

    assert_refused(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantity": 1}, "item"),
        ({"item": "tea", "quantity": 0}, "quantity"),
        ({"item": "gold", "quantity": 1}, "item"),
        ({"item": "tea", "quantity": 1, "price": 0}, "price"),
        (["tea"], ""),
    ],
)
def test_a_body_that_breaks_the_schema_is_a_400_that_names_the_field(
    server: Server, body: object, field: str
) -> None:
    answer = server.post("/orders", body)

    assert_refused(answer, 400)
    assert field in answer.body.decode()


@pytest.mark.parametrize("body", [b'{"item": ', b"[" * 5_000, b"\xff\xfe"])
def test_a_body_that_is_no_json_is_a_400(server: Server, body: bytes) -> None:
    with server.client() as client:
        answer = client.ask("POST", "/orders", body, headers={"content-type": "application/json"})

    assert_refused(answer, 400)


def test_a_body_over_the_limit_is_a_413(server: Server) -> None:
    fits = b'{"item": "tea", "quantity": 1}'.ljust(BODY_BYTES_MAX)
    json_type = {"content-type": "application/json"}

    with server.client() as client:
        assert client.ask("POST", "/orders", fits, headers=json_type).status == 201
    with server.client() as client:
        assert_refused(client.ask("POST", "/orders", fits + b" ", headers=json_type), 413)


def test_many_requests_share_one_connection(server: Server) -> None:
    with server.client() as client:
        order_ids = [
            client.post("/orders", {"item": "tea", "quantity": 1}).json["id"] for _ in range(20)
        ]
        found = [client.get(f"/orders/{order_id}").json["id"] for order_id in order_ids]

    assert found == order_ids


def test_head_is_get_without_its_body(server: Server) -> None:
    with server.client() as client:
        answer = client.ask("HEAD", "/orders")

    assert (answer.status, answer.body) == (200, b"")
