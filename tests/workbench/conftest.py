from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.e2e.browser import chromium
from tests.e2e.server import EXAMPLES, Server, copy_project
from tests.npm import install
from tests.workbench.life import live_a_little
from tests.workbench.project import write_large_project

SEEN_MS_MAX = 20_000
AXE = {"name": "axe", "private": True, "dependencies": {"axe-core": "4.14.1"}}

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = copy_project(EXAMPLES / "orders", tmp_path_factory.mktemp("bench") / "orders")
    with Server(project, via="dev", options=()) as server:
        live_a_little(server)
        yield server


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = write_large_project(tmp_path_factory.mktemp("bench") / "large")
    with Server(project, via="dev", options=()) as server:
        yield server


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a panel of a server's workbench; a page that reports an error fails its test."""
    pages: list[Page] = []
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # What a browser says of a server that is away, or of an answer of 4xx, is no error of ours.
        if message.type == "error" and "Failed to load resource" not in message.text:
            errors.append(message.text)

    def opened(server: Server, place: str = "", **context: Any) -> Page:
        page = browser.new_context(**context).new_page()
        pages.append(page)
        page.set_default_timeout(SEEN_MS_MAX)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", heard)
        page.goto(f"http://127.0.0.1:{server.port}/__workbench#/{place}")
        page.locator("main").wait_for()
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert not errors


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("axe")
    (folder / "package.json").write_text(json.dumps(AXE), "utf-8")
    install(folder)
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")
