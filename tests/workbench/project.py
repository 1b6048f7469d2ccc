"""A project of two hundred steps: ten flows of twenty, each a chain with branches."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.server import write_project

FLOWS, STEPS = 10, 20

API = """config = {{"name": "Start{flow}", "type": "api", "method": "POST", "path": "/start/{flow}",
          "emits": ["f{flow}.s1", "f{flow}.s2"], "flows": ["flow-{flow}"]}}


async def handler(req, context):
    lines = int((req.body or {{}}).get("lines", 0))
    for number in range(lines):
        context.logger.info("line", {{"number": number}})
    await context.emit({{"topic": "f{flow}.s1", "data": {{}}}})
    return {{"status": 200, "body": {{"flow": {flow}}}}}
"""

EVENT = """config = {{"name": "Step{flow}x{number}", "type": "event",
          "subscribes": ["f{flow}.s{number}"], "emits": {emits}, "flows": ["flow-{flow}"]}}


async def handler(event, context):
    context.logger.info("passed", {{"step": {number}}})
    for topic in {topics}:
        await context.emit({{"topic": topic, "data": event}})
"""

CRON = """config = {{"name": "Tick{flow}", "type": "cron", "cron": "0 0 1 1 *",
          "emits": ["f{flow}.s3"], "flows": ["flow-{flow}"]}}


async def handler(context):
    await context.emit({{"topic": "f{flow}.s3", "data": {{}}}})
"""


def write_large_project(target: Path) -> Path:
    """Write it; answers its folder."""
    files = {}
    for flow in range(FLOWS):
        files[f"steps/flow{flow}/start_step.py"] = API.format(flow=flow)
        files[f"steps/flow{flow}/tick_step.py"] = CRON.format(flow=flow)
        for number in range(1, STEPS - 1):
            topics = [f"f{flow}.s{next_}" for next_ in (2 * number + 1, 2 * number + 2)]
            topics = [topic for topic in topics if int(topic.rpartition("s")[2]) < STEPS - 1]
            files[f"steps/flow{flow}/s{number}_step.py"] = EVENT.format(
                flow=flow,
                number=number,
                topics=topics,
                emits=[{"topic": topic, "conditional": number % 3 == 0} for topic in topics],
            )
    return write_project(target, files)
