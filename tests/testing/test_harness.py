"""The whole project in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from motia_actors.errors import SettingsError, UsageError
from motia_actors.testing import Harness
from tests.e2e.server import write_project

FILES = {
    "steps/note_step.py": """
        config = {"name": "Note", "type": "api", "path": "/notes/:id", "method": "PUT",
                  "emits": ["noted"]}

        async def handler(req, context):
            await context.emit({"topic": "noted", "data": {"id": req.params["id"], **req.body}})
            return {"status": 202, "body": {"q": req.query}, "headers": {"x-kind": "note"}}
    """,
    "steps/keep_step.py": """
        config = {"name": "Keep", "type": "event", "subscribes": ["noted"], "emits": ["kept"],
                  "infrastructure": {"queue": {"maxRetries": 1, "backoff": {"delay": 30}}}}

        async def handler(note, context):
            await context.state.set("notes", note["id"], context.delivery.attempt)
            if note.get("fails"):
                raise ValueError("as it was told")
            await context.streams.notes.set("all", note["id"], note)
            await context.emit({"topic": "kept", "data": note["id"], "delay": 60})
    """,
    "steps/count_step.py": """
        config = {"name": "Count", "type": "cron", "cron": "0 * * * *", "emits": []}

        def handler(context):
            context.state.set("hours", "n", (context.state.get("hours", "n") or 0) + 1)
    """,
    "steps/notes_stream.py": """
        config = {"name": "notes", "schema": {"type": "object"},
                  "baseConfig": {"storageType": "default"}}
    """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {name: dedent(text) for name, text in FILES.items()}
    return write_project(tmp_path / "notes", files)


@pytest.fixture
def app(project: Path) -> Iterator[Harness]:
    with Harness(project) as harness:
        yield harness


def test_a_request_is_answered_and_what_it_set_off_is_done_after_settle(app: Harness) -> None:
    answer = app.request("PUT", "/notes/7?a=1", query={"b": 2}, json={"text": "hi"})
    app.settle()

    assert (answer.status, answer.json) == (202, {"q": {"a": "1", "b": "2"}})
    assert answer.header("X-Kind") == "note"
    assert app.state.group("notes") == {"7": 1}
    assert app.stream("notes").get("all", "7") == {"id": "7", "text": "hi"}
    assert app.stream("notes").changes() == [("create", {"id": "7", "text": "hi"})]


def test_a_watched_topic_keeps_its_events_once_they_are_due(app: Harness) -> None:
    kept = app.watch("kept")
    app.emit("noted", {"id": "7"})
    app.settle()
    before = len(kept)

    app.advance(60)

    assert (before, kept.data, kept.last) == (0, ["7"], "7")


def test_a_topic_can_be_watched_that_nobody_listens_to(app: Harness) -> None:
    loose = app.watch("loose")

    trace_id = app.emit("loose", [1])

    assert [event.trace_id for event in loose.events] == [trace_id]


def test_retries_come_with_time_and_end_as_a_dead_letter(app: Harness) -> None:
    app.emit("noted", {"id": "7", "fails": True})
    app.settle()
    runs = [app.state.get("notes", "7")]

    app.advance(29)
    runs.append(app.state.get("notes", "7"))
    app.advance(1)
    runs.append(app.state.get("notes", "7"))

    assert runs == [1, 1, 2]
    [letter] = app.dead_letters("Keep")
    assert "as it was told" in letter.error


def test_every_slot_on_the_way_fires_once(app: Harness) -> None:
    app.advance(3 * 3600)

    assert app.state.get("hours", "n") == 3


def test_a_cron_step_can_be_fired_by_hand(app: Harness) -> None:
    app.fire("Count")
    app.settle()

    assert app.state.get("hours", "n") == 1


def test_time_begins_where_the_test_says(project: Path) -> None:
    with Harness(project, now=datetime(2030, 1, 1, 11, 59, tzinfo=UTC)) as app:
        app.advance(61)

        assert app.clock.now_s() == datetime(2030, 1, 1, 12, 0, 1, tzinfo=UTC).timestamp()
        assert app.state.get("hours", "n") == 1


def test_log_lines_can_be_read(app: Harness) -> None:
    app.emit("noted", {"id": "7", "fails": True})
    app.settle()

    assert any("as it was told" in str(line) for line in app.logs)


def test_the_process_is_left_as_it_was(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOUR", "red")
    before = Path.cwd()

    with Harness(project, env={"COLOUR": "blue", "SHAPE": "round"}):
        inside = os.environ["COLOUR"], os.environ["SHAPE"], Path.cwd()

    assert inside == ("blue", "round", project)
    assert (os.environ["COLOUR"], os.environ.get("SHAPE"), Path.cwd()) == ("red", None, before)


def test_a_step_that_is_not_there_is_named_with_those_that_are(app: Harness) -> None:
    with pytest.raises(UsageError, match="Count, Keep, Note"):
        app.fire("Counter")


def test_a_broken_file_is_a_problem_and_the_rest_runs(project: Path) -> None:
    (project / "steps" / "broken_step.py").write_text("config = {")

    with Harness(project) as app:
        broken = [one.file for one in app.problems if one.severity == "error"]
        assert broken == ["steps/broken_step.py"]
        assert app.request("PUT", "/notes/1", json={}).status == 202


def test_settle_names_what_does_not_come_to_an_end(project: Path) -> None:
    (project / "steps" / "loop_step.py").write_text(
        'config = {"name": "Loop", "type": "event", "subscribes": ["go"], "emits": ["go"]}\n'
        "async def handler(data, context):\n"
        '    await context.emit({"topic": "go", "data": data})\n'
    )

    with Harness(project) as app:
        app.emit("go")
        with pytest.raises(AssertionError, match="work for Loop"):
            app.settle(within_s=0.1)


HTTP = {
    "steps/limited_step.py": """
        from motia_actors.http import events

        config = {"name": "Limited", "type": "api", "path": "/limited", "method": "GET",
                  "emits": [], "infrastructure": {"rateLimit": {"limit": 2, "period": 60}}}

        async def handler(req, context):
            async def said():
                yield req.who
            return events(said())
    """,
    "motia_config.py": """
        async def first(req, context, next_fn):
            req["who"] = "first"
            return await next_fn()

        def second(req, context, next_fn):
            req["who"] += ", second"
            return next_fn()

        config = {"middleware": [first, second]}
    """,
}


def test_middleware_streams_and_limits_are_there_in_memory(tmp_path: Path) -> None:
    project = write_project(tmp_path, {name: dedent(text) for name, text in HTTP.items()})
    with Harness(project) as app:
        answers = [app.request("GET", "/limited") for _ in range(3)]
        app.advance(30.0)
        later = app.request("GET", "/limited")

    assert answers[0].body == b":\n\ndata: first, second\n\n"
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].header("retry-after") == "30"
    assert later.status == 200


@pytest.mark.parametrize("folder", [".", "..", "public/.."])
def test_the_project_itself_is_not_served_as_static_files(tmp_path: Path, folder: str) -> None:
    (tmp_path / "public").mkdir()

    with (
        pytest.raises(SettingsError, match="MOTIA_STATIC"),
        Harness(tmp_path, settings={"static": folder}),
    ):
        pass
