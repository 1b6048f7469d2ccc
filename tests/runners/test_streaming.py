"""Bodies that handlers make while they are sent: in this process, in a Python child, in Node."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from motia_actors.messages import Failed, Outcome, Request, Returned
from motia_actors.pieces import Pieces
from motia_actors.runner import Handler
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Project, Rig

LIMIT_S = 10.0

SYNC = """
config = {{"type": "api"}}
def handler(req, context):
    def body():
        try:
            {body}
        finally:
            open("{ended}", "w").close()
    return {{"status": 200, "headers": {{"x-a": "1"}}, "body": body()}}
"""
NODE = """
import {{ writeFileSync }} from 'node:fs'
export const config = {{ type: 'api' }}
export const handler = async (req, ctx) => {{
  async function* body() {{
    try {{ {body} }} finally {{ writeFileSync('{ended}', '') }}
  }}
  return {{ status: 200, headers: {{ 'x-a': '1' }}, body: body() }}
}}
"""
# What each way of making a body writes, by what it is to do.
WORDS = {
    "python": {
        "pieces": 'yield "ü"; yield b"\\xff"',
        "raise": 'yield "a"; raise ValueError("no more")',
        "wrong": "yield {}",
        "state": 'yield str(len(str(context.state.get("g", "k"))))',
        "many": "yield from (str(n) for n in range(10**9))",
    },
    "async": {
        "pieces": 'yield "ü"; yield b"\\xff"',
        "raise": 'yield "a"; raise ValueError("no more")',
        "wrong": "yield {}",
        "state": 'yield str(len(str(await context.state.get("g", "k"))))',
        "many": "import asyncio; yield '0'; await asyncio.sleep(3600)",
    },
    "node": {
        "pieces": "yield 'ü'; yield Buffer.from([0xff])",
        "raise": "yield 'a'; throw new TypeError('no more')",
        "wrong": "yield {}",
        "state": "yield String(String(await ctx.state.get('g', 'k')).length)",
        "many": "for (let n = 0; ; n++) yield String(n)",
    },
}


class Loop:
    """An event loop on a thread of its own, as a step has one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, steps: Coroutine[Any, Any, Outcome]) -> Outcome:
        return asyncio.run_coroutine_threadsafe(steps, self.loop).result(LIMIT_S)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT_S)
        self.loop.close()


class Maker:
    """Makes a handler of one kind with a body, and runs it."""

    def __init__(self, kind: str, root: Path) -> None:
        self.words = WORDS["python" if kind in ("sync", "isolated") else kind.split("-")[0]]
        self.rig, self.kind, self.root = Rig(), kind, root
        self.ended = root / "ended"
        self.loop = Loop()
        self.project = NodeProject(root) if kind == "node" else None
        self.python = Project(root, is_isolated="isolated" in kind)
        self._kept: list[Handler] = []  # Its processes end when a handler is let go of.

    def handler(self, what: str) -> Handler:
        body = self.words[what]
        if self.project is not None:
            handler = self.project.load(NODE.format(body=body, ended=self.ended)).handler
        else:
            text = SYNC.format(body=body, ended=self.ended)
            if self.kind.startswith("async"):
                text = text.replace("def ", "async def ")
            handler = self.python.step(text).handler
        assert handler is not None
        self._kept.append(handler)
        return handler

    def outcome(self, what: str) -> Outcome:
        handler = self.handler(what)
        effects = self.rig.effects("api", Request())
        if handler.is_async:
            return self.loop.run(handler.run_async(effects.call, effects))
        return handler.run(effects.call, effects)

    def body(self, what: str) -> Pieces:
        outcome = self.outcome(what)
        assert isinstance(outcome, Returned), outcome
        assert outcome.value["headers"] == {"x-a": "1"}
        pieces = outcome.value["body"]
        assert isinstance(pieces, Pieces)
        return pieces

    def close(self) -> None:
        if self.project is not None:
            self.project.runner.close()
        self.python.runner.close()
        self.loop.close()


@pytest.fixture(
    params=["sync", "async", pytest.param("isolated", marks=pytest.mark.slow),
            pytest.param("async-isolated", marks=pytest.mark.slow),
            pytest.param("node", marks=pytest.mark.slow)]
)  # fmt: skip
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    made = Maker(request.param, tmp_path)
    yield made
    made.close()


