"""Take the pictures of the workbench that the docs show: each panel, light and dark.

python -m tests.workbench.pictures docs/workbench
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, ViewportSize

from tests.e2e.browser import chromium
from tests.e2e.server import EXAMPLES, Server, copy_project
from tests.workbench.life import live_a_little
from tests.workbench.palette import small
from tests.workbench.project import write_large_project

WIDE: ViewportSize = {"width": 1280, "height": 760}
PHONE: ViewportSize = {"width": 390, "height": 800}
SETTLE_MS = 1_600
CHARGE = "steps%2Fcharge_payment_step.py"
CREATE = "steps%2Fcreate_order_step.py"

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOTS = {
    "flows": "flows/orders",
    "step": f"flows/orders/{CHARGE}",
    "traces": "traces",
    "logs": "logs",
    "endpoints": f"endpoints/{CREATE}",
    "queues": f"queues/{CHARGE}",
    "state": "state/orders",
    "streams": "streams/orders/all",
    "cron": "cron",
    "actors": f"actors/{CHARGE}",
}


def prepare(page: Page, name: str) -> None:
    """Do what makes the picture tell more."""
    if name == "traces":
        page.locator(".line", has_text="ShipOrder").first.click()
        page.locator(".timeline .span").nth(3).click()
    elif name == "endpoints":
        page.get_by_role("button", name="Send").click()
        page.locator("[data-status]").wait_for()
    elif name in ("state", "streams"):
        page.locator(".line").nth(1).click()
        page.locator(".drawer .editor").wait_for()


def take(browser: Browser, base: str, folder: Path, *, theme: Literal["light", "dark"]) -> None:
    """All panels in one theme."""
    context = browser.new_context(viewport=WIDE, color_scheme=theme, reduced_motion="reduce")
    for name, place in SHOTS.items():
        page = context.new_page()
        page.goto(f"{base}/__workbench#/{place}")
        page.locator(".panel").wait_for()
        prepare(page, name)
        page.wait_for_timeout(SETTLE_MS)
        (folder / f"{name}-{theme}.png").write_bytes(small(browser, page.screenshot()))
        page.close()
    context.close()


def take_phone(browser: Browser, base: str, folder: Path) -> None:
    """Two panels on a phone's width."""
    context = browser.new_context(viewport=PHONE, color_scheme="light", reduced_motion="reduce")
    for name in ("flows", "traces"):
        page = context.new_page()
        page.goto(f"{base}/__workbench#/{name}")
        page.locator(".panel").wait_for()
        page.wait_for_timeout(SETTLE_MS)
        (folder / f"{name}-phone.png").write_bytes(small(browser, page.screenshot()))
        page.close()
    context.close()


def main(folder: Path) -> None:
    """Take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        project = copy_project(EXAMPLES / "orders", Path(place) / "orders")
        with Server(project, via="dev", options=()) as server:
            live_a_little(server, orders=24)
            base = f"http://127.0.0.1:{server.port}"
            for theme in THEMES:
                take(browser, base, folder, theme=theme)
            take_phone(browser, base, folder)
        large = write_large_project(Path(place) / "large")
        with Server(large, via="dev", options=()) as server:
            context = browser.new_context(viewport=WIDE, color_scheme="light")
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.port}/__workbench#/flows/*")
            page.locator(".react-flow__node").first.wait_for()
            page.wait_for_timeout(SETTLE_MS)
            (folder / "flows-200-steps.png").write_bytes(small(browser, page.screenshot()))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/workbench"))
