"""The log of a process: what was appended comes back, whatever was torn or written over."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from motia_actors.stores.lmdb import wal
from motia_actors.stores.lmdb.wal import REGIONS, Wal

OWNER = b"12345678"
REGION_BYTES = 256
RECORD = b"x" * 50


def a_log(folder: Path) -> Wal:
    """A log of small regions, each for a header and four records."""
    log = Wal(folder, is_synced=True)
    log.open(OWNER)
    return log


@pytest.fixture(autouse=True)
def small_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "REGION_BYTES", REGION_BYTES)


def filled(folder: Path, turns: int) -> list[bytes]:
    """Fill so many regions one after the other; answers all that was appended."""
    log, records = a_log(folder), []
    for turn in range(turns):
        log.turn()
        number = 0
        while log.append([record := f"{turn}.{number}".encode().ljust(len(RECORD))]):
            records.append(record)
            number += 1
    log.abandon()
    return records


def kept(folder: Path) -> list[bytes]:
    return list(wal.read(wal.path_of(folder, OWNER)))


@pytest.mark.parametrize("turns", [1, 2, REGIONS, REGIONS + 1, 3 * REGIONS + 2])
def test_the_newest_regions_are_read_in_the_order_of_their_appends(
    tmp_path: Path, turns: int
) -> None:
    appended = filled(tmp_path, turns)

    assert kept(tmp_path) == appended[-(min(turns, REGIONS) * 4) :]
    assert len(appended) == 4 * turns


def test_records_that_are_appended_together_come_back_apart(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.turn()

    log.append([b"1", b"22"])
    log.append([b"333"])

    assert kept(tmp_path) == [b"1", b"22", b"333"]
    assert wal.owners_of(tmp_path) == [OWNER]


@pytest.mark.parametrize("cut", [1, 30, 57])
def test_a_torn_record_and_what_follows_are_as_if_never_appended(tmp_path: Path, cut: int) -> None:
    appended = filled(tmp_path, 2)
    path = wal.path_of(tmp_path, OWNER)
    data = bytearray(path.read_bytes())
    third = REGION_BYTES + 20 + 2 * 58
    data[third + cut] ^= 1
    path.write_bytes(data)

    assert kept(tmp_path) == appended[:6]


def test_what_a_region_held_before_does_not_come_back(tmp_path: Path) -> None:
    filled(tmp_path, REGIONS)
    path = wal.path_of(tmp_path, OWNER)
    old = path.read_bytes()
    path.unlink()
    appended = filled(tmp_path, REGIONS + 1)
    # The last two appends did not reach the disk: behind the others stands what was there.
    data = bytearray(path.read_bytes())
    data[20 + 2 * 58 : REGION_BYTES] = old[20 + 2 * 58 : REGION_BYTES]
    path.write_bytes(data)

    assert kept(tmp_path) == appended[4:-2]


@pytest.mark.parametrize("size_bytes", [0, 5, 20, 40, 300])
def test_a_file_that_was_cut_off_has_what_is_whole(tmp_path: Path, size_bytes: int) -> None:
    appended = filled(tmp_path, 1)
    path = wal.path_of(tmp_path, OWNER)
    os.truncate(path, size_bytes)

    assert kept(tmp_path) == (appended if size_bytes >= REGION_BYTES else [])


@pytest.mark.parametrize("region_bytes", [0, 5, 20, 2**31])
def test_a_header_that_cannot_be_is_no_log(tmp_path: Path, region_bytes: int) -> None:
    filled(tmp_path, 2)
    path = wal.path_of(tmp_path, OWNER)
    data = bytearray(path.read_bytes())
    data[16:20] = region_bytes.to_bytes(4, "big")
    path.write_bytes(data)

    assert len(kept(tmp_path)) in (0, 4)


def test_no_log_and_no_folder_have_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path / "none") == []
    assert wal.owners_of(tmp_path / "none") == []


def test_a_log_that_is_closed_is_gone_and_one_that_is_abandoned_stays(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.turn()
    log.abandon()
    assert wal.owners_of(tmp_path) == [OWNER]

    wal.path_of(tmp_path, OWNER).unlink()
    log = a_log(tmp_path)
    log.turn()
    log.close()

    assert wal.owners_of(tmp_path) == []


def test_a_follower_reads_on_from_where_it_was_over_all_turns(tmp_path: Path) -> None:
    log, follower = a_log(tmp_path), wal.Follower(wal.path_of(tmp_path, OWNER))
    assert follower.read() == (True, [])
    log.turn()
    assert follower.read() == (True, [])
    for turn in range(2 * REGIONS):
        log.append([b"%d" % turn])
        assert follower.read() == (False, [b"%d" % turn])
        log.append([RECORD])
        log.turn()
        assert follower.read() == (False, [RECORD])
    assert follower.read() == (False, [])


def test_a_follower_that_was_left_behind_begins_anew(tmp_path: Path) -> None:
    log, follower = a_log(tmp_path), wal.Follower(wal.path_of(tmp_path, OWNER))
    log.turn()
    log.append([b"old"])
    follower.read()
    for turn in range(REGIONS):
        log.turn()
        log.append([b"%d" % turn])

    assert follower.read() == (True, [b"0", b"1", b"2", b"3"])

    log.abandon()
    wal.path_of(tmp_path, OWNER).unlink()
    assert follower.read() == (True, [])


def failing(code: int) -> Callable[..., int]:
    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    return fail


def test_without_room_for_its_file_there_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space"):
            log.turn()
    assert wal.owners_of(tmp_path) == []

    log.turn()
    log.append([RECORD])

    assert kept(tmp_path) == [RECORD]


def test_a_write_that_stopped_half_way_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    log.turn()
    write = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda file, data, *rest: write(file, (data[0][:9],), *rest))

    with pytest.raises(OSError, match="9 of 58 bytes"):
        log.append([RECORD])

    assert kept(tmp_path) == []


def test_nothing_fits_into_a_region_whose_header_was_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    log.turn()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", failing(errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            log.turn()

    assert not log.append([RECORD])


def test_files_with_other_names_are_no_logs(tmp_path: Path) -> None:
    for name in ("copy.wal", "00.wal", f"{OWNER.hex()}.wal~", "notes"):
        (tmp_path / name).touch()

    assert wal.owners_of(tmp_path) == []


# Past the kernel's cache.


@pytest.fixture
def large_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "REGION_BYTES", 4 * wal.BLOCK_BYTES)


def is_direct_allowed(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch()
    try:
        os.close(os.open(probe, os.O_RDWR | os.O_DIRECT))
    except OSError:
        return False
    return True


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Note the size and place of each write."""
    noted: list[tuple[int, int]] = []
    write = os.pwritev

    def note(file: int, data: tuple[bytes], at: int, *rest: int) -> int:
        noted.append((len(data[0]), at))
        return write(file, data, at, *rest)

    monkeypatch.setattr(os, "pwritev", note)
    return noted


