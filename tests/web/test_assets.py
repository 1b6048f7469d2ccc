"""Files for browsers: which are sent, how they are kept, and what else is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from falcon.testing import TestClient

from motia_actors.web.api import Front, WebSettings
from motia_actors.web.assets import Assets
from tests.web.front import Steps

SCRIPT = b"console.log(1)\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "static"


@pytest.fixture
def client(folder: Path) -> TestClient:
    steps = Steps()
    front = Front(
        WebSettings(),
        asker=steps,
        new_trace_id=lambda: "A",
        log=steps.log,
        reserved=Assets(folder).routes("/__workbench"),
    )
    return TestClient(front.app)


def build(folder: Path) -> None:
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>bench</title>", "utf-8")
    (folder / "assets" / "main-1a2b.js").write_bytes(SCRIPT)
    (folder / "stamp.txt").write_text("of the build", "utf-8")
    (folder.parent / "secret.html").write_text("secret", "utf-8")


def test_the_page_is_asked_for_anew_and_its_named_files_are_kept(
    folder: Path, client: TestClient
) -> None:
    build(folder)

    page, script = (
        client.simulate_get(f"/__workbench{path}") for path in ("", "/assets/main-1a2b.js")
    )

    assert (page.text, page.headers["cache-control"]) == ("<title>bench</title>", "no-cache")
    assert script.content == SCRIPT
    assert "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"].startswith("text/javascript")


def test_a_browser_that_has_it_gets_nothing_again(folder: Path, client: TestClient) -> None:
    build(folder)
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        etag = client.simulate_get("/__workbench/assets/main-1a2b.js", headers=headers).headers[
            "etag"
        ]

        again = client.simulate_get(
            "/__workbench/assets/main-1a2b.js", headers={**headers, "If-None-Match": etag}
        )

        assert (again.status_code, again.content) == (304, b"")


def test_it_is_packed_for_who_can_unpack(folder: Path, client: TestClient) -> None:
    build(folder)
    result = client.simulate_get(
        "/__workbench/assets/main-1a2b.js", headers={"Accept-Encoding": "br, gzip"}
    )
    assert result.headers["content-encoding"] == "gzip"
    assert gzip.decompress(result.content) == SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/..%2fsecret.html",
        "/assets/..%2f..%2fsecret.html",
        "/assets/%2e%2e/%2e%2e/secret.html",
        "/%2fetc%2fpasswd",
        "/stamp.txt",
        "/assets",
        "/nothing.js",
    ],
)
def test_nothing_else_is_sent(folder: Path, client: TestClient, path: str) -> None:
    build(folder)
    result = client.simulate_get(f"/__workbench{path}")
    assert result.status_code == 404
    assert "secret" not in result.text


def test_every_answer_says_what_a_page_may_do(folder: Path, client: TestClient) -> None:
    missing = client.simulate_get("/__workbench")
    build(folder)
    for result in (missing, client.simulate_get("/__workbench")):
        assert "default-src 'none'" in result.headers["content-security-policy"]
        assert "unsafe" not in result.headers["content-security-policy"]
        assert result.headers["x-content-type-options"] == "nosniff"
        assert result.headers["x-frame-options"] == "DENY"


def test_without_a_build_the_page_says_why_and_what_to_do_until_there_is_one(
    folder: Path, client: TestClient
) -> None:
    folder.mkdir()
    (folder / "problem.txt").write_text("npm ci: <no network>", "utf-8")

    result = client.simulate_get("/__workbench")

    assert result.status_code == 503
    assert "npm ci: &lt;no network&gt;" in result.text
    assert "make workbench" in result.text
    build(folder)
    assert client.simulate_get("/__workbench").status_code == 200
