"""Files of multipart bodies: in memory, on disk, and gone again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from falcon.testing import Result, TestClient

from motia_actors.messages import Request
from motia_actors.web.api import Front, WebSettings
from motia_actors.web.limits import Limits
from motia_actors.web.uploads import Uploads
from tests.web.front import Steps

LIMITS = Limits(
    body_bytes_max=1000, upload_bytes_max=100_000, upload_memory_bytes_max=100, parts_max=4
)


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: text/x'
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + data + b"\r\n"


class Upload:
    """A front that keeps the request of its one step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = Steps()
        self.seen: dict[str, Any] = {}
        self.steps.add("POST", "/a", self._handle)
        self.uploads = Uploads(folder)
        front = Front(
            WebSettings(limits=LIMITS), asker=self.steps, new_trace_id=lambda: "ABCDE-1234567",
            log=self.steps.log, uploads=self.uploads,
        )  # fmt: skip
        front.mount(self.steps.routes)
        self.client = TestClient(front.app)

    def _handle(self, request: Request) -> object:
        self.seen = request.body
        path = request.body.get("f", {}).get("path")
        return {"status": 200, "body": Path(path).read_bytes() if path else b""}

    def post(self, *parts: bytes, end: bytes = b"--B--\r\n") -> Result:
        return self.client.simulate_post(
            "/a",
            body=b"".join([*parts, end]),
            headers={"content-type": "multipart/form-data; boundary=B"},
        )

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    return Upload(tmp_path / "uploads")


def test_a_small_file_is_in_memory(upload: Upload) -> None:
    upload.post(part("t", b"text"), part("f", b"x" * 100, "a.txt"))

    assert upload.seen == {
        "t": "text",
        "f": {
            "name": "f", "filename": "a.txt", "contentType": "text/x", "size": 100,
            "data": b"x" * 100, "path": None,
        },
    }  # fmt: skip
    assert not upload.folder.exists()


def test_a_larger_one_is_on_disk_while_the_call_runs(upload: Upload) -> None:
    data = os.urandom(90_000)

    answer = upload.post(part("f", data, "a.txt"))

    assert answer.content == data
    assert (upload.seen["f"]["size"], upload.seen["f"]["data"]) == (90_000, None)
    assert upload.files() == []


def test_its_name_is_not_the_clients(upload: Upload) -> None:
    upload.post(part("f", b"x" * 200, "../../evil.py"))

    assert upload.seen["f"]["filename"] == "../../evil.py"
    assert Path(upload.seen["f"]["path"]).resolve().is_relative_to(upload.folder.resolve())
    assert "evil" not in upload.seen["f"]["path"]


def test_a_handler_may_move_it_away(upload: Upload, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    upload.steps.handlers["steps/0_step.py"] = lambda request: {
        "status": 200, "body": str(Path(request.body["f"]["path"]).rename(kept)),
    }  # fmt: skip

    assert upload.post(part("f", b"x" * 200, "a")).status_code == 200

    assert kept.read_bytes() == b"x" * 200


@pytest.mark.parametrize(
    ("parts", "end", "status"),
    [
        ([part("f", b"x" * 100_001, "a")], b"--B--\r\n", 413),
        ([part("a", b"1")] * 5, b"--B--\r\n", 413),
        ([part("a", b"x" * 1001)], b"--B--\r\n", 413),
        ([part("f", b"x" * 200, "a"), part("a" * 9000, b"1")], b"--B--\r\n", 400),
        ([part("f", b"x" * 200, "a"), part("", b"1")], b"--B--\r\n", 400),
        ([part("f", b"x" * 200, "a")], b"", 400),
    ],
)
def test_over_a_limit_or_malformed_nothing_is_left(
    upload: Upload, parts: list[bytes], end: bytes, status: int
) -> None:
    answer = upload.post(*parts, end=end)

    assert answer.status_code == status
    assert answer.json["error"]
    assert upload.files() == []
    assert upload.steps.calls == []


def test_files_in_memory_have_a_limit_together(upload: Upload) -> None:
    upload.post(part("t", b"x" * 990), part("f", b"y" * 50, "a"))

    assert upload.seen["f"]["data"] is None


def test_a_failing_handler_leaves_no_file(upload: Upload) -> None:
    def fail(_: Request) -> object:
        raise ValueError("no")

    upload.steps.handlers["steps/0_step.py"] = fail

    assert upload.post(part("f", b"x" * 200, "a")).status_code == 500
    assert upload.files() == []


HOLDER = """
import sys
from pathlib import Path
from motia_actors.web.uploads import Uploads
Uploads.keep = uploads = Uploads(Path(sys.argv[1]))
print(uploads.new_path(), flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("extended", "status"),
    [
        ("UTF-8''%e2%82%ac.txt", 200),
        ("iso-8859-1'en'%a3.txt", 200),
        ("punycode''" + "a" * 7000, 400),
        ("idna''xn--" + "a" * 7000, 400),
        ("utf-7''+AC4ALg-", 400),
        ("unicode_escape''%5cx41", 400),
        ("''a", 400),
    ],
)
def test_a_name_of_a_file_is_read_by_the_charsets_of_its_rfc_alone(
    upload: Upload, extended: str, status: int
) -> None:
    head = f'--B\r\nContent-Disposition: form-data; name="f"; filename*={extended}\r\n\r\n'

    answer = upload.post(head.encode() + b"x\r\n")

    assert answer.status_code == status
    if status == 200:
        assert upload.seen["f"]["filename"] in ("€.txt", "£.txt")


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not(
    tmp_path: Path,
) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    paths = []
    for holder in holders:
        assert holder.stdout is not None
        paths.append(Path(holder.stdout.readline().strip()))
    dead, living = holders
    dead.send_signal(signal.SIGKILL)
    dead.communicate(timeout=10)

    Uploads(tmp_path).clean()

    assert [path.exists() for path in paths] == [False, True]
    assert not paths[0].parent.exists()
    living.communicate("end\n", timeout=10)


def test_a_stop_removes_everything(upload: Upload) -> None:
    path = upload.uploads.new_path()

    upload.uploads.close()

    assert not path.parent.exists()
