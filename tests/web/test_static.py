"""Static files: what is sent, in which part, and what never is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from falcon.testing import Result, TestClient

from motia_actors.web.api import Front, WebSettings
from motia_actors.web.static import PIECE_BYTES, StaticFiles, is_held, range_of, type_of
from tests.web.front import Steps, answering

LARGE = bytes(range(256)) * 600


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "public"
    (root / "sub").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "index.html").write_text("home")
    (root / "sub" / "index.html").write_text("sub")
    (root / "app.js").write_text("js")
    (root / "a b.txt").write_text("spaced")
    (root / "large.bin").write_bytes(LARGE)
    (root / ".env").write_text("secret")
    (root / ".git" / "config").write_text("secret")
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to("app.js")
    (root / "out.txt").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "shown.txt").symlink_to(".env")
    os.mkfifo(root / "pipe")
    return root


def client(folder: Path, prefix: str = "/", *, has_fallback: bool = False) -> TestClient:
    steps = Steps()
    files = StaticFiles(folder, prefix, has_fallback=has_fallback)
    front = Front(
        WebSettings(), asker=steps, new_trace_id=lambda: "ABCDE-1234567", log=steps.log,
        fallback=files.routes(),
    )  # fmt: skip
    steps.add("GET", "/sub/step", answering({"status": 200, "body": "step"}))
    front.mount(steps.routes)
    return TestClient(front.app)


def get(folder: Path, path: str, **headers: str) -> Result:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return client(folder).simulate_get(path, headers=sent)


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/", "home", "text/html; charset=utf-8"),
        ("/index.html", "home", "text/html; charset=utf-8"),
        ("/sub/", "sub", "text/html; charset=utf-8"),
        ("/app.js", "js", "text/javascript; charset=utf-8"),
        ("/a%20b.txt", "spaced", "text/plain; charset=utf-8"),
        ("/link.txt", "js", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_is_sent_with_its_type(folder: Path, path: str, text: str, kind: str) -> None:
    answer = get(folder, path)

    assert (answer.status_code, answer.text) == (200, text)
    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/.env", "/.git/config", "/out.txt", "/up/outside.txt", "/shown.txt", "/pipe",
     "/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt", "/sub/../../outside.txt",
     "/..%5coutside.txt", "/app.js%00.txt", "//etc/passwd", "/%2fetc/passwd", "/app.js/",
     "/sub//index.html"],
)  # fmt: skip
def test_what_is_hidden_or_outside_is_a_404(folder: Path, path: str) -> None:
    answer = get(folder, path)

    assert answer.status_code in (400, 404)
    assert "secret" not in answer.text


def test_a_folder_gets_its_slash(folder: Path) -> None:
    answer = client(folder).simulate_get("/sub", query_string="a=1")

    assert (answer.status_code, answer.headers["location"]) == (308, "/sub/?a=1")
    # Two slashes at the beginning would send the client to a host of that name.
    assert client(folder).simulate_get("//sub").headers["location"] == "/sub/"


def test_steps_and_health_go_before_files(folder: Path) -> None:
    (folder / "healthz").write_text("file")

    assert get(folder, "/sub/step").text == "step"
    assert get(folder, "/healthz").text != "file"


def test_files_are_below_their_prefix_alone(folder: Path) -> None:
    asked = client(folder, "/assets")

    assert asked.simulate_get("/assets/app.js").text == "js"
    assert asked.simulate_get("/assets").text == "home"
    assert asked.simulate_get("/app.js").status_code == 404
    assert asked.simulate_get("/assetsapp.js").status_code == 404


def test_the_fallback_answers_paths_of_the_application_and_no_missing_file(folder: Path) -> None:
    asked = client(folder, has_fallback=True)

    assert asked.simulate_get("/orders/7").text == "home"
    assert asked.simulate_get("/missing.js").status_code == 404
    assert client(folder).simulate_get("/orders/7").status_code == 404


def test_a_large_file_is_sent_in_pieces(folder: Path) -> None:
    assert len(LARGE) > PIECE_BYTES
    answer = get(folder, "/large.bin")

    assert answer.content == LARGE
    assert answer.headers["content-length"] == str(len(LARGE))


def test_head_tells_the_length(folder: Path) -> None:
    answer = client(folder).simulate_head("/large.bin")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(LARGE))


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=100-299", 206, 100, 300),
        ("bytes=153000-", 206, 153_000, len(LARGE)),
        ("bytes=-5", 206, len(LARGE) - 5, len(LARGE)),
        ("bytes=0-99999999", 206, 0, len(LARGE)),
        ("bytes=5-2", 200, 0, len(LARGE)),
        ("bytes=0-1,5-6", 200, 0, len(LARGE)),
        ("lines=0-1", 200, 0, len(LARGE)),
    ],
)
def test_a_range_is_a_part(folder: Path, asked: str, status: int, start: int, end: int) -> None:
    answer = get(folder, "/large.bin", range=asked)

    assert (answer.status_code, answer.content) == (status, LARGE[start:end])
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"


@pytest.mark.parametrize("asked", ["bytes=153600-", "bytes=-0", "bytes=999999-9999999"])
def test_a_range_outside_of_the_file_is_a_416(folder: Path, asked: str) -> None:
    answer = get(folder, "/large.bin", range=asked)

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(LARGE)}"


def test_a_range_of_another_version_is_answered_whole(folder: Path) -> None:
    etag = get(folder, "/large.bin").headers["etag"]

    assert get(folder, "/large.bin", range="bytes=0-1", if_range=etag).status_code == 206
    assert get(folder, "/large.bin", range="bytes=0-1", if_range='"old"').status_code == 200


def test_what_the_client_holds_is_a_304_until_it_changes(folder: Path) -> None:
    first = get(folder, "/app.js")
    etag, modified = first.headers["etag"], first.headers["last-modified"]

    assert get(folder, "/app.js", if_none_match=f'"x", {etag}').status_code == 304
    assert get(folder, "/app.js", if_modified_since=modified).status_code == 304
    (folder / "app.js").write_text("changed")
    assert get(folder, "/app.js", if_none_match=etag).text == "changed"


def test_the_tag_goes_before_the_date() -> None:
    headers = {
        "HTTP_IF_NONE_MATCH": '"other"',
        "HTTP_IF_MODIFIED_SINCE": "Thu, 01 Jan 2099 00:00:00 GMT",
    }

    assert not is_held(headers, '"mine"', 0)
    assert not is_held({"HTTP_IF_MODIFIED_SINCE": "yesterday"}, '"mine"', 0)


def test_who_wants_the_file_as_it_was_gets_no_other(folder: Path) -> None:
    etag = get(folder, "/app.js").headers["etag"]
    changed = [
        {"If_Match": '"another"'},
        {"If_Match": f"W/{etag}"},
        {"If_Match": '"another"', "Range": "bytes=0-0", "If_None_Match": etag},
        {"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ]
    same = [
        {"If_Match": f'"another", {etag}'},
        {"If_Match": "*"},
        {"If_Match": etag, "If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If_Unmodified_Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
        {"If_Unmodified_Since": "yesterday"},
    ]

    assert [get(folder, "/app.js", **headers).status_code for headers in changed] == [412] * 4
    assert [get(folder, "/app.js", **headers).status_code for headers in same] == [200] * 5


def test_an_empty_file_has_no_ranges() -> None:
    with pytest.raises(ValueError, match="no byte"):
        range_of("bytes=0-", 0)


def test_names_have_types() -> None:
    names = ["a.css", "a.woff2", "a.unknown", "a.tar.gz", "a.png", "noending"]

    assert [type_of(name) for name in names] == [
        "text/css; charset=utf-8", "font/woff2", "application/octet-stream",
        "application/octet-stream", "image/png", "application/octet-stream",
    ]  # fmt: skip
