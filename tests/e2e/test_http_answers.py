"""Streams, uploads, rate limits, files and middleware on the real server, by kind of worker."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Answer, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

BEGIN = {
    "py": "from motia_actors.http import cookie, events, redirect\n",
    "ts": "import { cookie, events, redirect } from 'motia'\n",
    "js": "const { cookie, events, redirect } = require('motia')\n",
}
PYTHON = (
    BEGIN["py"]
    + """
import asyncio, os
config = {"type": "api", "name": "All", "path": "/py/:what", "method": "POST", "emits": []}
async def numbers(req, end=None):
    try:
        number = 0
        while end is None or number < end:
            yield f"{number}\\n" + "." * int(req.query.get("size", 0))
            number += 1
        if req.query.get("fail"):
            raise ValueError("no more")
    finally:
        open("ended-py", "w").close()
async def waiting():
    try:
        yield {"event": "hello", "data": {"a": 1}}
        await asyncio.sleep(3600)
    finally:
        open("ended-py", "w").close()
async def handler(req, context):
    match req.params["what"]:
        case "count":
            return {"status": 200, "body": numbers(req, int(req.query["end"]))}
        case "endless":
            return {"status": 200, "body": numbers(req)}
        case "events":
            return events(waiting())
        case "bytes":
            kind = {"content-type": "image/x"}
            return {"status": 200, "body": bytes(range(256)), "headers": kind}
        case "go":
            return redirect("/there", 303, cookies=[cookie("a", req.cookies.get("b", ""))])
        case "inject":
            return {"status": 200, "headers": {"x-a": "1\\r\\nset-cookie: evil=1"}, "body": ""}
        case "upload":
            file = req.body["f"]
            size = len(file["data"]) if file["path"] is None else os.path.getsize(file["path"])
            return {"status": 200, "body": {**file, "data": None, "seen": size, "t": req.body["t"]}}
        case "hold":
            open("holding", "w").write(req.body["f"]["path"])
            await asyncio.sleep(3600)
"""
)
NODE = """
const { statSync, writeFileSync } = CALL
CONFIG = { type: 'api', name: 'NAME', path: '/NAME/:what', method: 'POST', emits: [] }
async function* numbers(req, end = Infinity) {
  try {
    for (let number = 0; number < end; number++) yield `${number}\\n` + '.'.repeat(Number(req.query.size ?? 0))
    if (req.query.fail) throw new Error('no more')
  } finally { writeFileSync('ended-NAME', '') }
}
async function* waiting(signal) {
  try {
    yield { event: 'hello', data: { a: 1 } }
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  } finally { writeFileSync('ended-NAME', '') }
}
HANDLER = async (req, ctx) => {
  const file = req.body.f
  switch (req.params.what) {
    case 'count': return { status: 200, body: numbers(req, Number(req.query.end)) }
    case 'endless': return { status: 200, body: numbers(req) }
    case 'events': return events(waiting(ctx.signal))
    case 'bytes': return { status: 200, body: Buffer.from([...Array(256).keys()]), headers: { 'content-type': 'image/x' } }
    case 'go': return redirect('/there', 303, { cookies: [cookie('a', req.cookies.b ?? '')] })
    case 'inject': return { status: 200, headers: { 'x-a': '1\\r\\nset-cookie: evil=1' }, body: '' }
    case 'upload': return { status: 200, body: { ...file, data: null, seen: file.data?.length ?? statSync(file.path).size, t: req.body.t } }
  }
}
"""  # noqa: E501 (of another language)
TYPESCRIPT = BEGIN["ts"] + (
    NODE.replace("const { statSync, writeFileSync } = CALL",
                 "import { statSync, writeFileSync } from 'node:fs'")
    .replace("CONFIG", "export const config").replace("HANDLER", "export const handler")
    .replace("NAME", "ts")
)  # fmt: skip
JAVASCRIPT = BEGIN["js"] + (
    NODE.replace("CALL", "require('node:fs')").replace("CONFIG", "exports.config")
    .replace("HANDLER", "exports.handler").replace("NAME", "js")
)  # fmt: skip
LIMITED = """
config = {"type": "api", "name": "Limited", "path": "/limited", "method": "GET", "emits": [],
          "infrastructure": {"rateLimit": {"limit": 20, "period": 3600}}}
