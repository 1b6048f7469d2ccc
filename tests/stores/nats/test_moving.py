"""`data export` and `data import` between LMDB and NATS."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from motia_actors import data
from motia_actors.cli import cli
from motia_actors.clock import SystemClock
from motia_actors.errors import SettingsError, StoreError
from motia_actors.settings import Settings, read_settings
from motia_actors.store import Bury, StateSet, Store, StreamSet
from motia_actors.stores.lmdb import LmdbStore
from tests.nats_servers import Server, address
from tests.stores.driving import driven, ids, lease, put, put_fifo

pytestmark = pytest.mark.slow


def settings_of(project: Path, store: str) -> Settings:
    project.mkdir(exist_ok=True)
    return read_settings({}, project=project, store=store)


def fill(store: Store) -> None:
    store.write(StateSet(group="g", key="k\ud800", value=b"1"))
    store.write(StreamSet(stream="s", group="g", item_id="i", data=b"2"))
    put(store, "dead")
    [delivery] = lease(store)
    store.write(Bury(delivery=delivery, error="no"))
    for event_id in ("1", "2"):
        put_fifo(store, event_id)


def holds_all(store: Store) -> None:
    assert store.state.get("g", "k\ud800") == b"1"
    assert store.streams.group("s", "g") == [b"2"]
    assert [letter.error for letter in store.events.dead("charge", count_max=9)] == ["no"]
    assert ids(lease(store)) == ["1"]


def test_everything_moves_to_the_cluster_and_back(server: Server, tmp_path: Path) -> None:
    here = settings_of(tmp_path / "here", "")
    there = settings_of(tmp_path / "there", address([server], more=f"&log_bytes={2**25}"))
    back = settings_of(tmp_path / "back", "")
    folder = data.folder_of(here)
    folder.mkdir(parents=True)
    with driven(LmdbStore(folder, SystemClock())) as store:
        fill(store)

    data.export(here, tmp_path / "dump", has_journal=False)
    counts = data.import_(there, tmp_path / "dump", is_merge=False)
    with pytest.raises(StoreError, match="import into an empty"):
        data.import_(there, tmp_path / "dump", is_merge=False)
    data.export(there, tmp_path / "again", has_journal=False)
    data.import_(back, tmp_path / "again", is_merge=False)

    assert sum(counts.values()) >= 5
    with data.opened(back) as store:
        holds_all(store)
    with data.opened(there) as store:
        holds_all(store)


def test_a_damaged_dump_is_refused_before_any_host_reads_it(server: Server, tmp_path: Path) -> None:
    there = settings_of(tmp_path / "there", address([server], more=f"&log_bytes={2**25}"))
    (tmp_path / "dump").write_text("no dump\n")

    with pytest.raises(StoreError):
        data.import_(there, tmp_path / "dump", is_merge=False)


def test_what_looks_into_a_folder_says_where_the_data_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="keeps the data in the cluster"):
        data.check(settings_of(tmp_path / "p", "nats://h"))


def test_the_commands_move_a_project(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "shop"
    (project / "steps").mkdir(parents=True)
    folder = project / ".motia" / "data"
    folder.mkdir(parents=True)
    with driven(LmdbStore(folder, SystemClock())) as store:
        fill(store)
    monkeypatch.delenv("MOTIA_STORE", raising=False)

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, [*words, "--project", str(project)])
        assert result.exit_code == 0, result.output
        return result.output

    run("data", "export", str(tmp_path / "dump"))
    monkeypatch.setenv("MOTIA_STORE", address([server], more=f"&log_bytes={2**25}"))

    assert run("data", "import", str(tmp_path / "dump")).startswith("the NATS cluster: 1 state")
    assert "charge" in run("dlq", "list")
    assert "1 state" in run("data", "export", str(tmp_path / "again"))
