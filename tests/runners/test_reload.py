"""Steps in children are read anew when a file they loaded changed, and no others are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import pytest

from motia_actors.messages import Outcome, Request, Returned
from motia_actors.project import Project as Reading
from motia_actors.promise import Promise
from motia_actors.runner import Handler
from motia_actors.runners.child import Child
from motia_actors.runners.children import SPARES_DIED_MAX
from motia_actors.runners.languages import Languages
from tests.runners.rig import Rig

pytestmark = pytest.mark.slow

WAIT_S = 20.0
NODE = """import {{ value }} from '{helper}'
export const config = {{ type: 'api', name: '{name}', path: '/{name}', method: 'GET', emits: [] }}
let count = 0
export const handler = async (req, {{ logger }}) => {{
  if (req.waits) {{
    logger.info('began')
    await new Promise((resolve) => setTimeout(resolve, 300))
  }}
  return [value, ++count, process.pid]
}}
"""
PYTHON = """import os
from {helper} import value
config = {{"type": "api", "name": "{name}", "path": "/{name}", "method": "GET", "emits": [],
          "infrastructure": {{"isolation": "process"}}}}
async def handler(req, context):
    return value, os.getpid()
"""


class Shop:
    def __init__(self, root: Path) -> None:
        self.root, self.rig = root, Rig()
        self.languages = Languages(root, node_count=1, keeps_spare=True)
        self.project = Reading(root, self.languages.runners)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def handler(self, step: str) -> Handler:
        # The catalog does not know what a handler is; the runner that made it does.
        return cast("Handler", self.project.catalog.handlers[step])

    def ask(self, step: str) -> Any:
        return self.rig.value(self.handler(step))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    shop.write("src/one.ts", "import { inner } from './inner'\nexport const value = inner")
    shop.write("src/inner.ts", "export const inner = 1")
    shop.write("src/two.ts", "export const value = 2")
    shop.write("steps/a.step.ts", NODE.format(helper="../src/one", name="a"))
    shop.write("steps/b.step.ts", NODE.format(helper="../src/two", name="b"))
    shop.project.read()
    yield shop
    shop.languages.close()


def test_a_helper_takes_along_the_steps_that_import_it(shop: Shop) -> None:
    before = shop.ask("steps/a.step.ts"), shop.ask("steps/b.step.ts")

    reread = shop.project.reread([shop.write("src/inner.ts", "export const inner = 7")])

    assert reread.changed == {"steps/a.step.ts"}
    assert shop.ask("steps/a.step.ts")[0] == 7
    assert shop.ask("steps/a.step.ts")[2] != before[0][2]
    assert shop.ask("steps/b.step.ts")[0] == 2


def test_what_no_step_loaded_leaves_the_process_alone(shop: Shop) -> None:
    before = shop.ask("steps/a.step.ts")

    reread = shop.project.reread([shop.write("src/unused.ts", "export const x = 1")])

    assert reread.changed == set()
    assert shop.ask("steps/a.step.ts")[1:] == [before[1] + 1, before[2]]


def test_an_edit_in_python_leaves_node_alone(shop: Shop) -> None:
    shop.write("src/prices.py", "value = 1")
    shop.write("steps/c_step.py", PYTHON.format(helper="src.prices", name="c"))
    shop.project.read()
    before = shop.ask("steps/a.step.ts"), shop.ask("steps/c_step.py")

    reread = shop.project.reread([shop.write("src/prices.py", "value = 9")])

    assert reread.changed == {"steps/c_step.py"}
    assert shop.ask("steps/a.step.ts")[2] == before[0][2]
    value, pid = shop.ask("steps/c_step.py")
    assert value == 9
    assert pid != before[1][1]


def test_a_broken_helper_keeps_what_runs_and_the_mended_one_is_taken_over(shop: Shop) -> None:
    before = shop.ask("steps/a.step.ts")

    broken = shop.project.reread([shop.write("src/inner.ts", "export const inner = (")])
    kept = shop.ask("steps/a.step.ts")
    mended = shop.project.reread([shop.write("src/inner.ts", "export const inner = 8")])

    assert [problem.file for problem in broken.problems] == ["steps/a.step.ts"]
    assert kept == [1, before[1] + 1, before[2]]
    assert not mended.problems
    assert shop.ask("steps/a.step.ts")[0] == 8


def test_a_call_in_flight_goes_on_with_what_it_began_with(shop: Shop) -> None:
    handler = shop.handler("steps/a.step.ts")

    async def run() -> Outcome:
        effects = shop.rig.effects(value=Request(waits=True))
        running = asyncio.ensure_future(handler.run_async(effects.call, effects))
        while not shop.rig.lines():
            await asyncio.wait([running], timeout=0.01)
        shop.project.reread([shop.write("src/inner.ts", "export const inner = 7")])
        return await running

    outcome = asyncio.run(run())

    assert isinstance(outcome, Returned)
    assert outcome.value[0] == 1
    assert shop.ask("steps/a.step.ts")[0] == 7


def test_a_file_that_a_call_loads_counts_once_it_is_loaded(shop: Shop) -> None:
    text = NODE.format(helper="../src/two", name="b").replace(
        "return [value", "const late = await import('../src/late'); return [late.value"
    )
    shop.write("src/late.ts", "export const value = 3")
    shop.write("steps/b.step.ts", text)
    shop.project.read()
    assert shop.ask("steps/b.step.ts")[0] == 3
    late = shop.write("src/late.ts", "export const value = 4")

    # What a call loaded is told with the next sign of life.
    while not shop.languages.node.affected(frozenset({late})):
        shop.ask("steps/a.step.ts")
    shop.project.reread([late])

    assert shop.ask("steps/b.step.ts")[0] == 4


def test_a_process_that_stood_by_takes_over_an_edit_of_what_steps_import(shop: Shop) -> None:
    warmed = watched_spares(shop)
    [_, _, before] = shop.ask("steps/a.step.ts")
    [pid, files] = warmed.get(timeout=WAIT_S)

    helper = shop.write("src/inner.ts", "export const inner: number = 5")
    shop.project.reread([helper])

    [value, _, now] = shop.ask("steps/a.step.ts")
    assert (value, now) == (5, pid)
    assert pid != before
    assert {Path(one).name for one in files} >= {"a.step.ts", "b.step.ts", "one.ts", "inner.ts"}
    assert warmed.get(timeout=WAIT_S)[0] not in (before, now)


def test_a_file_that_cannot_be_made_ready_is_told_of_when_it_is_loaded(shop: Shop) -> None:
    warmed = watched_spares(shop)
    broken = shop.write("src/inner.ts", "export const inner: = 5")
    warmed.get(timeout=WAIT_S)

    change = shop.project.reread([broken])

    assert "inner.ts" in change.problems[0].reason
    assert shop.ask("steps/a.step.ts")[0] == 1


def test_where_no_process_can_stand_by_the_others_are_still_watched(shop: Shop) -> None:
    warmed = watched_spares(shop)
    warmed.get(timeout=WAIT_S)
    shared = shop.languages.node._shared
    start, [child] = shared._start, shared.all()
    refused: Promise[None] = Promise()
    ended: Promise[None] = Promise()

    def refuse(_bell: object) -> Child:
        refused.set(None)
        raise OSError("too many processes")

    child.on_end = partial(tell, ended)
    shared._start = refuse
    assert shared._spare is not None
    shared._spare.kill("the test wants none")
    refused.result(WAIT_S)
    shared._start = start
    shop.project.reread([shop.write("src/inner.ts", "export const inner = 6")])

    assert shop.ask("steps/a.step.ts")[0] == 6
    ended.result(WAIT_S)


def test_a_process_that_dies_while_it_stands_by_is_replaced_a_few_times(shop: Shop) -> None:
    warmed = watched_spares(shop)
    shared = shop.languages.node._shared
    for _ in range(SPARES_DIED_MAX):
        warmed.get(timeout=WAIT_S)
        spare = shared._spare
        assert spare is not None
        ended: Promise[None] = Promise()
        spare.on_end = partial(tell, ended)
        spare.kill("the test wants it")
        ended.result(WAIT_S)
        shared._bell.set()

    shop.project.reread([shop.write("src/inner.ts", "export const inner = 7")])

    assert shop.ask("steps/a.step.ts")[0] == 7
    assert warmed.empty()


def tell(promise: Promise[None]) -> None:
    promise.set(None)


def watched_spares(shop: Shop) -> SimpleQueue[tuple[int, list[str]]]:
    """Of each spare process, once it is ready: its id and the files that it was warmed with."""
    found: SimpleQueue[tuple[int, list[str]]] = SimpleQueue()

    def warm(child: Child) -> None:
        files = sorted({file for own in node._files.values() for file in own})
        asked = child.ask("warm", file="", files=files)
        assert asked is not None
        asked[1].on_done(lambda _: found.put((child.pid, files)))

    node = shop.languages.node
    with node._shared._guard:
        node._shared._warm = warm
        begun = node._shared._spare
    if begun is not None:
        warm(begun)
    return found
