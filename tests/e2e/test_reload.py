"""How long `dev` takes from a file's save to the new answer, in a project of a hundred steps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server, wait_until, write_project

pytestmark = pytest.mark.slow

STEPS, EDITS = 100, 7
RELOAD_S_MAX = 1.0
"""Wide: a quiet machine takes a fourth of it at most."""

PYTHON = """
{head}
config = {{"name": "P{number}", "type": "api", "path": "/p{number}", "method": "GET", "emits": []}}

async def handler(req, context):
    return {{"status": 200, "body": {{"value": {value}}}}}
"""
TYPESCRIPT = """
{head}
interface Answer {{ value: number }}
export const config = {{
  name: 'T{number}', type: 'api', path: '/t{number}', method: 'GET', emits: [],
}}
export const handler = async (req: unknown): Promise<{{ status: number, body: Answer }}> => {{
  return {{ status: 200, body: {{ value: {value} }} }}
}}
"""
LIB_PYTHON, LIB_TYPESCRIPT = "VALUE = {}\n", "export const VALUE: number = {}\n"


def files() -> dict[str, str]:
    """Half of the steps in each language; the last of each imports a helper."""
    found = {"lib/__init__.py": "", "lib/own.py": LIB_PYTHON.format(0)}
    found["lib/own.ts"] = LIB_TYPESCRIPT.format(0)
    for number in range(STEPS // 2):
        is_last = number == STEPS // 2 - 1
        value = "VALUE" if is_last else "0"
        for name, text, head in (
            (f"p{number}_step.py", PYTHON, "from lib.own import VALUE"),
            (f"t{number}.step.ts", TYPESCRIPT, "import { VALUE } from '../lib/own'"),
        ):
            head = head if is_last else ""
            found[f"steps/{name}"] = text.format(number=number, value=value, head=head)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("reload") / "hundred", files())
    with Server(project, via="dev", options=()) as server:
        yield server
        server.stop_cleanly()


@pytest.mark.parametrize(
    ("file", "path", "text"),
    [
        ("steps/p1_step.py", "/p1", PYTHON.format(number=1, value="%d", head="")),
        ("steps/t1.step.ts", "/t1", TYPESCRIPT.format(number=1, value="%d", head="")),
        ("lib/own.py", f"/p{STEPS // 2 - 1}", LIB_PYTHON.format("%d")),
        ("lib/own.ts", f"/t{STEPS // 2 - 1}", LIB_TYPESCRIPT.format("%d")),
    ],
    ids=["python", "typescript", "python-import", "typescript-import"],
)
def test_an_edit_is_served_soon(server: Server, file: str, path: str, text: str) -> None:
    took_s = [edit_s(server, server.project / file, path, text, value) for value in range(1, EDITS)]

    figures = f"{file}: median {statistics.median(took_s):.3f} s, longest {max(took_s):.3f} s"
    print(figures)  # noqa: T201 (a measurement, shown by `pytest -s`)
    assert statistics.median(took_s) < RELOAD_S_MAX


def test_an_edit_of_what_all_steps_import_is_served_soon(tmp_path: Path) -> None:
    head = "import { VALUE } from '../lib/own'"
    project = {
        f"steps/t{number}.step.ts": TYPESCRIPT.format(number=number, value="VALUE", head=head)
        for number in range(STEPS)
    }
    project["lib/own.ts"] = LIB_TYPESCRIPT.format(0)
    folder = write_project(tmp_path / "shared", project)
    took_s = []
    with Server(folder, via="dev", options=(), env={"LOG_LEVEL": "debug"}) as server:
        file = folder / "lib" / "own.ts"
        for value in range(1, EDITS):
            # Who edits by hand is slower than a process is made ready.
            wait_until(
                lambda: server.log().count("a Node process stands by") >= value,  # noqa: B023
                what=f"process {value} stands by",
            )
            took_s.append(edit_s(server, file, "/t1", LIB_TYPESCRIPT.format("%d"), value))
        server.stop_cleanly()

    figures = f"median {statistics.median(took_s):.3f} s, longest {max(took_s):.3f} s"
    print(f"what {STEPS} steps import: {figures}")  # noqa: T201 (a measurement, for `pytest -s`)
    assert statistics.median(took_s) < RELOAD_S_MAX


def edit_s(server: Server, file: Path, path: str, text: str, value: int) -> float:
    """Save and ask until the new answer comes; answers how long that took, in seconds."""
    with server.client() as client:
        begun_s = time.monotonic()
        file.write_text(text % value, "utf-8")
        wait_until(
            lambda: client.get(path).json == {"value": value}, what=f"{path} answers {value}"
        )
        return time.monotonic() - begun_s