def pull(pieces: Pieces) -> bytes | None:
    return pieces.pull().result(LIMIT_S)


def until(look: Callable[[], bool]) -> bool:
    """Wait for what happens in another process or thread, without a way to be told."""
    event = threading.Event()
    return any(look() or event.wait(0.01) for _ in range(int(LIMIT_S * 100)))


def test_pieces_come_one_by_one_and_then_the_end(maker: Maker) -> None:
    pieces = maker.body("pieces")

    assert [pull(pieces) for _ in range(4)] == ["ü".encode(), b"\xff", None, None]
    assert maker.ended.exists()


def test_nothing_is_made_before_it_is_asked_for(maker: Maker) -> None:
    pieces = maker.body("many")

    assert pull(pieces) == b"0"
    assert not maker.ended.exists()


def test_closing_ends_the_generator(maker: Maker) -> None:
    pieces = maker.body("many")
    pull(pieces)

    pieces.close()
    pieces.close()

    assert until(maker.ended.exists)
    assert pull(pieces) is None


def test_what_a_generator_raises_is_told_to_who_pulls(maker: Maker) -> None:
    pieces = maker.body("raise")
    assert pull(pieces) == b"a"

    with pytest.raises(Exception, match="no more"):
        pull(pieces)


def test_a_piece_that_is_neither_text_nor_bytes_is_refused(maker: Maker) -> None:
    with pytest.raises(Exception, match=r"yielded an? (dict|object)"):
        pull(maker.body("wrong"))


def test_a_generator_may_use_the_context(maker: Maker) -> None:
    assert pull(maker.body("state")) == b"4"


@pytest.mark.slow
@pytest.mark.parametrize("maker", ["isolated", "node"], indirect=True)
def test_a_body_that_nobody_sends_is_ended_in_its_child(maker: Maker) -> None:
    pieces = maker.body("many")
    pull(pieces)

    del pieces

    assert until(maker.ended.exists)


@pytest.mark.parametrize("maker", ["async"], indirect=True)
def test_closing_wakes_who_waits_for_a_piece(maker: Maker) -> None:
    pieces = maker.body("many")
    pull(pieces)
    waiting = pieces.pull()

    pieces.close()

    assert waiting.result(LIMIT_S) is None
    assert until(maker.ended.exists)


@pytest.mark.parametrize("maker", ["sync"], indirect=True)
def test_a_plain_handler_with_an_async_generator_is_told_what_to_write(maker: Maker) -> None:
    handler = maker.python.step("""
        async def numbers():
            yield "1"
        config = {"type": "api"}
        def handler(req, context):
            return {"status": 200, "body": numbers()}
    """).handler

    outcome = maker.rig.run(handler)

    assert isinstance(outcome, Failed)
    assert "async def" in outcome.message


@pytest.mark.slow
@pytest.mark.parametrize("maker", ["node"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [
        "Readable.from(['a', Buffer.from('b')])",
        "ReadableStream.from(['a', 'b'])",
        "['a', 'b'].values()",
        "events(['x'])",
    ],
)
def test_node_streams_of_each_kind(maker: Maker, body: str) -> None:
    assert maker.project is not None
    handler = maker.project.load(f"""
        import {{ Readable }} from 'node:stream'
        import {{ events }} from 'motia'
        export const config = {{ type: 'api' }}
        export const handler = async () => {{
          const body = {body}
          return body.body ? body : {{ status: 200, body }}
        }}
    """).handler
    assert handler is not None
    effects = maker.rig.effects("api", Request())

    outcome = maker.loop.run(handler.run_async(effects.call, effects))

    assert isinstance(outcome, Returned)
    pieces = list(iter(lambda: pull(outcome.value["body"]), None))
    assert b"".join(one or b"" for one in pieces) in (b"ab", b"data: x\n\n")


@pytest.mark.slow
@pytest.mark.parametrize("maker", ["node"], indirect=True)
def test_a_child_that_dies_breaks_the_body_off(maker: Maker) -> None:
    maker.words = {
        "die": "yield 'a'; process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})"
    }
    pieces = maker.body("die")
    assert pull(pieces) == b"a"

    with pytest.raises(Exception, match=r"died|ended|killed"):
        pull(pieces)
