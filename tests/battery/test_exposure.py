"""What a server shows to whom: its files to nobody, its inside to who has the token."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.server import Answer, Server, free_port, wait_until, write_project

pytestmark = pytest.mark.slow

SECRET = "hunter2-of-the-file"
STEP = (
    'config = {"name": "Ping", "type": "api", "path": "/ping", "method": "GET", "emits": []}\n'
    "async def handler(req, context):\n"
    '    return {"status": 200, "body": {"ok": True}}\n'
)
CONTROL = [
    ("POST", "/emit"),
    ("GET", "/__motia"),
    ("GET", "/__motia/statistics"),
    ("GET", "/__motia/state"),
    ("POST", "/__motia/state"),
    ("POST", "/__motia/state/delete"),
    ("GET", "/__motia/streams"),
    ("GET", "/__motia/step/x"),
    ("GET", "/__motia/logs"),
    ("GET", "/__motia/traces"),
    ("GET", "/__motia/project"),
    ("GET", "/__motia/queues"),
    ("POST", "/__motia/cron/run"),
    ("POST", "/__motia/replay"),
    ("POST", "/__motia/adjustments"),
    ("GET", "/__motia/state/browse"),
    ("GET", "/__motia/audit"),
    ("GET", "/metrics"),
    ("GET", "/openapi"),
    ("GET", "/openapi.json"),
]
# Each names a file in its own way; {} is where a name goes.
PLACES = (
    "/__workbench/{}",
    "/__workbench/assets/{}",
    "/__motia/step/{}",
    "/__motia/streams/details/{}",
    "/__motia/streams/item/{}/g/i",
    "/__motia/state/value?group={}&key={}",
    "/__motia/stream-groups/{}",
    "/__motia/recorded/{}",
    "/{}",
)
FILES = (".env", ".motia/data/db/data.mdb", ".motia/data/db/lock.mdb", "steps/ping_step.py")


def spellings(file: str) -> Iterator[str]:
    """The ways to write a path that leads out, each of which has opened a server once."""
    for depth in (0, 1, 3, 8):
        plain = "../" * depth + file
        yield plain
        yield plain.replace("..", "%2e%2e")
        yield plain.replace("/", "%2f")
        yield plain.replace("..", "%252e%252e")
        yield plain.replace("/", "%5c")
        yield plain.replace("/", "\\")
        yield plain + "%00.html"
        yield plain.replace("../", "....//")
        yield plain.replace("..", "%c0%ae%c0%ae")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"steps/ping_step.py": STEP, ".env": f"DATABASE_PASSWORD={SECRET}\n"}
    return write_project(tmp_path_factory.mktemp("exposure") / "project", files)


@pytest.fixture(scope="module")
def dev(project: Path) -> Iterator[Server]:
    with Server(project, env={"MOTIA_DEV": "on"}) as server:
        yield server
        server.stop_cleanly()


def test_no_spelling_of_a_path_leads_to_a_file(dev: Server, project: Path) -> None:
    names = [one for file in FILES for one in spellings(file)]
    names += [quote(str(project / ".env"), safe=""), str(project / ".env"), "/etc/passwd"]
    names += ["..%2f" * 12 + "etc%2fpasswd", "../" * 12 + "etc/passwd"]
    with dev.client() as client:
        asked = [(place, name) for place in PLACES for name in names]
        answers = {one: client.get(one[0].replace("{}", one[1])) for one in asked}

    shown = [
        one
        for one, answer in answers.items()
        if any(part in answer.body for part in (SECRET.encode(), b"root:", b"async def", b"LMDB"))
    ]
    assert shown == []
    assert {one: answer for one, answer in answers.items() if answer.status >= 500} == {}
    assert len(answers) > 1_000


def bare(answer: Answer) -> bool:
    """It says nothing but that it refuses."""
    return set(answer.json) == {"error"} and SECRET not in str(answer)


def test_without_the_token_nothing_of_the_inside_is_shown_or_changed(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/ping_step.py": STEP})
    with Server(project, env={"MOTIA_CONTROL_TOKEN": SECRET}) as server, server.client() as client:
        for method, path in CONTROL:
            body: object = {} if method == "POST" else None
            none = client.ask(method, path, body)
            wrong = client.ask(method, path, body, headers={"authorization": "Bearer x"})
            right = client.ask(method, path, body, headers={"authorization": f"Bearer {SECRET}"})

            assert (none.status, wrong.status) == (401, 403), path
            assert bare(none), path
            assert bare(wrong), path
            assert right.status not in (401, 403, 405), path
        assert client.get("/ping").status == 200
        assert SECRET not in server.log()
        server.stop_cleanly()


def test_without_dev_and_token_the_inside_is_not_there(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/ping_step.py": STEP})
    with Server(project) as server, server.client() as client:
        found = {path: client.ask(method, path).status for method, path in CONTROL}
        found["/__workbench"] = client.get("/__workbench").status

        assert set(found.values()) == {404}, found


HOSTILE = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://[::1"},
    {"host": "localhost:evil"},
    {"host": "evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "evil.example:80", "origin": "http://evil.example:80"},
    {"x-forwarded-for": "203.0.113.9"},
    {"forwarded": "for=203.0.113.9"},
]


@pytest.mark.parametrize("headers", HOSTILE, ids=str)
def test_a_page_of_another_machine_reaches_nothing_of_dev(
    dev: Server, headers: dict[str, str]
) -> None:
    with dev.client() as client:
        for method, path in CONTROL:
            body: object = {} if method == "POST" else None
            answer = client.ask(method, path, body, headers=headers)
            assert answer.status in (401, 403), (method, path)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_page_changes_nothing_in_dev(dev: Server, media_type: str) -> None:
    with dev.client() as client:
        for path in (path for method, path in CONTROL if method == "POST"):
            answer = client.ask("POST", path, b"{}", headers={"content-type": media_type})
            assert answer.status == 415, path


def test_a_preflight_pairs_no_star_with_credentials_and_opens_no_private_network(
    dev: Server,
) -> None:
    asked = {
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-private-network": "true",
    }
    with dev.client() as client:
        for path in ("/ping", "/emit", "/__motia/state"):
            headers = client.ask("OPTIONS", path, headers=asked).headers
            assert headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in headers
            assert "access-control-allow-private-network" not in headers


def test_answers_of_ours_say_what_a_browser_may_make_of_them(dev: Server) -> None:
    for path in ("/__workbench", "/openapi"):
        headers = dev.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    for path in ("/__motia/state", "/metrics", "/openapi.json"):
        headers = dev.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("command", ["dev", "start"])
def test_by_default_it_listens_on_loopback_alone(tmp_path: Path, command: str) -> None:
    project = write_project(tmp_path / "project", {"steps/ping_step.py": STEP})
    port = free_port()
    log = tmp_path / "log"
    arguments = [sys.executable, "-m", "motia_actors", command, "--project", str(project)]
    with log.open("wb") as out:
        process = subprocess.Popen([*arguments, "--port", str(port)], stdout=out, stderr=out)
    try:
        bound = wait_until(lambda: _listens_on(port), what="it listens")
    finally:
        process.terminate()
        process.wait(20.0)

    assert bound <= {"127.0.0.1", "::1"}, log.read_text()


def _listens_on(port: int) -> set[str]:
    """The addresses that somebody listens on at the port, from the kernel's table."""
    found = set()
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                words = [bytes.fromhex(word)[::-1] for word in re.findall("." * 8, address)]
                found.add(socket.inet_ntop(family, b"".join(words)))
    return found
