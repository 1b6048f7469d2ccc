"""examples/chat in two windows of a real browser, over the streams' own client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import chromium
from tests.e2e.server import EXAMPLES, Server, copy_project
from tests.npm import build

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SEEN_MS_MAX = 20_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = copy_project(EXAMPLES / "chat", tmp_path_factory.mktemp("page") / "chat")
    build(project / "page")
    with Server(project, options=("-w", "2"), env={"CHAT_PRESENCE_S": "600"}) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def open_page(server: Server, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Opener]:
    opener = Opener(browser, f"http://127.0.0.1:{server.port}/?room={request.node.name}")
    yield opener
    opener.close()


class Opener:
    """Opens windows that share nothing, each with somebody before it."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser, self._address = browser, address
        self._pages: list[Page] = []
        self.errors: list[str] = []

    def __call__(self, name: str) -> Page:
        page = self._browser.new_context().new_page()
        self._pages.append(page)
        page.set_default_timeout(SEEN_MS_MAX)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        with page.expect_websocket() as socket, page.expect_response("**/page/chat.js"):
            page.goto(self._address)
        # What is in the room by now has come: from here on the page is live.
        socket.value.wait_for_event("framereceived", timeout=SEEN_MS_MAX)
        page.get_by_label("Your name").fill(name)
        return page

    def close(self) -> None:
        for page in self._pages:
            page.context.close()


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def expect_lines(page: Page, lines: list[str]) -> None:
    messages = page.get_by_role("list", name="Messages").get_by_role("listitem")
    expect(messages).to_have_text(lines, timeout=SEEN_MS_MAX)


def test_two_windows_see_each_others_messages(open_page: Opener) -> None:
    ada, bob = open_page("Ada"), open_page("Bob")
    say(ada, "Good morning")
    expect_lines(bob, ["AdaGood morning"])
    say(bob, "What the heck")
    for page in (ada, bob):
        expect_lines(page, ["AdaGood morning", "BobWhat the ****"])
        people = page.get_by_role("list", name="People").get_by_role("listitem")
        expect(people).to_have_text(["Ada", "Bob"], timeout=SEEN_MS_MAX)
    assert not open_page.errors


def test_a_window_opened_late_sees_what_was_said(open_page: Opener) -> None:
    ada = open_page("Ada")
    for number in range(12):
        say(ada, f"message {number}")
        expect(ada.get_by_label("Message", exact=True)).to_have_value("", timeout=SEEN_MS_MAX)
    said = [f"Adamessage {number}" for number in range(12)]
    expect_lines(ada, said)
    expect_lines(open_page("Bob"), said)


def test_the_other_window_is_told_who_types(open_page: Opener) -> None:
    ada, bob = open_page("Ada"), open_page("Bob")
    ada.get_by_label("Message", exact=True).press_sequentially("H")
    expect(bob.get_by_role("status")).to_have_text("Ada is typing", timeout=SEEN_MS_MAX)
    expect(ada.get_by_role("status")).to_have_text("")


def test_markup_in_a_message_is_text(open_page: Opener) -> None:
    ada = open_page("Ada")
    say(ada, "<img src=x onerror=alert(1)>")
    expect_lines(ada, ["Ada<img src=x onerror=alert(1)>"])
    assert ada.locator("img").count() == 0


def test_windows_come_back_when_the_server_does(open_page: Opener, server: Server) -> None:
    ada, bob = open_page("Ada"), open_page("Bob")
    say(ada, "before")
    expect_lines(bob, ["Adabefore"])
    with bob.expect_websocket():
        server.kill()
        server.start()
    say(ada, "after")
    expect_lines(bob, ["Adabefore", "Adaafter"])
