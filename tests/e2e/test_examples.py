"""The examples do what their READMEs say: every curl line there is asked, every answer compared."""

from __future__ import annotations

import argparse
import re
import shlex
import socket
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.server import (
    EXAMPLES,
    OWN,
    Answer,
    Server,
    Via,
    copy_project,
    wait_until,
    workers,
)

pytestmark = pytest.mark.slow

EXCHANGE = re.compile(r"^\$ (curl .*)\n((?:[^$`].*\n)+)", re.MULTILINE)
WILDCARD = "…"


class Exchange(NamedTuple):
    """One curl line of a README and the answer below it."""

    command: str
    expected: str

    def ask(self, server: Server) -> Answer:
        curl = argparse.ArgumentParser(exit_on_error=False)
        curl.add_argument("-s", action="store_true")
        curl.add_argument("-X")
        curl.add_argument("-H", action="append", default=[])
        curl.add_argument("-d")
        curl.add_argument("url")
        options = curl.parse_args(shlex.split(self.command)[1:])
        headers = dict(header.split(": ", 1) for header in options.H)
        body = options.d.encode() if options.d else None
        path = options.url.removeprefix("localhost:3000")
        with server.client() as client:
            return client.ask(options.X or ("POST" if body else "GET"), path, body, headers=headers)

    def is_met(self, server: Server) -> bool:
        parts = [re.escape(part) for part in self.expected.strip().split(WILDCARD)]
        return re.fullmatch(".*?".join(parts), self.ask(server).body.decode()) is not None

    def meet(self, server: Server) -> None:
        """Ask once if asking changes something; else until what was started before is done."""
        what = f"{self.command} answers {self.expected}"
        if "-X" in self.command or "-d" in self.command:
            assert self.is_met(server), what
        else:
            wait_until(partial(self.is_met, server), what=what)


def exchanges(readme: Path) -> list[Exchange]:
    return [Exchange(*found) for found in EXCHANGE.findall(readme.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("name", "via"),
    [("hello", "gunicorn"), ("orders", "gunicorn"), ("chat", "gunicorn"),
     ("gallery", "start"), ("helpdesk", "start"), ("mixed_languages", "start")],
)  # fmt: skip
def test_an_example_answers_as_its_readme_says(name: str, via: Via, tmp_path: Path) -> None:
    asked = exchanges(EXAMPLES / name / "README.md")
    assert len(asked) >= 5

    with Server(copy_project(EXAMPLES / name, tmp_path / name), via=via) as server:
        for exchange in asked:
            exchange.meet(server)
        server.stop_cleanly()


def test_every_step_of_the_examples_has_its_file_named_in_the_readme() -> None:
    for readme in EXAMPLES.glob("*/README.md"):
        text = readme.read_text("utf-8")
        for step in (readme.parent / "steps").glob("*[._]st*.*"):
            family = step.name.split("_")[0] + "_*_step.py"
            assert step.name in text or family in text, f"{readme} says nothing of {step.name}"


def test_a_message_reaches_every_listener_of_its_topic(tmp_path: Path) -> None:
    with Server(copy_project(EXAMPLES / "hello", tmp_path / "hello")) as server:
        sent = server.post("/messages", {"text": "to all of you"}).json

        message = {**sent, "words": 4}
        kept = {"messages": [message], "archive": [message]}
        wait_until(lambda: server.get("/messages").json == kept, what="two listeners kept it")
        wait_until(lambda: "Processing started" in server.log(), what="the third logged a line")
        server.stop_cleanly()


def texts(server: Server, room: str) -> list[str]:
    return [item["text"] for item in server.get(f"/rooms/{room}/messages").json]


def is_full(server: Server, room: str, count: int) -> bool:
    return len(texts(server, room)) >= count


def test_messages_of_a_room_keep_their_order(tmp_path: Path) -> None:
    said = [f"message {number}" for number in range(30)]
    project = copy_project(EXAMPLES / "chat", tmp_path / "chat")
    with Server(project, options=workers(OWN, 2)) as server:
        with server.client() as client:
            for text in said:
                for room in ("red", "blue"):
                    message = {"author": "Ada", "text": text}
                    assert client.post(f"/rooms/{room}/messages", message).status == 202

        for room in ("red", "blue"):
            wait_until(partial(is_full, server, room, len(said)), what="all were said")
            assert texts(server, room) == said
        server.stop_cleanly()


def test_people_who_went_quiet_leave_the_room(tmp_path: Path) -> None:
    project = copy_project(EXAMPLES / "chat", tmp_path / "chat")
    with Server(project, env={"CHAT_PRESENCE_S": "1"}) as server:
        server.post("/rooms/lobby/messages", {"author": "Ada", "text": "brb"})
        wait_until(lambda: server.get("/rooms/lobby/people").json == ["Ada"], what="Ada is there")

        wait_until(lambda: server.get("/rooms/lobby/people").json == [], what="Ada has left")

        assert server.post("/rooms/lobby/typing", {"author": "Ada"}).status == 204
        server.stop_cleanly()


def test_one_flow_runs_through_three_languages_in_two_workers(tmp_path: Path) -> None:
    project = copy_project(EXAMPLES / "mixed_languages", tmp_path / "mixed")
    with Server(project, via="start", options=("--workers", "2")) as server:
        with server.client() as client:
            sent = [
                client.post("/reviews", {"product": "tea", "text": f"good {index}"}).json["id"]
                for index in range(20)
            ]
        wait_until(lambda: len(server.get("/reviews").json) == len(sent), what="all are out")
        stages = {server.get(f"/reviews/{one}").json["stage"] for one in sent}

        assert stages == {"published"}
        server.stop_cleanly()


def test_a_picture_is_kept_shown_and_told_of(tmp_path: Path) -> None:
    picture = bytes(range(256)) * 8_000
    form = (
        b'--B\r\nContent-Disposition: form-data; name="title"\r\n\r\nTea\r\n'
        b'--B\r\nContent-Disposition: form-data; name="picture"; filename="tea.png"\r\n'
        b"Content-Type: image/png\r\n\r\n" + picture + b"\r\n--B--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=B", "cookie": "name=Ada"}
    with Server(copy_project(EXAMPLES / "gallery", tmp_path / "gallery"), via="start") as server:
        with server.client() as client:
            kept = client.ask("POST", "/pictures", form, headers=headers)
            shown = client.get(f"/pictures/{kept.json['id']}")
            listed, page = client.get("/pictures.csv"), client.get("/")

        assert (kept.status, kept.json["by"], kept.json["size"]) == (201, "Ada", len(picture))
        assert (shown.body, shown.headers["content-type"]) == (picture, "image/png")
        assert listed.body.decode() == f'title,by,size\n"Tea",Ada,{len(picture)}'
        assert b"<h1>Gallery" in page.body
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as listener:
            listener.sendall(b"GET /watch HTTP/1.1\r\nHost: x\r\n\r\n")
            heard = b""
            while b'{"pictures":1}' not in heard:
                more = listener.recv(65536)
                assert more, heard
                heard += more
        server.stop_cleanly()
