"""Whoever stays with LMDB pays nothing for NATS."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.e2e.server import OWN, ROOT, Server, wait_until, write_project

CLUSTER = re.compile(r"nats|nkeys|cluster", re.IGNORECASE)
KNOWN = {
    "cli_watch.py": "shows that it is away",
    "data.py": "commands, by hand",
    "observing.py": "figures, every two seconds",
    "parts.py": "chooses the store, once",
    "settings.py": "reads what was chosen, once",
    "stores/remote.py": "imports it where it was chosen",
    "telemetry/prometheus.py": "names of figures",
}
STEPS = {
    "steps/take_step.py": """
import sys

config = {"name": "Take", "type": "api", "method": "POST", "path": "/take", "emits": ["taken"]}


async def handler(req, context):
    await context.emit({"topic": "taken", "data": req.body})
    await context.streams.changes.set("g", req.body["id"], {"id": req.body["id"]})
    names = [name for name in sys.modules if "nats" in name or name.startswith(("nkeys", "nacl"))]
    return {"status": 200, "body": {"modules": names}}
""",
    "steps/note_step.py": """
config = {"name": "Note", "type": "event", "subscribes": ["taken"], "emits": []}


async def handler(data, context):
    await context.state.set("notes", data["id"], data)
""",
    "steps/tick_step.py": """
config = {"name": "Tick", "type": "cron", "cron": "* * * * * *", "emits": []}


async def handler(context):
    await context.state.set("ticks", "last", 1)
""",
    "steps/seen_step.py": """
config = {"name": "Seen", "type": "api", "method": "GET", "path": "/seen", "emits": []}


async def handler(req, context):
    notes = await context.state.get_group("notes")
    return {"status": 200, "body": [len(notes), await context.state.get("ticks", "last")]}
""",
    "steps/changes.stream.py": """
config = {
    "name": "changes", "schema": {"type": "object"}, "baseConfig": {"storageType": "default"},
}
""",
}


@pytest.mark.slow
def test_a_server_on_lmdb_that_did_all_kinds_of_work_has_imported_nothing_of_nats(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path / "shop", STEPS)
    with Server(project, options=("-w", "1", "-k", OWN, "--threads", "8")) as server:
        assert server.post("/take", {"id": "1"}).status == 200
        wait_until(lambda: server.get("/seen").json == [1, 1], what="an event and a tick")
        assert server.get("/readyz").json == {"status": "ok"}

        assert server.post("/take", {"id": "2"}).json == {"modules": []}


def test_nothing_that_runs_for_each_request_or_event_asks_which_store_it_is() -> None:
    package = ROOT / "motia_actors"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if package / "stores" / "nats" not in path.parents and mentions(path)
    }

    assert found == KNOWN.keys()


def mentions(path: Path) -> bool:
    """Code speaks of a cluster; what only explains, docstrings and comments, does not count."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
                pass
            case ast.Constant(value=str(word)) if id(node) not in told:
                pass
            case ast.ImportFrom(module=str(word)):
                pass
            case _:
                continue
        if CLUSTER.search(word):
            return True
    return False
