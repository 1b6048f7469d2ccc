"""Projects that are written for a bench: as many steps as it asks for."""

from __future__ import annotations

from pathlib import Path

_API = """config = {{"name": "{name}", "type": "api", "path": "{path}", "method": "{method}"{more}}}


def handler(req, context):
{body}
"""
_EVENT = """from bench import ledger

config = {{"name": "{name}", "type": "event", "subscribes": ["{topic}"], "emits": {emits}}}


def handler(event, context):
{body}
"""
_ANSWER = '    return {"status": 200, "body": {"message": "hello"}}'
_NOTE = '    ledger.add(event["at_s"])'


def _write(folder: Path, name: str, text: str) -> None:
    (folder / "steps").mkdir(parents=True, exist_ok=True)
    (folder / "steps" / f"{name}_step.py").write_text(text, "utf-8")


def write_hellos(folder: Path, count: int) -> Path:
    """Write a project of so many api steps: `GET /hello` and others like it."""
    for number in range(count):
        name, path = (f"hello{number}", f"/hello/{number}") if number else ("hello", "/hello")
        text = _API.format(name=name, path=path, method="GET", more="", body=_ANSWER)
        _write(folder, name, text)
    return folder


def write_fan(folder: Path, widths: tuple[int, ...]) -> Path:
    """Write a project where `POST /fan/N` emits one event that N steps listen to."""
    _write(folder, "ready", _api("ready", "/ready", "GET", body=_ANSWER))
    for width in widths:
        topic = f"fan.{width}"
        _write(folder, f"fan{width}", _emitting(f"fan{width}", f"/fan/{width}", topic))
        for number in range(width):
            name = f"listener{width}_{number}"
            text = _EVENT.format(name=name, topic=topic, emits="[]", body=_NOTE)
            _write(folder, name, text)
    return folder


def write_chain(folder: Path, length: int) -> Path:
    """Write a project where `POST /chain` emits an event that goes through so many steps."""
    _write(folder, "ready", _api("ready", "/ready", "GET", body=_ANSWER))
    _write(folder, "chain", _emitting("chain", "/chain", "link.1"))
    for number in range(1, length + 1):
        following = f"link.{number + 1}"
        emit = f'    context.emit({{"topic": "{following}", "data": event}})'
        is_last = number == length
        text = _EVENT.format(
            name=f"link{number}",
            topic=f"link.{number}",
            emits="[]" if is_last else f'["{following}"]',
            body=_NOTE if is_last else emit,
        )
        _write(folder, f"link{number}", text)
    return folder


def write_logs(folder: Path, counts: tuple[int, ...]) -> Path:
    """Write a project where `GET /log/N` logs N lines."""
    for count in counts:
        line = '        context.logger.info("a line", number=number, item="tea")'
        body = f"    for number in range({count}):\n{line}\n{_ANSWER}"
        _write(folder, f"log{count}", _api(f"log{count}", f"/log/{count}", "GET", body=body))
    return folder


def write_work(folder: Path, us: int) -> Path:
    """Write a project where `GET /work` keeps the interpreter busy for about so long."""
    body = (
        f"    until_s = time.thread_time() + {us} / 1e6\n"
        f"    while time.thread_time() < until_s:\n        pass\n{_ANSWER}"
    )
    _write(folder, "work", "import time\n\n" + _api("work", "/work", "GET", body=body))
    return folder


def _api(name: str, path: str, method: str, *, body: str) -> str:
    return _API.format(name=name, path=path, method=method, more="", body=body)


def _emitting(name: str, path: str, topic: str) -> str:
    body = (
        f'    context.emit({{"topic": "{topic}", "data": {{"at_s": time.monotonic()}}}})\n{_ANSWER}'
    )
    more = f', "emits": ["{topic}"]'
    text = _API.format(name=name, path=path, method="POST", more=more, body=body)
    return f"import time\n\n{text}"
