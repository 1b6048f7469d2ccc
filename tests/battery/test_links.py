"""Links in the folders of a served project: what they show, lead to and lose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.data import export
from motia_actors.errors import SettingsError, StoreError
from motia_actors.parts import static_of
from motia_actors.settings import Settings
from motia_actors.store import StateSet
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.web.uploads import Uploads
from tests.e2e.server import Server, write_project
from tests.stores.driving import driven
from tests.stores.filling import filled

SECRET = "hunter2-of-the-file"
TOKEN = "of-somebody-who-looks"
STEP = """
config = {"name": "Ping", "type": "api", "path": "/ping", "method": "POST", "emits": []}


async def handler(req, context):
    await context.state.set("pings", "last", 1)
    return {"status": 200, "body": {}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of which everything that a request can name is a link."""
    files = {"steps/ping_step.py": STEP, "steps/held_step.py": STEP.replace("ing", "eld")}
    project = write_project(tmp_path / "project", {**files, ".env": f"A={SECRET}\n"})
    for name in ("public/sub", "shared", "far/data", "far/precious", ".motia/uploads"):
        (project / name).mkdir(parents=True)
    (project / "public" / "index.html").write_text("home")
    links = {
        "public/env.txt": ".env",
        "public/sub/env.txt": ".env",
        "public/data": ".motia/data",
        "public/real": "far/data",
        "public/code": "steps",
        "public/root": "/",
        "public/uploads": ".motia/uploads",
        "public/round": "public/round",
        "steps/shared": "shared",
        ".motia/data": "far/data",
        ".motia/uploads/7-7": "far/precious",
    }
    for name, target in links.items():
        (project / name).symlink_to(project / target)
    (project / "shared" / "far_step.py").write_text(STEP.replace("ing", "far"))
    for name in (".lock", "kept.txt"):
        (project / "far" / "precious" / name).write_text(SECRET)
    return project


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    env = {"MOTIA_CONTROL_TOKEN": TOKEN, "MOTIA_STATIC": "public"}
    with Server(project, env=env) as server:
        yield server
        server.stop_cleanly()


ASKED = [
    "/env.txt",
    "/sub/env.txt",
    "/data/db/data.mdb",
    "/data/db/lock.mdb",
    "/real/db/data.mdb",
    "/code/ping_step.py",
    "/root/etc/passwd",
    "/uploads/7-7/kept.txt",
    "/uploads/.lock",
    "/round",
    "/round/",
]


@pytest.mark.slow
def test_no_link_shows_a_file_and_the_project_runs_on_over_links(
    server: Server, project: Path
) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    with server.client() as client:
        assert client.get("/").body == b"home"
        assert {path: client.get(path).status for path in ASKED} == dict.fromkeys(ASKED, 404)

        steps = client.ask("GET", "/__motia/project", headers=bearer).json["steps"]
        sources = {step["id"]: f"/__motia/step/{step['drawingId']}" for step in steps}
        held = project / "steps" / "held_step.py"
        held.unlink()
        held.symlink_to(project / ".env")
        shown = {file: client.ask("GET", path, headers=bearer) for file, path in sources.items()}
        assert shown["steps/held_step.py"].status == 404
        assert "pfar" in shown["steps/shared/far_step.py"].json["content"]

        assert [client.post(path).status for path in ("/ping", "/peld", "/pfar")] == [200] * 3
    assert (project / "far" / "data" / "db" / "data.mdb").is_file()
    assert (project / "far" / "precious" / "kept.txt").read_text() == SECRET


@pytest.mark.parametrize(
    "static",
    [".", "..", "steps", "far", "far/data", ".motia", ".motia/data", ".motia/data/db",
     ".motia/uploads", "public/data", "public/code", "public/root", "public/uploads"],
)  # fmt: skip
def test_a_static_folder_that_is_none_is_refused_at_the_start(project: Path, static: str) -> None:
    with pytest.raises(SettingsError, match="would serve the project's own files"):
        static_of(Settings(project=project, static=static))


def test_a_static_folder_with_the_data_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MOTIA_STATIC='public'"):
        static_of(Settings(project=tmp_path, static="public", store="lmdb://public/data"))
    with pytest.raises(SettingsError, match="MOTIA_STATIC='public'"):
        static_of(Settings(project=tmp_path, static="public", uploads="public/uploads"))
    assert static_of(Settings(project=tmp_path, static="public"))


def test_a_link_among_the_uploads_is_neither_followed_nor_removed(tmp_path: Path) -> None:
    far, folder = tmp_path / "far", tmp_path / "uploads"
    for own in (far, folder / "1-left"):
        own.mkdir(parents=True)
        (own / ".lock").touch()
    (folder / "1-left" / "out").symlink_to(far)
    (folder / "2-link").symlink_to(far)

    Uploads(folder).clean()

    assert sorted(path.name for path in folder.iterdir()) == [".lock", "2-link"]
    assert (far / ".lock").is_file()


def test_a_lock_of_the_uploads_that_is_a_link_makes_no_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        Uploads(tmp_path).new_path()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_of_data_is_the_same_by_its_link(tmp_path: Path) -> None:
    (tmp_path / "near").symlink_to(tmp_path / "far")
    (tmp_path / "far").mkdir()
    clock = SystemClock()

    with driven(LmdbStore(tmp_path / "near", clock)) as near:
        near.write(StateSet(group="g", key="k", value=b"1"))

    with driven(LmdbStore(tmp_path / "far", clock)) as far:
        assert far.state.get("g", "k") == b"1"


def test_an_export_writes_through_no_link(tmp_path: Path) -> None:
    filled(tmp_path / "shop" / ".motia" / "data")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / ".all.jsonl.partial").symlink_to(precious)

    with pytest.raises(StoreError, match="cannot write"):
        export(Settings(project=tmp_path / "shop"), tmp_path / "all.jsonl", has_journal=False)
    assert precious.read_text() == "kept"
