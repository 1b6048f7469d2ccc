"""The check: a whole folder has no findings, and a damaged one says what and never crashes."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from motia_actors.errors import StoreCorruptError, StoreError
from motia_actors.store import StateSet
from motia_actors.stores.lmdb.check import FINDINGS_MAX, check
from motia_actors.stores.lmdb.export import export
from tests.stores.driving import driven
from tests.stores.filling import a_store, dump, filled, load

PAGE = 4096


def data_of(path: Path) -> Path:
    return path / "db" / "data.mdb"


def overwrite(path: Path, page: int, content: bytes) -> None:
    with data_of(path).open("r+b") as file:
        file.seek(page * PAGE)
        file.write(content)


def change(path: Path, table: str, how: Callable[[Any], object]) -> None:
    """Change a table behind the store's back; how gets a cursor on its first row."""
    with (
        lmdb.open(str(path / "db"), max_dbs=64) as env,
        env.begin(write=True, db=env.open_db(table.encode())) as txn,
    ):
        cursor = txn.cursor()
        assert cursor.first()
        how(cursor)


def numbered(path: Path, count: int = 400) -> Path:
    """A folder with so many values that its state has several pages."""
    with driven(a_store(path)) as store:
        writes = [StateSet(group="g", key=str(n), value=b"%d" % n * 50) for n in range(count)]
        store.commit(writes).result(20.0)
    return path


def test_a_folder_with_some_of_everything_is_well(tmp_path: Path) -> None:
    checked = check(filled(tmp_path))

    assert checked.findings == ()
    assert checked.processes == 0


def test_a_folder_without_a_store_is_no_finding_but_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        check(tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [100, 5_000, 8_192, 40_960])
def test_a_file_cut_off_is_a_finding(tmp_path: Path, size: int) -> None:
    data = data_of(filled(tmp_path))
    data.write_bytes(data.read_bytes()[:size])

    assert check(tmp_path).findings
    assert data.stat().st_size == size


def test_a_file_of_something_else_is_a_finding(tmp_path: Path) -> None:
    data_of(filled(tmp_path)).write_bytes(b"not LMDB, " * 2_000)

    (finding,) = check(tmp_path).findings

    assert "not an LMDB file" in finding


@pytest.mark.parametrize(
    ("table", "how", "finding"),
    [
        ("due", lambda cursor: cursor.delete(), "users, not"),
        ("events", lambda cursor: cursor.delete(), "referred to and missing"),
        ("events", lambda cursor: cursor.put(cursor.key(), b"\0\0\0\1\xff"), "cannot be read"),
        ("dead", lambda cursor: cursor.put(cursor.key(), b"\xff"), "cannot be read"),
        ("leases", lambda cursor: cursor.delete(), "listed nowhere"),
        ("leases", lambda cursor: cursor.put(b"x" * 32, b""), "holds no delivery"),
        ("groups", lambda cursor: cursor.delete(), "first and not due|not in its group"),
        ("steps", lambda cursor: cursor.delete(), "queued and dead, not"),
        ("state", lambda cursor: cursor.put(cursor.key(), b"\0\0\0\1zz"), "its own key"),
        ("state_ends", lambda cursor: cursor.delete(), "is not in it"),
        ("state_groups", lambda cursor: cursor.delete(), "named and filled"),
        ("stream_groups", lambda cursor: cursor.delete(), "named and filled"),
        ("scheduled", lambda cursor: cursor.delete(), "is not in it"),
        ("scheduled", lambda cursor: cursor.put(cursor.key(), b""), "leads to no delivery"),
        ("dedupe_ends", lambda cursor: cursor.delete(), "has no end"),
        ("meta", lambda cursor: cursor.put(b"format", b"other"), "the format is"),
        ("due", lambda cursor: cursor.put(cursor.key(), b"short"), "cannot be read"),
    ],
)
def test_tables_that_contradict_each_other_are_findings(
    tmp_path: Path, table: str, how: Callable[[Any], object], finding: str
) -> None:
    change(filled(tmp_path), table, how)

    findings = check(tmp_path).findings

    assert any(part in one for one in findings for part in finding.split("|"))


