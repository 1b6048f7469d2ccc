"""Code frames: the author's lines around a failure, and no one else's."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from motia_actors.messages import Failed
from motia_actors.runners.failures import failed
from motia_actors.telemetry.code_frames import CodeFrames
from motia_actors.telemetry.logs import LogRecord, LogSink
from motia_actors.telemetry.terminal import without_colours

STEP = """\
from lib.money import pay


def handler(req, context):
    amount = 7
    return pay(amount)
"""
MONEY = """\
def pay(amount):
    if amount:
        raise ValueError("too much")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "steps/a_step.py", STEP)
    write(tmp_path, "lib/money.py", MONEY)
    return tmp_path


def write(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def raised(root: Path, monkeypatch: pytest.MonkeyPatch) -> Failed:
    """The failure of the step's handler."""
    monkeypatch.syspath_prepend(root)
    names: dict[str, Any] = {}
    code = compile(STEP, str(root / "steps/a_step.py"), "exec")
    exec(code, names)  # noqa: S102 (our own step)
    with pytest.raises(ValueError, match="too much") as info:
        names["handler"](None, None)
    return failed(info.value)


def explained(root: Path, stack: str) -> str:
    return without_colours(CodeFrames(root).explain({"error": {"stack": stack}, "msg": ""}))


def test_a_python_failure_shows_its_line_and_who_called(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert explained(root, raised(root, monkeypatch).stack) == (
        "  lib/money.py:3\n"
        "    1 | def pay(amount):\n"
        "    2 |     if amount:\n"
        '  > 3 |         raise ValueError("too much")\n'
        "  called from steps/a_step.py:6\n"
    )


@pytest.mark.parametrize(
    "frame",
    [
        "at pay ({root}/src/a b.ts:2:9)",
        "at async pay ({root}/src/a b.ts:2:9)",
        "at {root}/src/a b.ts:2:9",
        "at async {root}/src/a b.ts:2:9",
        "at async file://{root}/src/a%20b.ts:2:9",
        "at Shop.pay [as buy] (file://{root}/src/a%20b.ts?v=3:2:9)",
    ],
)
def test_a_node_failure_has_a_marker_below_its_column(root: Path, frame: str) -> None:
    write(root, "src/a b.ts", "const a = 1\n\tthrow   new Error()\n")
    stack = f"Error: no\n    {frame}\n    at {root}/node_modules/x/i.js:1:1\n    at {frame}"

    assert explained(root, stack.format(root=root)).splitlines()[:4] == [
        "  src/a b.ts:2:9",
        "    1 | const a = 1",
        "  > 2 |     throw   new Error()",
        "      |            ^",
    ]


def test_of_an_error_with_a_cause_the_outer_one_is_shown(root: Path) -> None:
    write(root, "a.js", "1\n2\n")
    stack = f"Error: b\n    at x ({root}/a.js:2:1)\nCaused by Error\n    at y ({root}/a.js:1:1)"

    assert "  > 2 | 2" in explained(root, stack)
    assert "called from" not in explained(root, stack)


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "node_modules/a/index.js",
        ".venv/lib/a.py",
        "python_modules/lib/site-packages/a.py",
        "../beside.py",
        "steps/nowhere_step.py",
    ],
)
def test_what_is_not_the_authors_source_is_not_shown(root: Path, name: str) -> None:
    project = root / "steps" if name.startswith("..") else root
    if "nowhere" not in name:
        write(project, name, "secret = 1\n")

    assert explained(project, f'  File "{project}/{name}", line 1, in f') == ""
    assert explained(project, f"    at f ({project}/{name}:1:1)") == ""


def test_a_link_out_of_the_project_is_not_followed(root: Path, tmp_path_factory: Any) -> None:
    outside = write(tmp_path_factory.mktemp("other"), "secret.py", "secret = 1")
    (root / "link.py").symlink_to(outside)

    assert explained(root, f'  File "{root}/link.py", line 1, in f') == ""


@pytest.mark.parametrize("line", [0, 9, 10**30])
def test_a_line_that_is_not_there_shows_nothing(root: Path, line: int) -> None:
    assert explained(root, f'  File "{root}/lib/money.py", line {line}, in f') == ""


def test_a_line_that_steers_the_terminal_is_shown_as_it_is(root: Path) -> None:
    write(root, "a.py", "a = '\x1b[2J'\r\n")

    frame = explained(root, f'  File "{root}/a.py", line 1, in f')

    assert "  > 1 | a = '\\x1b[2J'\n" in frame


def test_a_file_that_did_not_load_is_shown_at_its_line(root: Path) -> None:
    line = {"msg": "steps/a_step.py:6: no", "file": "steps/a_step.py", "line": 6}

    assert "  > 6 |     return pay(amount)" in without_colours(CodeFrames(root).explain(line))


def test_of_a_helper_that_did_not_load_the_helper_is_shown(root: Path) -> None:
    message = "steps/a_step.py:1: ValueError: too much (in lib/money.py:3); mend the file"
    line = {"msg": message, "file": "steps/a_step.py", "line": 1}

    frame = without_colours(CodeFrames(root).explain(line))

    assert frame.startswith("  lib/money.py:3\n")
    assert frame.endswith("  called from steps/a_step.py:1\n")


def printed(root: Path, *, is_terminal: bool) -> tuple[str, list[bytes]]:
    """What a sink prints of a failure, and what it keeps."""
    stream = io.StringIO()
    sink = LogSink(stream=stream, is_terminal=is_terminal, explain=CodeFrames(root).explain)
    stack = f'Traceback\n  File "{root}/lib/money.py", line 3, in pay\n'
    fields = {"error": {"kind": "ValueError", "message": "too much", "stack": stack}}
    sink.write(LogRecord(level="error", at_s=0.0, message="failed", fields=fields))
    return stream.getvalue(), sink.drain()


def test_a_terminal_shows_the_code_in_place_of_the_stack(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    text, kept = printed(root, is_terminal=True)

    assert '└ error:\x1b[0m {"kind": "ValueError", "message": "too much"}\n' in text
    assert "raise ValueError" in text
    assert "Traceback" not in text
    assert b"Traceback" in kept[0]
    assert b"raise ValueError" not in kept[0]


def test_json_lines_have_no_code(root: Path) -> None:
    text, _ = printed(root, is_terminal=False)

    assert text.count("\n") == 1
    assert "raise ValueError" not in text


def test_no_color_is_heard(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")

    text, _ = printed(root, is_terminal=True)

    assert "\x1b" not in text
    assert "  > 3 |         raise ValueError" in text
