"""Each panel does its job, in a real browser, on examples/orders."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import Server, wait_until
from tests.workbench.conftest import SEEN_MS_MAX, Open
from tests.workbench.life import LOST, queues_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHARGE = "steps%2Fcharge_payment_step.py"
expect.set_options(timeout=SEEN_MS_MAX)


def write(page: Page, label: str, text: str) -> None:
    """Put text into an editor in place of what it holds."""
    editor = (
        page.get_by_label(label, exact=True)
        .locator("css=.cm-content")
        .or_(page.locator(f".cm-content[aria-label='{label}']"))
    )
    editor.first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def test_flows_draw_steps_streams_and_topics_with_live_figures(
    orders: Server, open_page: Open
) -> None:
    page = open_page(orders, "flows/orders")
    node = page.get_by_role("group", name="api step CreateOrder")
    expect(node).to_contain_text("POST /orders")
    expect(page.get_by_role("group", name="stream orders")).to_be_visible()
    expect(page.locator(".topic-label", has_text="payment.charged")).to_be_visible()
    calls = node.locator("[title='calls since the start']")
    expect(calls).not_to_have_text("0")
    before = int(calls.inner_text())

    orders.post("/orders", {"item": "tea", "quantity": 1})

    expect(calls).to_have_text(str(before + 1))


def test_a_click_on_a_step_shows_its_statistics_config_schema_and_source(
    orders: Server, open_page: Open
) -> None:
    page = open_page(orders, "flows/orders")
    page.get_by_role("group", name="event step ChargePayment").click()
    drawer = page.get_by_role("complementary", name="ChargePayment")
    expect(drawer).to_contain_text("median")
    drawer.get_by_role("tab", name="Config").click()
    expect(drawer).to_contain_text('"retries_max": 5')
    drawer.get_by_role("tab", name="Schema").click()
    expect(drawer).to_contain_text('"required"')
    drawer.get_by_role("tab", name="Source").click()
    expect(drawer.locator(".cm-content")).to_contain_text("CREDIT_CENTS_MAX")


def test_a_trace_shows_its_spans_over_all_steps_and_comes_again(
    orders: Server, open_page: Open
) -> None:
    page = open_page(orders, "traces")
    page.get_by_label("Step", exact=True).select_option("ShipOrder")
    page.locator(".line", has_text="POST /orders").first.click()
    spans = page.get_by_role("list", name="Spans").get_by_role("listitem")
    for name in ("CreateOrder", "ChargePayment", "ShipOrder", "state.set", "orders.set"):
        expect(spans.filter(has_text=name).first).to_be_visible()
    expect(page.get_by_text("order shipped").first).to_be_visible()
    replayed = page.url

    page.get_by_role("button", name="Replay").click()
    page.locator(".menu-list").get_by_role("button", name="POST /orders").click()

    expect(page.get_by_role("status").filter(has_text="answered 201")).to_be_visible()
    expect(page).not_to_have_url(replayed)
    expect(spans.filter(has_text="ShipOrder").first).to_be_visible()


def test_an_event_is_given_to_its_step_once_more(orders: Server, open_page: Open) -> None:
    page = open_page(orders, "traces")
    page.get_by_label("Step", exact=True).select_option("ShipOrder")
    page.locator(".line", has_text="POST /orders").first.click()
    page.get_by_role("button", name="Replay").click()

    page.get_by_role("button", name="payment.charged → ShipOrder").click()

    expect(page.get_by_role("status").filter(has_text="went to ShipOrder again")).to_be_visible()
    spans = page.get_by_role("list", name="Spans").get_by_role("listitem")
    expect(spans.filter(has_text="ShipOrder").first).to_be_visible()


def test_logs_come_live_and_can_be_searched_and_filtered(orders: Server, open_page: Open) -> None:
    page = open_page(orders, "logs")
    lines = page.locator(".line")
    expect(lines.filter(has_text="order placed").first).to_be_visible()
    made = orders.post("/orders", {"item": "cocoa", "quantity": 1}).json["id"]
    expect(lines.filter(has_text="order shipped").filter(has_text=made)).to_be_visible()

    page.get_by_label("Search messages, traces, fields").fill(made)
    expect(lines).to_have_count(2)
    page.get_by_label("Step", exact=True).select_option("CreateOrder")
    expect(lines).to_have_count(1)
    lines.first.click()
    expect(page.get_by_role("complementary", name="Log line")).to_contain_text(made)


def test_an_endpoint_is_tried_with_a_body_of_its_schema(orders: Server, open_page: Open) -> None:
    page = open_page(orders, "endpoints")
    page.get_by_role("button", name="POST /orders CreateOrder").click()
    expect(page.locator(".cm-content[aria-label='Request body']")).to_contain_text('"tea"')

    page.get_by_role("button", name="Send").click()

    expect(page.locator("[data-status]")).to_have_text("201 Created")
    write(page, "Request body", '{"item": "tea", "quantity": 0}')
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("400 Bad Request")
    page.locator(".trace-link").click()
    expect(page.get_by_role("list", name="Spans")).to_contain_text("POST /orders")


def test_state_is_browsed_edited_deleted_and_seen_to_change(
    orders: Server, open_page: Open
) -> None:
    orders.post("/__motia/state", {"groupId": "people", "key": "ada", "value": {"age": 36}})
    page = open_page(orders, "state/people")
    page.locator(".line", has_text="ada").click()
    editor = page.locator(".cm-content[aria-label='Value of ada']")
    expect(editor).to_contain_text("36")
    orders.post("/__motia/state", {"groupId": "people", "key": "ada", "value": {"age": 37}})
    expect(editor).to_contain_text("37")

    write(page, "Value of ada", '{"age": 38}')
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".line", has_text="ada")).to_contain_text("38")
    page.get_by_role("button", name="Delete the item").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".line", has_text="ada")).to_have_count(0)
    assert orders.get("/__motia/state?groupId=people").json == []


def test_an_item_of_a_stream_is_edited_and_deleted(orders: Server, open_page: Open) -> None:
    made = orders.post("/orders", {"item": "tea", "quantity": 3}).json["id"]
    page = open_page(orders, "streams/orders/all")
    page.get_by_label("Search the items").fill(made)
    page.locator(".line", has_text=made).click()
    editor = page.locator(f".cm-content[aria-label='Item {made}']")
    expect(editor).to_contain_text("shipped")

    write(page, f"Item {made}", editor.inner_text().replace("shipped", "declined"))
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".line", has_text=made)).to_contain_text("declined")
    page.get_by_role("button", name="Delete the item").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".line", has_text=made)).to_have_count(0)


def test_a_dead_letter_is_mended_and_replayed_and_the_rest_purged(
    orders: Server, open_page: Open
) -> None:
    known = orders.get("/orders").json[0]["id"]
    orders.post("/emit", LOST)
    wait_until(lambda: queues_of(orders)["ChargePayment"]["dead"] >= 2, what="two dead letters")
    page = open_page(orders, "queues")
    page.locator("tr", has_text="ChargePayment").click()
    letters = page.locator(".letter")
    expect(letters).to_have_count(2)

    letters.first.get_by_role("button", name="Edit and replay").click()
    write(page, "Payload", f'{{"id": "{known}"}}')
    page.get_by_role("button", name="Replay with this").click()

    expect(letters).to_have_count(1)
    page.get_by_role("button", name="Purge").click()
    page.get_by_role("button", name="Forget", exact=True).click()
    expect(letters).to_have_count(0)
    assert queues_of(orders)["ChargePayment"]["dead"] == 0


def test_a_cron_step_is_paused_run_by_hand_and_resumed(orders: Server, open_page: Open) -> None:
    page = open_page(orders, "cron")
    job = page.get_by_role("article", name="SalesReport")
    expect(job).to_contain_text("scheduled")

    job.get_by_role("button", name="Pause").click()

    expect(job.get_by_text("paused")).to_be_visible()
    job.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("status").filter(has_text="A run is queued")).to_be_visible()
    job.get_by_role("button", name="Resume").click()
    expect(job.get_by_text("scheduled")).to_be_visible()


def test_a_step_gets_another_mailbox_and_is_suspended_and_resumed(
    orders: Server, open_page: Open
) -> None:
    page = open_page(orders, f"actors/{CHARGE}")
    line = page.get_by_role("button", name=re.compile("^ChargePayment"))
    page.get_by_label("Mailbox size").fill("77")
    page.get_by_role("button", name="Set", exact=True).first.click()
    expect(line).to_contain_text("0/77")

    page.get_by_role("button", name="Suspend").click()

    expect(line).to_contain_text("suspended")
    orders.post("/orders", {"item": "tea", "quantity": 1})
    wait_until(lambda: queues_of(orders)["ChargePayment"]["waiting"], what="its event waits")
    page.get_by_role("button", name="Resume").click()
    expect(line).not_to_contain_text("suspended")
    wait_until(lambda: not queues_of(orders)["ChargePayment"]["waiting"], what="its event ran")
    page.get_by_role("button", name="As configured").click()
    expect(line).to_contain_text("0/256")