def handler(req, context):
    return {"status": 200, "body": "ok"}
"""
CONFIG = """
async def tag(req, context, next_fn):
    if "x-refuse" in req.headers:
        return {"status": 401, "body": {"error": "not you"}}
    answer = await next_fn()
    return {**answer, "headers": {**(answer.get("headers") or {}), "x-tag": "shared"}}
config = {"middleware": [tag]}
"""
FILES = {
    "steps/all_step.py": PYTHON,
    "steps/all.step.ts": TYPESCRIPT,
    "steps/plain.step.js": JAVASCRIPT,
    "steps/limited_step.py": LIMITED,
    "motia_config.py": CONFIG,
    "public/index.html": "home",
    "public/large.txt": "0123456789" * 50_000,
}
ENV = {"MOTIA_STATIC": "public", "MOTIA_UPLOAD_MEMORY": "1K"}
LANGUAGES = ("py", "ts", "js")


@pytest.fixture(scope="module", params=[OWN, "gthread", "sync"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("answers") / "project", FILES)
    with Server(project, options=workers(request.param, 1), env=ENV) as server:
        yield server
        server.stop_cleanly()


@pytest.fixture(params=LANGUAGES)
def base(request: pytest.FixtureRequest) -> str:
    return f"/{request.param}"


def post(server: Server, path: str, **headers: str) -> Answer:
    with server.client() as client:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.ask("POST", path, b"", headers=sent)


def send(server: Server, path: str, data: bytes = b"", **headers: str) -> socket.socket:
    """Send a request and read nothing yet."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    head = {"content-length": str(len(data)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode() + data)
    return connection


def read_until(connection: socket.socket, text: bytes) -> bytes:
    data = b""
    while text not in data:
        more = connection.recv(65536)
        assert more, data
        data += more
    return data


def form(data: bytes) -> tuple[bytes, str]:
    parts = (
        b'--B\r\nContent-Disposition: form-data; name="t"\r\n\r\nhello\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n'
        b"Content-Type: application/x\r\n\r\n" + data + b"\r\n--B--\r\n"
    )
    return parts, "multipart/form-data; boundary=B"


def test_a_body_is_streamed_to_its_end(server: Server, base: str) -> None:
    answer = post(server, f"{base}/count?end=500&size=100")

    assert answer.status == 200
    assert answer.body.replace(b".", b"").split() == [b"%d" % number for number in range(500)]


def test_a_connection_is_kept_after_a_stream(server: Server, base: str) -> None:
    with server.client() as client:
        answers = [client.ask("POST", f"{base}/count?end=3", b"") for _ in range(2)]

    assert [answer.body for answer in answers] == [b"0\n1\n2\n"] * 2


def test_bytes_are_bytes(server: Server, base: str) -> None:
    answer = post(server, f"{base}/bytes")

    assert (answer.body, answer.headers["content-type"]) == (bytes(range(256)), "image/x")


def test_a_body_that_breaks_off_is_no_whole_one(server: Server, base: str) -> None:
    with pytest.raises(http.client.IncompleteRead):
        post(server, f"{base}/count?end=3&fail=1")
    assert "no more" in server.log()


def test_a_client_that_goes_closes_the_generator(server: Server, base: str) -> None:
    ended = server.project / f"ended-{base[1:]}"
    ended.unlink(missing_ok=True)
    connection = send(server, f"{base}/endless?size=1000")
    read_until(connection, b"1\n")

    connection.close()

    wait_until(ended.exists, what="the generator is closed")


