"""What reads the input of others, as functions of bytes that raise where they found a fault."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from gunicorn.config import Config

from motia_actors.errors import ConfigError
from motia_actors.steps.openapi_paths import templates_of
from motia_actors.steps.overrides import merged, read_overrides
from motia_actors.steps.reading import read_step, read_stream
from motia_actors.steps.report import Report
from motia_actors.steps.schedule import Schedule
from motia_actors.web.chunks import Chunks
from motia_actors.web.heads import HeadReader, status_of
from motia_actors.web.patterns import compile_pattern
from tests.live.rig import Rig, settled

CFG = Config()
NOON_S = 1_750_000_000.0
GUNICORNS = "gunicorn."


def heads(data: bytes) -> None:
    """A stream of requests is read alike in one piece and byte by byte."""
    whole = _requests([data])
    single = _requests(data[at : at + 1] for at in range(len(data)))

    # What comes late enough to be no longer looked at does not matter, so the errors may differ.
    assert whole[0] == single[0], (whole, single)
    assert whole[1] == single[1], (whole, single)
    assert bool(whole[2]) == bool(single[2]), (whole, single)


def _requests(pieces: Iterable[bytes]) -> tuple[list[tuple[str, str]], bytes, str]:
    reader, buffer = HeadReader(CFG, ("127.0.0.1", 1)), bytearray()
    found: list[tuple[str, str]] = []
    body, chunks, left = b"", None, 0
    try:
        for piece in pieces:
            buffer += piece
            while buffer:
                taken, left = bytes(buffer[:left]), left - len(buffer[:left])
                del buffer[: len(taken)]
                body += taken
                if left:
                    break
                if chunks is not None:
                    body += chunks.feed(buffer)
                    if not chunks.is_complete:
                        break
                    chunks = None
                if not buffer:
                    break
                head = reader.read(buffer)
                if head is None:
                    break
                found.append((head.method, head.uri))
                chunks, left = head.chunks, head.length
    except Exception as error:
        if not type(error).__module__.startswith(GUNICORNS):
            raise
        return found, body, status_of(error)
    return found, body, ""


def chunked(data: bytes) -> None:
    """A chunked body is decoded alike in one piece and byte by byte."""
    whole = _decoded([data])
    single = _decoded(data[at : at + 1] for at in range(len(data)))

    assert whole[1:] == single[1:], (whole, single)
    # A fault hides what the same piece held before it.
    assert single[0].startswith(whole[0]), (whole, single)


def _decoded(pieces: Iterable[bytes]) -> tuple[bytes, bool, bool]:
    chunks, buffer, body = Chunks(line_bytes_max=50, trailer_bytes_max=50), bytearray(), b""
    try:
        for piece in pieces:
            buffer += piece
            body += chunks.feed(buffer)
    except Exception as error:
        if not type(error).__module__.startswith(GUNICORNS):
            raise
        return body, False, True
    return body, chunks.is_complete, False


def patterns(data: bytes) -> None:
    """A route is refused with a ValueError, or can be read and described."""
    path = data.decode("utf-8", "replace")
    try:
        pattern = compile_pattern(path)
    except ValueError:
        return
    if pattern.literal is not None:
        assert not pattern.keys
    templates_of(path)


def cron(data: bytes) -> None:
    """An expression is refused with a ConfigError, or its next slot is later, and its own last."""
    try:
        schedule = Schedule(data.decode("utf-8", "replace"), "UTC")
    except ConfigError:
        return
    next_s = schedule.next_s(NOON_S)
    if next_s is not None:
        assert next_s > NOON_S
        assert schedule.last_s(next_s) == next_s


def configs(data: bytes) -> None:
    """A config of any JSON is a step, a stream, or reported."""
    try:
        config = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(config, dict):
        return
    for read in (_step, read_stream):
        report = Report("steps/fuzz_step.py")
        if read(config, report) is None:
            assert report.problems


def _step(config: dict[str, object], report: Report) -> object:
    return read_step(config, report, has_handler=True)


def overrides(data: bytes) -> None:
    """A file of overrides is read or reported, and so is a step below each of its tables."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "infrastructure.toml"
        path.write_bytes(data)
        tables = read_overrides(path, Report(path.name))
    for table in tables.values():
        config = {"name": "a", "type": "event", "subscribes": ["a"], "emits": []}
        _step(dict(merged(config, table)), Report("steps/fuzz_step.py"))


def live(data: bytes) -> None:
    """Whatever a socket sends, as a message and as frames, another one hears on."""
    asyncio.run(_live(data))


async def _live(data: bytes) -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
    rig = Rig()
    honest, talker, garbler = rig.client(), rig.client(), rig.client()
    honest.join()
    talker.say(data)
    garbler.socket.data_received(data)
    await settled()
    rig.set("a", n=1)
    await settled()
    for socket in (talker, garbler):
        socket.gone()

    assert errors == []
    assert honest.events[-1]["data"]["n"] == 1


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (heads, chunked, patterns, cron, configs, overrides, live)
}
