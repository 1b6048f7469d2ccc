"""A real edit calls back; what editors and the system write beside it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import watchfiles

from motia_actors.threads import Signal
from motia_actors.watch import Watcher, _Filter

WAIT_S_MAX = 5.0
TRIES_MAX = 20


class Watched:
    """A folder that is watched, and the files that were told of."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Path] = []
        self.fails = False
        self._called = Signal()
        self.watcher = Watcher(root, self._on_change)

    def _on_change(self, paths: list[Path]) -> None:
        self.told += paths
        self._called.set()
        if self.fails:
            raise ValueError("broken edit")

    def wait(self) -> None:
        assert self._called.wait(WAIT_S_MAX), "nobody called"

    def wait_until_it_watches(self) -> None:
        """The watch begins on its own thread: edit until the first edit is seen."""
        for count in range(TRIES_MAX):
            (self.root / "first.py").write_text(f"count = {count}", "utf-8")
            if self._called.wait(WAIT_S_MAX / TRIES_MAX):
                return
        raise AssertionError("nothing was seen")


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "steps").mkdir()
    watched = Watched(tmp_path)
    watched.watcher.start()
    watched.wait_until_it_watches()
    watched.told.clear()
    yield watched
    watched.watcher.stop()


def last_of(watched: Watched) -> Path:
    """Edit one more source and wait until it is told of: what came before it has been, too."""
    last = watched.root / "last.py"
    last.write_text("end = 1", "utf-8")
    while last not in watched.told:
        watched.wait()
    return last


def write(root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1", "utf-8")


def replaced(root: Path) -> None:
    """Save as careful editors do: write aside, then move over."""
    aside = root / "steps" / ".a_step.py.swp"
    aside.write_text("x = 2", "utf-8")
    aside.rename(root / "steps" / "a_step.py")


EDITS: dict[str, Callable[[Path], None]] = {
    "write": lambda root: write(root, "steps/a_step.py"),
    "replace": replaced,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_told_by_its_path(watched: Watched, name: str) -> None:
    EDITS[name](watched.root)
    last_of(watched)

    assert watched.root / "steps" / "a_step.py" in watched.told


@pytest.mark.slow
def test_a_removed_file_is_told_too(watched: Watched) -> None:
    (watched.root / "first.py").unlink()
    last_of(watched)

    assert watched.root / "first.py" in watched.told


@pytest.mark.slow
def test_what_editors_and_the_system_write_is_not_told(watched: Watched) -> None:
    for name in (
        "steps/a_step.py~",
        "steps/.a_step.py.swp",
        "steps/4913",
        "steps/a_step.py.tmp.123",
        "steps/__pycache__/a_step.cpython-311.pyc",
        ".motia/data/data.mdb",
        ".motia/types.py",
        "node_modules/pkg/index.js",
        ".git/hooks/hook.py",
        "notes.md",
    ):
        write(watched.root, name)

    last = last_of(watched)

    assert set(watched.told) == {last}


@pytest.mark.slow
def test_a_reload_that_raises_is_logged_and_watching_goes_on(
    watched: Watched, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.fails = True

    first = last_of(watched)
    watched.told.clear()
    second = last_of(watched)

    assert first == second
    assert watched.told == [second]


@pytest.mark.slow
def test_after_the_stop_nothing_is_told(watched: Watched) -> None:
    watched.watcher.stop()

    write(watched.root, "steps/a_step.py")

    assert watched.told == []
    assert watched.watcher._thread.join(0.0)


@pytest.mark.parametrize(
    ("name", "is_told"),
    [
        ("steps/a_step.py", True),
        ("src/lib/prices.ts", True),
        ("steps/a.step.js", True),
        ("src/rates.json", True),
        ("steps/a_step.pyc", False),
        ("steps/.#a_step.py", False),
        ("steps/#a_step.py#", False),
        ("dist/a_step.py", False),
        (".venv/lib/x.py", False),
        ("python_modules/x.py", False),
    ],
)
def test_the_filter_tells_sources_from_the_rest(name: str, is_told: bool) -> None:
    assert _Filter()(watchfiles.Change.modified, f"/shop/{name}") is is_told