def test_a_client_that_does_not_read_holds_the_generator_up(server: Server, base: str) -> None:
    with send(server, f"{base}/count?end=200000&size=1000") as connection:
        read_until(connection, b"0\n")
        ended = server.project / f"ended-{base[1:]}"
        ended.unlink(missing_ok=True)
        # A body of 200 MB would be made within seconds, and fits into no buffer.
        with pytest.raises(AssertionError):
            wait_until(ended.exists, what="it runs on", limit_s=0.5)
    wait_until(ended.exists, what="the generator is closed")


def test_events_come_when_they_are_made(server: Server, base: str) -> None:
    with send(server, f"{base}/events") as connection:
        data = read_until(connection, b'event: hello\ndata: {"a":1}\n\n')

    assert b"content-type: text/event-stream" in data.lower()


def test_a_listener_that_goes_ends_its_events(server: Server, base: str) -> None:
    ended = server.project / f"ended-{base[1:]}"
    ended.unlink(missing_ok=True)
    connection = send(server, f"{base}/events")
    read_until(connection, b"hello")

    connection.close()

    wait_until(ended.exists, what="the generator is closed")


def test_cookies_and_redirects(server: Server, base: str) -> None:
    answer = post(server, f"{base}/go", cookie="b=x%20y; c=1")

    assert (answer.status, answer.headers["location"]) == (303, "/there")
    assert answer.headers["set-cookie"] == "a=x%20y; Path=/; HttpOnly; SameSite=Lax"


def test_a_header_with_a_line_break_is_not_sent(server: Server, base: str) -> None:
    answer = post(server, f"{base}/inject")

    assert answer.status == 500
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_a_file_arrives_whole_and_is_gone_afterwards(server: Server, base: str, size: int) -> None:
    body, kind = form(os.urandom(size))
    with server.client() as client:
        answer = client.ask("POST", f"{base}/upload", body, headers={"content-type": kind})

    seen = answer.json
    assert (seen["size"], seen["seen"], seen["t"], seen["filename"]) == (
        size,
        size,
        "hello",
        "a.bin",
    )
    assert (seen["path"] is None) == (size == 100)
    if seen["path"]:
        wait_until(lambda: not Path(seen["path"]).exists(), what="the file is removed")


def test_middleware_of_the_project_is_around_every_step(server: Server, base: str) -> None:
    assert post(server, f"{base}/bytes").headers["x-tag"] == "shared"
    assert post(server, f"{base}/count?end=1").headers["x-tag"] == "shared"
    assert post(server, f"{base}/bytes", x_refuse="1").status == 401


def test_files_are_served_and_steps_go_first(server: Server) -> None:
    with server.client() as client:
        page = client.get("/")
        part = client.ask("GET", "/large.txt", headers={"range": "bytes=10-13"})
        whole = client.get("/large.txt")

    assert page.body == b"home"
    assert (part.status, part.body) == (206, b"0123")
    assert len(whole.body) == 500_000


