"""A step of several triggers in the workbench: one node, an endpoint for each route, one job."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server, write_project
from tests.workbench.conftest import SEEN_MS_MAX, Open

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
expect.set_options(timeout=SEEN_MS_MAX)

KEEP = """
ORDER = {"type": "object", "properties": {"tea": {"type": "string"}}, "required": ["tea"]}
config = {
    "name": "Keep", "flows": ["shop"], "emits": [],
    "triggers": [
        {"type": "api", "method": "POST", "path": "/orders"},
        {"type": "api", "method": "PUT", "path": "/orders/:id", "bodySchema": ORDER},
        {"type": "event", "subscribes": ["told"], "input": ORDER},
        {"type": "cron", "cron": "0 0 1 1 *"},
    ],
}


async def handler(input, context):
    return {"status": 200, "body": {"path": context.trigger.path}}
"""


def test_a_step_of_several_triggers_is_drawn_tried_and_run(tmp_path: Path, open_page: Open) -> None:
    project = write_project(tmp_path / "shop", {"steps/keep_step.py": KEEP})
    with Server(project, via="dev", options=()) as server:
        page = open_page(server, "flows/shop")
        node = page.get_by_role("group", name="multi step Keep")
        expect(node).to_contain_text("POST /orders · PUT /orders/:id · told · 0 0 1 1 *")
        node.click()
        drawer = page.get_by_role("complementary", name="Keep")
        drawer.get_by_role("tab", name="Config").click()
        expect(drawer).to_contain_text('"triggers"')
        drawer.get_by_role("tab", name="Schema").click()
        expect(drawer).to_contain_text("Body of PUT /orders/:id")
        expect(drawer).to_contain_text("Input of told")

        page = open_page(server, "endpoints")
        page.get_by_role("button", name="PUT /orders/:id Keep").click()
        expect(page.locator(".cm-content[aria-label='Request body']")).to_contain_text('"tea"')
        page.get_by_role("button", name="POST /orders Keep").click()
        page.get_by_role("button", name="Send").click()
        expect(page.locator("[data-status]")).to_have_text("200 OK")

        page = open_page(server, "cron")
        expect(page.get_by_text("0 0 1 1 *").first).to_be_visible()
        server.stop_cleanly()
