"""Requests made to harm, against a real server: refused by their fault, at a bounded cost."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.battery.crew import new_seed, note
from tests.e2e.server import OWN, Server, workers, write_project

pytestmark = pytest.mark.slow

BODY_BYTES_MAX = 4 << 20
GROWTH_BYTES_MAX = 96 << 20  # 20 MB on a quiet machine; threads that wait hold their bodies.
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'

STEPS = {
    "steps/keep_step.py": (
        'config = {"name": "Keep", "type": "api", "path": "/keep", "method": "POST", "emits": []}\n'
        "async def handler(req, context):\n"
        '    await context.state.set("kept", "last", req["body"])\n'
        '    kept = await context.state.get("kept", "last")\n'
        '    return {"status": 200, "body": kept}\n'
    ),
    "steps/echo_step.py": (
        'config = {"name": "Echo", "type": "api", "path": "/echo", "method": "GET", "emits": []}\n'
        "async def handler(req, context):\n"
        '    said = req["queryParams"]["said"]\n'
        '    return {"status": 200, "headers": {"x-said": said}, "body": {"ok": True}}\n'
    ),
}

# What is sent, its type and coding, and the statuses it may have.
BODIES: dict[str, tuple[bytes, str, str, set[int]]] = {
    "deep": (b"[" * 100_000 + b"]" * 100_000, JSON, "", {400}),
    "deep and open": (b'{"a":' * 100_000, JSON, "", {400}),
    "a number of 10,000 digits": (b"[" + b"9" * 10_000 + b"]", JSON, "", {200, 400}),
    "a power without end": (b"[1e999999]", JSON, "", {200, 400}),
    "not a number": (b'{"a": NaN}', JSON, "", {400}),
    "infinity": (b'{"a": -Infinity}', JSON, "", {400}),
    "a key twice": (b'{"a": 1, "a": 2}', JSON, "", {200, 400}),
    "half a character": (b'["\\ud800"]', JSON, "", {200, 400}),
    "bytes that are no text": (b'["\xff\xfe"]', JSON, "", {400}),
    "cut off": (b'{"a":', JSON, "", {400}),
    "another charset": (b"[]", f"{JSON}; charset=utf-7", "", {200, 400, 415}),
    "100,000 keys": (json.dumps({str(n): n for n in range(100_000)}).encode(), JSON, "", {200}),
    "over the limit": (b'["' + b"a" * (BODY_BYTES_MAX + 1) + b'"]', JSON, "", {413}),
    "a gzip bomb": (gzip.compress(bytes(200 << 20)), JSON, "gzip", {413}),
    "a bomb in a bomb": (gzip.compress(gzip.compress(bytes(200 << 20))), JSON, "gzip", {400}),
    "gzip that is none": (b"[]", JSON, "gzip", {400}),
    "gzip of many members": (gzip.compress(b" ") * 20_000, JSON, "gzip", {400}),
    "two codings": (b"[]", JSON, "gzip, gzip", {415}),
    "10,000 parts": (PART * 10_000 + b"--b--", MULTIPART, "", {413}),
    "a part without an end": (PART.replace(b"\r\n\r\n", b"\r\n" * 1), MULTIPART, "", {400}),
    "no boundary": (PART, "multipart/form-data", "", {400}),
    "100,000 fields": (b"a=1&" * 100_000, "application/x-www-form-urlencoded", "", {413}),
    "brackets": (b"a" + b"[a]" * 20_000, "application/x-www-form-urlencoded", "", {200, 400}),
}


@pytest.fixture(scope="module", params=[OWN, "gthread"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("hostile") / "project", STEPS)
    env = {"MOTIA_BODY_MAX": str(BODY_BYTES_MAX)}
    with Server(project, options=workers(request.param, 1), env=env) as server:
        yield server
        server.stop_cleanly()


def resident_bytes(pid: int, name: str) -> int:
    """VmRSS or VmHWM, the most there ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) << 10


def status_of(server: Server, name: str) -> int:
    """The status of one of BODIES; a server that refuses may close before all is sent."""
    data, media_type, coding, _ = BODIES[name]
    headers = {"content-type": media_type} | ({"content-encoding": coding} if coding else {})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20.0)
    try:
        connection.putrequest("POST", "/keep")
        for header, value in {**headers, "content-length": str(len(data))}.items():
            connection.putheader(header, value)
        connection.endheaders()
        # What it answered before it closed is still there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.send(data)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_body_of_any_shape_is_refused_by_its_fault_and_memory_stays_flat(
    server: Server,
) -> None:
    assert server.post("/keep", {"warm": True}).status == 200
    [pid] = server.workers()
    before = resident_bytes(pid, "VmRSS")

    got = {name: status_of(server, name) for _ in range(3) for name in BODIES}

    assert {name: got[name] for name, (*_, may) in BODIES.items() if got[name] not in may} == {}
    grown, peak = (resident_bytes(pid, name) - before for name in ("VmRSS", "VmHWM"))
    note(f"{3 * len(BODIES)} bodies: {grown >> 20} MB more, {peak >> 20} MB at the peak")
    assert grown < GROWTH_BYTES_MAX
    assert peak < GROWTH_BYTES_MAX + 8 * BODY_BYTES_MAX
    assert server.workers() == [pid]


def test_no_bytes_for_a_body_are_a_fault_of_the_server(server: Server) -> None:
    send_garbage(server, 300, seed=31)


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_so_it_is_for_thousands_of_bodies(server: Server) -> None:
    send_garbage(server, 10_000, seed=new_seed())


def send_garbage(server: Server, count: int, *, seed: int) -> None:
    """Send so many bodies with some bytes changed, under any content type."""
    dice = random.Random(seed)
    seeds = [b'{"a": [1, "\\u00e9", null]}', PART + b"--b--", gzip.compress(b"[]"), b"a=1&b[c]=2"]
    kinds = (JSON, MULTIPART, "application/x-www-form-urlencoded", "text/plain", "x/y", "")
    statuses = set()
    with server.client() as client:
        for _ in range(count):
            data = bytearray(dice.choice(seeds))
            for _ in range(dice.randrange(4)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            headers = {"content-type": dice.choice(kinds)}
            headers |= dice.choice([{}, {"content-encoding": "gzip"}])
            answer = client.ask("POST", "/keep", bytes(data), headers=headers)
            statuses.add(answer.status)
            assert answer.status < 500, (bytes(data), headers, answer)

    assert statuses >= {200, 400}


@pytest.mark.parametrize(
    "said", ["a\r\nset-cookie: x=1", "a\nset-cookie: x=1", "a\rb", "a\0b", "\r\n\r\n<html>"]
)
def test_a_handlers_header_is_never_split_in_two(server: Server, said: str) -> None:
    answer = server.get(f"/echo?said={quote(said)}")

    assert answer.status == 500
    assert "set-cookie" not in answer.headers
    assert "x-said" not in answer.headers
    assert answer.json == {"error": "Internal server error"}


@pytest.mark.parametrize("name", ["__class__", "__init__", "__proto__", "constructor", "__dict__"])
def test_names_of_the_languages_insides_are_plain_data(server: Server, name: str) -> None:
    value = {name: {"polluted": True, name: [1]}}

    answer = server.post("/keep", value)

    assert answer.status == 200
    assert answer.json == value
    assert server.post("/keep", {"a": 1}).json == {"a": 1}
