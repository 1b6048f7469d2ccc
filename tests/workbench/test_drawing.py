"""A project as it is drawn: edges of topics, and the streams that its sources use."""

from __future__ import annotations

from pathlib import Path

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Emit, Step, Stream
from motia_actors.workbench.drawing import drawn
from tests.e2e.server import write_project

FILES = {
    "steps/a_step.py": "from src.shop import save\n\nasync def handler(req, context):\n    pass\n",
    "src/shop.py": "async def save(ctx):\n    await ctx.streams.live_orders.set('g', 'i', {})\n",
    "steps/b.step.ts": "import { read } from '../src/read'\n",
    "src/read.ts": "export const read = (ctx) => ctx.streams.liveOrders.getGroup('g')\n",
}


def catalog(root: Path) -> Catalog:
    write_project(root, FILES)
    return Catalog(
        root=root,
        steps=(
            Step(
                id="steps/a_step.py",
                kind="api",
                name="A",
                flows=("f",),
                emits=(Emit(topic="t", is_conditional=True, label="maybe"),),
                virtual_emits=(Emit(topic="v"),),
            ),
            Step(
                id="steps/b.step.ts",
                kind="event",
                name="B",
                subscribes=("t",),
                virtual_subscribes=("v",),
            ),
        ),
        streams=(Stream(id="steps/live_stream.py", name="liveOrders"),),
    )


def test_edges_are_those_of_topics_and_of_streams_that_sources_use(tmp_path: Path) -> None:
    edges = drawn(catalog(tmp_path))["edges"]

    a, b, stream = "steps/a_step.py", "steps/b.step.ts", "stream:liveOrders"
    shown = {(edge["source"], edge["target"], edge["kind"], edge["topic"]) for edge in edges}
    assert shown == {
        (a, b, "event", "t"),
        (a, b, "virtual", "v"),
        (a, stream, "writes", "liveOrders"),
        (stream, b, "reads", "liveOrders"),
    }
    [event] = [edge for edge in edges if edge["kind"] == "event"]
    assert (event["conditional"], event["label"]) == (True, "maybe")


def test_the_version_is_another_when_the_project_is(tmp_path: Path) -> None:
    before = catalog(tmp_path)
    after = Catalog(root=tmp_path, steps=before.steps[:1], streams=before.streams)

    assert drawn(before)["version"] == drawn(before)["version"] != drawn(after)["version"]
