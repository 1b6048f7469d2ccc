"""What real Motia projects do, right and wrong, works here or is told in a sentence."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.looking import lines, seen
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

INTERNAL = {"error": "Internal server error"}
FEED = {"type": "state-stream", "streamName": "feed", "groupId": "g", "id": "a"}


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve("habits", MOTIA_LOG_FORMAT="json")


@pytest.fixture(scope="module")
def lenient(serve: Serve) -> Server:
    """The same project, served as Motia 0.17 would."""
    return serve("habits", MOTIA_STATE_ENVELOPE="on", MOTIA_VALIDATE="off")


def kept(server: Server, key: str) -> Any:
    """Wait for what an event step kept."""
    return wait_until(lambda: server.get(f"/seen/seen/{key}").json, what=f"{key} arrived")


def messages(server: Server, step: str = "") -> list[str]:
    return [line["msg"] for line in lines(server) if line["step"] == step]


# Middleware and decorated handlers.


def test_middleware_and_handler_share_one_request_with_live_objects(server: Server) -> None:
    with server.client() as client:
        answer = client.ask("GET", "/guarded", headers={"Authorization": "Bearer bob"})

    assert answer.status == 200
    assert answer.headers["x-timed"] == "Guarded"
    assert answer.json == {
        "user": {"id": "bob"},
        "rows": ["pets", "row"],
        "order": ["Guarded", "supabase"],
        "body": {},
    }


def test_middleware_may_answer_itself(server: Server) -> None:
    answer = server.get("/guarded")

    assert (answer.status, answer.json) == (401, {"error": "Unauthorized"})
    assert answer.headers["x-timed"] == "Guarded", "the outer one sees the answer"


def test_middleware_may_catch_what_the_handler_raises(server: Server) -> None:
    answer = server.post("/caught")

    assert (answer.status, answer.json) == (422, {"error": "not today"})


def test_an_api_step_may_wait_for_an_event_step_that_blocks(server: Server) -> None:
    answer = server.post("/build", {"target": "all"})

    assert (answer.status, answer.json) == (200, {"out": "built", "again": "twice"})
    wait_until(lambda: "build took" in server.log(), what="the decorator printed")


# Imports, names of files, what happens at import.


def test_a_context_with_a_default_and_a_file_named_by_a_number(server: Server) -> None:
    answer = server.post("/pets", {"name": "Rex"})

    assert answer.status == 201
    assert answer.json == {"pets": ["Rex"], "store": ".data/pets.json"}
    assert (server.project / ".data" / "pets.json").exists()


def test_an_undeclared_topic_is_dropped_and_told(server: Server) -> None:
    server.post("/pets", {"name": "Tom"})

    wait_until(
        lambda: any("may not emit 'py.pet.created'" in text for text in messages(server, "Clean")),
        what="the error is logged",
    )
    server.post("/quiet")
    kept(server, "quiet")
    assert server.get("/seen/seen/pet").json is None


@pytest.mark.parametrize(("path", "item"), [("/doc-agent", None), ("/doc-agent/7", "7")])
def test_a_relative_import_in_a_folder_with_a_dash(
    server: Server, path: str, item: str | None
) -> None:
    assert server.get(path).json == {"persona": "librarian", "id": item}


def test_a_step_in_src_imports_a_helper_that_is_named_like_a_step(server: Server) -> None:
    assert server.post("/feed", {"pet": 1}).status == 200

    fed = kept(server, "feeding")
    assert fed == {"data": {"pet": 1, "notified": True}, "names": ["poet", "cynic"]}


def test_a_sync_handler_of_a_module_that_replaces_stdout(server: Server) -> None:
    answers = [server.get("/analyze").json for _ in range(3)]

    for answer in answers:
        assert answer["greeting"] == "from the env file"
        assert answer["last"]["calls"] >= 1, "a sync handler reads what it wrote"
        assert answer["cwd is the project"]
    wait_until(lambda: "analysing, with an umlaut: ä" in server.log(), what="print is shown")


# Schemas.

ORDER = {"email": "a@b.c", "items": [{"name": "tea", "price": 2.5}]}


def test_a_pydantic_schema_is_enforced_and_its_models_go_everywhere(server: Server) -> None:
    good = server.post("/orders", ORDER)
    bad = server.post("/orders", {"email": "a", "items": [{"name": "x", "price": -1}]})

    assert (good.status, good.json) == (201, {**ORDER, "note": None})
    assert (bad.status, bad.json["details"][0]["path"]) == (400, "items.0.price")
    assert kept(server, "order") == {"total": 2.5}
    line = next(line for line in lines(server) if line["msg"] == "order")
    assert (line["email"], line["items"]) == ("a@b.c", ORDER["items"])


def test_a_schema_that_is_none_refuses_nothing(server: Server) -> None:
    body = {"key": 3, "value": "no number"}

    assert server.post("/bogus", body).json == body
    assert kept(server, "bogus") == body


def test_validation_can_be_switched_off(lenient: Server) -> None:
    assert lenient.post("/orders", {"email": "a", "items": []}).status == 201
    # Now the model itself refuses, as on Motia.
    assert lenient.post("/orders", {"email": 1}).status == 500


# Slips that Motia lets pass.


def test_slips_do_nothing_and_are_told(server: Server) -> None:
    answer = server.post("/sloppy?tag=1&tag=2").json

    assert (answer["stored"], answer["read"], answer["nothing"]) == (None, None, None)
    assert (answer["has body"], answer["list"]) == ({}, True)
    assert kept(server, "sloppy") == {"positional": True}
    told = [line for line in lines(server) if line["traceId"] == answer["trace"]]
    texts = {line["msg"]: line for line in told}
    assert texts["a warning"]["data"] == "a text"
    assert texts["a list"]["data"] == [1, 2]
    assert texts["a thing"]["colour"] == "red"
    assert texts["an error"]["error"]["message"] == "no"
    for slip in ("state.set(key, value)", "state.get(key)", 'emit("sloppy.done", data)'):
        assert any(slip in text and "write context" in text for text in texts), slip


def test_effects_that_nobody_awaits_happen(server: Server) -> None:
    assert server.post("/careless").status == 200

    assert seen(server, "careless", 3) == ["later", "set", "waited"]
    assert seen(server, "careless-done", 3) == ["forgotten", "gathered", "task"]


def test_a_handler_that_returns_nothing_is_a_500_and_its_events_run(server: Server) -> None:
    answer = server.post("/quiet")

    assert (answer.status, answer.json) == (500, INTERNAL)
    assert kept(server, "quiet") == {"still": "runs"}
    assert any("returned None" in text for text in messages(server, "CliTool"))


def test_a_throwing_event_step_is_run_again_under_its_trace(server: Server) -> None:
    trace = server.post("/flaky").json["traceId"]

    def runs() -> bool:
        return bool(server.get("/seen/flaky").json == [[trace, trace]])

    wait_until(runs, what="it ran twice")
    retried = [line for line in lines(server) if "the first run fails" in line["msg"]]
    assert [(line["level"], line["step"]) for line in retried] == [("warn", "Flaky")]


# Names and routes that are there twice.


def test_all_steps_of_one_name_run(server: Server) -> None:
    assert server.post("/triplet").json == []

    assert seen(server, "triplets", 3) == [1, 2, 3]


def test_the_first_of_two_equal_routes_answers(server: Server) -> None:
    for _ in range(4):
        assert server.get("/twin").json == {"twin": "a"}


# Answers.

FORMS = {
    "html": (200, "text/html; charset=utf-8", b"<p>hi</p>"),
    "csv": (200, "text/csv; charset=utf-8", b"a,b"),
    "text": (200, "text/html; charset=utf-8", b"just text"),
    "list": (200, "application/json; charset=utf-8", b'[{"pet":1}]'),
    "number": (200, "application/json; charset=utf-8", b"7"),
    "null": (200, "application/json; charset=utf-8", b"null"),
    "buffer": (200, "application/octet-stream", b"\x00\x01\xff"),
    "bytes": (200, "image/png", b"\x00\x01"),
    "dataclass": (200, "application/json; charset=utf-8", b'{"name":"Rex"}'),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_is_sent_by_what_its_body_is(server: Server, form: str) -> None:
    answer = server.get(f"/forms/{form}")

    assert (answer.status, answer.headers["content-type"], answer.body) == FORMS[form]


def test_an_answer_without_a_body_has_none(server: Server) -> None:
    absent, moved = server.get("/forms/absent"), server.get("/forms/cookies")

    assert (absent.status, absent.body) == (202, b"")
    assert (moved.status, moved.headers["location"]) == (302, "/")
    assert moved.headers["set-cookie"] == "a=1"


@pytest.mark.parametrize("form", ["empty", "false", "no%20status", "not%20a%20dict", "unwritable"])
def test_what_is_no_answer_is_a_500(server: Server, form: str) -> None:
    answer = server.get(f"/forms/{form}")

    assert (answer.status, answer.json) == (500, INTERNAL)


# Requests.


def test_a_request_has_motias_keys_and_the_pages(server: Server) -> None:
    with server.client() as client:
        answer = client.ask(
            "GET", "/echo/ab-1?tag=1&tag=2&a%5Bb%5D=1", headers={"X-Agent": "me"}
        ).json

    motias = ["body", "headers", "pathParams", "queryParams", "rawBody"]
    assert sorted({*motias, "query", "params", "method", "path", "cookies"}) == answer.pop("keys")
    assert answer == {
        "body": {},
        "raw": "",
        "id": "ab-1",
        "query": {"tag": ["1", "2"], "a": {"b": "1"}},
        "agent": "me",
    }


def test_routes_as_express_has_them(server: Server) -> None:
    assert server.get("/echo/not-hex").status == 404
    assert server.get("/app.js").headers["content-type"].startswith("application/javascript")
    assert server.get("/Twin/").json == {"twin": "a"}
    assert server.get("/extra").json == {"extra": None, "args": [], "kwargs": {}}
    with server.client() as client:
        assert client.ask("HEAD", "/none").status == 204
        assert client.ask("OPTIONS", "/twin").status == 204


# State and streams.


def test_state_gives_the_bare_value(server: Server) -> None:
    assert server.post("/sessions/one", {"n": 1}).json == {"n": 1}


def test_state_gives_motias_envelope_where_asked(lenient: Server) -> None:
    assert lenient.get("/sessions/nobody").status == 404
    assert lenient.post("/sessions/one", {"n": 1}).json == {"data": {"n": 1}}
    assert lenient.get("/sessions/one").json == {"n": 1}
    assert lenient.post("/sessions/two", [1]).json == [1]


def test_items_of_a_stream_carry_their_place(server: Server) -> None:
    item = {"id": "a", "text": "one", "__motia": FEED}

    assert server.post("/items").json == {"item": item, "all": [item]}


# Cron, and what cannot run.


def test_cron_handlers_of_one_and_of_two_parameters_run(server: Server) -> None:
    both = ["reaped-now.txt", "reaped-two.txt"]

    wait_until(lambda: server.get("/reaped").json == both, what="both fired")


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("steps/broken_step.py:1", "'a_module_that_nobody_has' is not installed"),
        ("steps/notify_step.py", "is missing, so the file is skipped"),
        ("steps/ruby.step.rb", "Ruby"),
        ("steps/sloppy_step.py", "write queryParams"),
        ("steps/sloppy_done_step.py", "write input"),
        ("src/jobs/set_next_feeding_reminder.job_step.py", "write maxRetries"),
        ("steps/bogus_schema_step.py", "without a word of JSON Schema"),
        ("steps/triplet_2_step.py", "is also the name of"),
        ("steps/twin_b_step.py", "already answered by steps/twin_a_step.py"),
        ("steps/feed_stream.py", "already defined by"),
    ],
)
def test_what_is_odd_is_told_at_start_and_the_rest_runs(
    server: Server, file: str, reason: str
) -> None:
    assert any(text.startswith(file) and reason in text for text in messages(server))
    assert server.get("/broken").status == 404


def test_every_expression_that_projects_use_is_scheduled(server: Server) -> None:
    assert [text for text in messages(server) if "expression_" in text] == []


def test_many_requests_at_once_meet_no_error(server: Server) -> None:
    # Last: by now every step has run, and none may have left something behind.
    with server.client() as client:
        ask = partial(client.ask, "GET", "/twin")
        assert {ask().status for _ in range(200)} == {200}
    server.stop_cleanly()