def test_a_limit_counts_over_all_workers(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/limited_step.py": LIMITED})
    with Server(project, options=workers(OWN, 3)) as server:
        statuses = [server.get("/limited").status for _ in range(40)]
        server.kill()
        server.start()
        after = server.get("/limited")

    assert statuses == [200] * 20 + [429] * 20
    # A restart is no way around it.
    assert after.status == 429
    assert int(after.headers["retry-after"]) > 100


def test_files_of_a_killed_server_are_removed_at_the_next_start(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/all_step.py": PYTHON})
    with Server(project, env=ENV) as server:
        body, kind = form(bytes(100_000))
        with send(server, "/py/hold", body, **{"content-type": kind}):
            holding = project / "holding"
            wait_until(lambda: holding.exists() and holding.read_text(), what="it holds a file")
            path = Path(holding.read_text())
            assert path.stat().st_size == 100_000
            server.kill()
        assert path.exists()
        server.start()

        assert not path.exists()


def test_a_large_upload_is_flat_in_memory(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/all_step.py": PYTHON})
    with Server(project) as server:
        small, kind = form(bytes(2_000_000))
        large, _ = form(bytes(100_000_000))
        with server.client() as client:
            for body in (small, large):
                answer = client.ask("POST", "/py/upload", body, headers={"content-type": kind})
                assert answer.status == 200
                peak = peak_bytes(server)
                if body is small:
                    before = peak

    assert peak - before < 30_000_000


def peak_bytes(server: Server) -> int:
    """The most memory that the worker has held so far."""
    [pid] = server.workers()
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def test_a_stop_does_not_wait_for_listeners(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", {"steps/all_step.py": PYTHON})
    with Server(project) as server, send(server, "/py/events") as connection:
        read_until(connection, b"hello")
        begun_s = time.monotonic()

        server.stop_cleanly()

    assert time.monotonic() - begun_s < 10.0


IN_NODE = """
export default { middleware: [async (req, ctx, next) => {
  if (req.headers['x-refuse']) return { status: 401, body: {} }
  if (req.headers['x-change']) req.body = { changed: true }
  try {
    const answer = await next()
    if (req.headers['x-drop']) return { status: 403, body: {} }
    return { ...answer, headers: { ...answer.headers, 'x-tag': 'node' } }
  } catch (error) {
    if (req.headers['x-catch']) return { status: 409, body: { caught: error.message } }
    throw error
  }
}] }
"""
ECHO = """
config = {"type": "api", "name": "Echo", "path": "/echo", "method": "POST", "emits": []}
def handler(req, context):
    if "x-fail" in req.headers:
        raise ValueError("as asked")
    context.state.set("seen", "body", req.body)
    return {"status": 200, "body": context.state.get("seen", "body")}
"""


def test_middleware_in_typescript_is_around_the_steps_of_every_language(tmp_path: Path) -> None:
    apart = ECHO.replace('"emits": []', '"emits": [], "infrastructure": {"isolation": "process"}')
    files = {
        "steps/all_step.py": PYTHON,
        "steps/all.step.ts": TYPESCRIPT,
        "steps/echo_step.py": ECHO,
        "steps/isolated_step.py": apart.replace("/echo", "/isolated"),
        "motia.config.ts": IN_NODE,
    }
    with Server(write_project(tmp_path / "project", files)) as server:
        for base in ("/ts", "/py"):
            assert post(server, f"{base}/bytes").body == bytes(range(256))
            assert post(server, f"{base}/bytes").headers["x-tag"] == "node"
            assert post(server, f"{base}/bytes", x_refuse="1").status == 401
            assert post(server, f"{base}/count?end=3").body == b"0\n1\n2\n"
            assert post(server, f"{base}/endless", x_drop="1").status == 403
            for size in (100, 100_000, 3_000_000):
                body, kind = form(os.urandom(size))
                headers = {"content-type": kind}
                with server.client() as client:
                    sent = client.ask("POST", f"{base}/upload", body, headers=headers)
                assert (sent.status, sent.json["seen"]) == (200, size)
        for path in ("/echo", "/isolated"):
            assert post(server, path, x_change="1").json == {"changed": True}
            assert post(server, path, x_fail="1").status == 500
            caught = post(server, path, x_fail="1", x_catch="1")
            assert (caught.status, caught.json) == (409, {"caught": "ValueError: as asked"})
        assert '"kind":"ValueError"' in server.log()
        server.stop_cleanly()


@pytest.mark.parametrize(
    "text", ["config = {'middleware': nothing}", "config = {'middleware': [7]}"]
)
def test_a_broken_guard_lets_nobody_in(tmp_path: Path, text: str) -> None:
    files = {"steps/all_step.py": PYTHON, "motia_config.py": text}
    with Server(write_project(tmp_path / "project", files)) as server:
        assert post(server, "/py/bytes").status == 404
        assert json.dumps("motia_config.py")[1:-1] in server.log()
