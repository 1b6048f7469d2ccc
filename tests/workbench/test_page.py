"""The workbench as a page: fast, for keyboard and phone, for all eyes, there after a restart."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import EXAMPLES, Server, copy_project, wait_until
from tests.workbench.conftest import SEEN_MS_MAX, Open

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PANELS = (
    "flows",
    "traces",
    "logs",
    "endpoints/steps%2Fcreate_order_step.py",
    "queues/steps%2Fcharge_payment_step.py",
    "state/orders",
    "streams/orders/all",
    "cron",
    "actors/steps%2Fcharge_payment_step.py",
)
NODES_SEEN = 5
LINES = 10_000
expect.set_options(timeout=SEEN_MS_MAX)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.partition("/")[0])
def test_axe_finds_no_serious_fault(
    orders: Server, open_page: Open, axe: str, panel: str, theme: str
) -> None:
    page = open_page(orders, panel, color_scheme=theme, reduced_motion="reduce")
    page.locator(".panel").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(axe)

    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")

    serious = [
        (fault["id"], fault["nodes"][0]["html"][:200], fault["nodes"][0]["failureSummary"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert not serious


def test_the_keyboard_opens_panels_and_search_and_closes_drawers(
    orders: Server, open_page: Open
) -> None:
    page = open_page(orders, "flows")
    page.locator(".panel").wait_for()
    page.keyboard.press("3")
    expect(page.get_by_role("heading", name="Logs")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search messages, traces, fields")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator(".line").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("complementary", name="Log line")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Log line")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.partition("/")[0])
def test_nothing_is_wider_than_a_phone(orders: Server, open_page: Open, panel: str) -> None:
    page = open_page(orders, panel, viewport={"width": 360, "height": 740})
    page.locator(".panel").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_theme_can_be_chosen_and_is_kept(orders: Server, open_page: Open) -> None:
    page = open_page(orders, "cron", color_scheme="light")
    toggle = page.locator("[data-theme-toggle]")
    toggle.click()
    toggle.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_it_comes_back_when_the_server_does(
    tmp_path_factory: pytest.TempPathFactory, open_page: Open
) -> None:
    project = copy_project(EXAMPLES / "orders", tmp_path_factory.mktemp("again") / "orders")
    with Server(project, via="dev", options=()) as server:
        page = open_page(server, "logs")
        server.post("/orders", {"item": "tea", "quantity": 1})
        expect(page.locator(".line", has_text="order shipped")).to_have_count(1)
        server.kill()
        expect(page.locator("[data-banner=down]")).to_be_visible()

        server.start()

        expect(page.locator("[data-banner=down]")).to_have_count(0)
        server.post("/orders", {"item": "tea", "quantity": 2})
        expect(page.locator(".line", has_text="order shipped")).to_have_count(2)


def test_outside_of_dev_it_asks_for_the_token_and_keeps_it_out_of_the_address(
    tmp_path_factory: pytest.TempPathFactory, open_page: Open
) -> None:
    project = copy_project(EXAMPLES / "orders", tmp_path_factory.mktemp("locked") / "orders")
    with Server(project, env={"MOTIA_CONTROL_TOKEN": "open sesame"}) as server:
        page = open_page(server, "cron")
        for token in ("wrong", "open sesame"):
            page.get_by_label("Control token").fill(token)
            page.get_by_role("button", name="Open the workbench").click()
            if token == "wrong":
                expect(page.get_by_text("refused the token")).to_be_visible()
        expect(page.get_by_role("article", name="SalesReport")).to_be_visible()
        assert "sesame" not in page.url
        assert page.evaluate("JSON.stringify(localStorage)").count("sesame") == 0


# A project of two hundred steps, and ten thousand lines.


def painted_ms(page: Page) -> float:
    """When the nodes of the graph were there, since the page was asked for."""
    page.locator(".react-flow__node").nth(NODES_SEEN).wait_for()
    return float(page.evaluate("performance.now()"))


def test_two_hundred_steps_are_drawn_soon(large: Server, open_page: Open) -> None:
    painted_ms(open_page(large, "flows/*"))  # The server packs its files for the first.

    best = min(painted_ms(open_page(large, "flows/*")) for _ in range(3))

    # 0.9 to 1.2 s were seen with both cores busy elsewhere, which has its share in this.
    assert best < 3_000


def test_two_hundred_steps_are_found_and_listed(large: Server, open_page: Open) -> None:
    page = open_page(large, "flows/*")
    page.get_by_label("Find a step").fill("Step7x18")
    expect(page.get_by_role("group", name="event step Step7x18")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("9")
    page.get_by_label("Find an actor").fill("Step9x")
    expect(page.locator(".step-line")).to_have_count(18)


def test_ten_thousand_lines_scroll_with_few_of_them_in_the_page(
    large: Server, open_page: Open
) -> None:
    page = open_page(large, "logs")
    for _ in range(4):
        assert large.post("/start/0", {"lines": LINES // 4}).status == 200
    foot = page.locator(".panel-foot")
    expect(foot).to_contain_text("lines")

    def count() -> int:
        return int(foot.inner_text().split(" ")[0].replace(",", ""))

    wait_until(lambda: count() >= LINES, what="all lines are shown", limit_s=60)
    assert page.locator(".line").count() < 120
    rows = page.get_by_role("region", name="Log lines")
    rows.evaluate("(rows) => { rows.scrollTop = rows.scrollHeight / 2 }")
    expect(page.get_by_role("button", name="Newest")).to_be_visible()
    page.get_by_role("button", name="Newest").click()
    expect(page.get_by_role("button", name="Newest")).to_have_count(0)