def test_findings_of_one_kind_have_a_limit(tmp_path: Path) -> None:
    numbered(tmp_path, FINDINGS_MAX + 5)

    def spoil(cursor: Any) -> None:
        for key, _ in cursor:
            cursor.put(key, b"\0\0\0\1zz")

    change(tmp_path, "state", spoil)

    findings = check(tmp_path).findings

    assert len(findings) == FINDINGS_MAX + 1
    assert findings[-1] == "and 5 more of this kind"


@pytest.mark.slow
def test_no_damage_to_a_page_crashes_the_check_or_the_export(tmp_path: Path) -> None:
    whole = data_of(numbered(tmp_path)).read_bytes()
    choose, found = random.Random(1), 0

    for page in range(2, len(whole) // PAGE):
        damage = bytearray(whole)
        at = page * PAGE + choose.choice((0, 8, 10, 12, 14, 16, 18, 20, PAGE - 60))
        damage[at : at + 40] = choose.randbytes(40)
        data_of(tmp_path).write_bytes(damage)

        found += bool(check(tmp_path).findings)
        dump(tmp_path)

    assert found > 5


def test_an_export_of_a_damaged_file_has_what_can_be_read_and_says_what_not(
    tmp_path: Path,
) -> None:
    numbered(tmp_path / "old")
    whole = data_of(tmp_path / "old").read_bytes()
    values = [n for n in range(400) if b"%d" % n * 50 in whole]
    page = whole.rindex(b"399" * 50) // PAGE
    overwrite(tmp_path / "old", page, b"\xff" * PAGE)
    stream = io.BytesIO()

    exported = export(tmp_path / "old", stream)
    load(tmp_path / "new", stream.getvalue())

    assert len(values) == 400
    assert any(f"page {page}" in lost for lost in exported.lost)
    assert 300 < exported.counts["state"] < 400
    assert check(tmp_path / "new").findings == ()
    with driven(a_store(tmp_path / "new")) as store:
        for item in store.state.group("g"):
            assert item.value == item.key.encode() * 50


def test_a_file_cut_off_is_exported_as_far_as_it_goes(tmp_path: Path) -> None:
    data = data_of(numbered(tmp_path))
    data.write_bytes(data.read_bytes()[: -4 * PAGE])
    stream = io.BytesIO()

    exported = export(tmp_path, stream)

    assert exported.lost
    assert stream.getvalue().splitlines()[-1].startswith(b'{"kind":"end"')


@pytest.mark.parametrize("header", [0, 1])
def test_with_one_header_page_damaged_the_export_reads_by_the_other_one(
    tmp_path: Path, header: int
) -> None:
    overwrite(numbered(tmp_path / "old"), header, b"\xff" * PAGE)
    before = data_of(tmp_path / "old").read_bytes()
    stream = io.BytesIO()

    exported = export(tmp_path / "old", stream)
    load(tmp_path / "new", stream.getvalue())

    assert f"header page {header} is damaged" in exported.lost
    assert data_of(tmp_path / "old").read_bytes() == before
    # The other page is of the last commit, or of the one before it, which wrote no value.
    assert exported.counts.get("state", 0) in (0, 400)
    assert check(tmp_path / "new").findings == ()


def test_one_of_the_two_header_pages_leads_to_everything(tmp_path: Path) -> None:
    counts = []
    for header in (0, 1):
        overwrite(numbered(tmp_path / str(header)), header, b"\0" * PAGE)
        counts.append(export(tmp_path / str(header), io.BytesIO()).counts.get("state", 0))

    assert 400 in counts


def test_a_file_whose_header_is_gone_cannot_be_exported(tmp_path: Path) -> None:
    overwrite(filled(tmp_path), 0, b"\0" * 2 * PAGE)

    with pytest.raises(StoreCorruptError, match="restore it from a backup"):
        dump(tmp_path)


def test_a_delivery_whose_event_is_lost_is_told_of(tmp_path: Path) -> None:
    change(filled(tmp_path), "events", lambda cursor: cursor.delete())
    stream = io.BytesIO()

    exported = export(tmp_path, stream)

    assert any("its event is lost" in lost for lost in exported.lost)