@pytest.mark.usefixtures("large_regions")
@pytest.mark.parametrize("is_direct", [True, False])
def test_records_of_any_size_come_back_whether_written_in_blocks_or_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: list[tuple[int, int]],
    *,
    is_direct: bool,
) -> None:
    if not is_direct:
        monkeypatch.setattr(wal, "_direct", lambda *_: None)
    log = a_log(tmp_path)
    log.turn()
    made = len(written) - 1
    appended: list[bytes] = []
    for turn in range(REGIONS + 2):
        number = 0
        while True:
            record = f"{turn}.{number} ".encode() * (1 + 131 * number % 977)
            if not log.append([record]):
                break
            appended.append(record)
            assert kept(tmp_path)[-1] == record
            number += 1
        log.turn()

    found = kept(tmp_path)
    assert found == appended[-len(found) :]
    assert found[0].startswith(b"3.0 ")
    is_whole = all(
        size % wal.BLOCK_BYTES == at % wal.BLOCK_BYTES == 0 for size, at in written[made:]
    )
    assert is_whole == (is_direct and is_direct_allowed(tmp_path))


@pytest.mark.usefixtures("large_regions")
def test_what_was_in_a_block_outlives_a_later_write_to_it_that_was_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path)
    log.turn()
    log.append([RECORD, RECORD])
    write = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda file, data, *rest: write(file, (data[0][:512],), *rest)
    )

    with pytest.raises(OSError, match="512 of"):
        log.append([b"y" * 1000])

    assert kept(tmp_path) == [RECORD, RECORD]
