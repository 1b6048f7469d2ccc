"""Show a log line to a person: colours, the time of day, and the fields as a tree."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

_COLOURS = {"debug": "\x1b[36m", "info": "\x1b[32m", "warn": "\x1b[33m", "error": "\x1b[31m"}
_GREY, _PLAIN = "\x1b[90m", "\x1b[0m"
_HEAD = ("level", "time", "traceId", "flows", "step", "msg")

# What a client sent may end up in a log: it must not steer the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLOUR = re.compile(r"\x1b\[\d+m")


def readable(line: Mapping[str, Any]) -> str:
    """Lay out one line, ending in a line break; time is the machine's local time."""
    clock = time.strftime("%H:%M:%S", time.localtime(line["time"] / 1000))
    colour = _COLOURS.get(line["level"], "")
    words = [
        f"{_GREY}[{clock}]{_PLAIN}",
        f"{_GREY}{clean(line['traceId'])}{_PLAIN}" if line["traceId"] else "",
        f"{colour}[{line['level'].upper()}]{_PLAIN}",
        clean(line["step"]),
        clean(line["msg"]),
    ]
    rows = [" ".join(word for word in words if word)]
    fields = [(key, value) for key, value in line.items() if key not in _HEAD]
    for index, (key, value) in enumerate(fields):
        branch = "└" if index == len(fields) - 1 else "├"
        rows.append(f"{_GREY}{branch} {clean(key)}:{_PLAIN} {_shown(value)}")
    return "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text)


def clean(text: str) -> str:
    """Show characters that steer a terminal as what they are."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def without_colours(text: str) -> str:
    """Leave out the colours of what `readable` laid out."""
    return _COLOUR.sub("", text)
