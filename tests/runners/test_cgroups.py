"""Groups with limits are made where the kernel lets us, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.runners.cgroups import make_cgroup


class Kernel:
    """A folder that answers as cgroups v2 do, as far as files go."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.files: tuple[str, ...] = ("cgroup.procs", "memory.max", "memory.swap.max", "cpu.max")
        (root / "cgroup.controllers").write_text("cpu memory")
        self.own = root / "app" / "main"
        self.own.mkdir(parents=True)
        made = Path.mkdir

        def mkdir(path: Path, mode: int = 0o777) -> None:
            made(path, mode)
            for name in self.files:
                (path / name).touch()

        monkeypatch.setattr(Path, "mkdir", mkdir)

    def hand_on(self, folder: Path, controllers: str) -> None:
        (folder / "cgroup.subtree_control").write_text(controllers)

    def groups(self, folder: Path) -> list[Path]:
        return [one for one in folder.iterdir() if one.name.startswith("motia-")]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


@pytest.mark.parametrize("below", ["app/main", "app"])
def test_a_group_is_made_where_controllers_are_handed_on(kernel: Kernel, below: str) -> None:
    kernel.hand_on(kernel.root / below, "cpu memory")

    group = make_cgroup(ram_bytes=1 << 27, cpu=0.5, root=kernel.root, own="/app/main")

    [folder] = kernel.groups(kernel.root / below)
    assert group is not None
    assert group.add(1234)
    assert (folder / "cgroup.procs").read_text() == "1234"
    assert (folder / "memory.max").read_text() == str(1 << 27)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "cpu.max").read_text() == "50000 100000"


def test_none_is_made_where_none_are_handed_on(kernel: Kernel) -> None:
    assert make_cgroup(ram_bytes=1 << 27, cpu=None, root=kernel.root, own="/app/main") is None


def test_none_is_made_where_a_limit_is_refused(kernel: Kernel) -> None:
    kernel.files = ("cgroup.procs", "memory.max")
    kernel.hand_on(kernel.own, "cpu memory")

    assert make_cgroup(ram_bytes=None, cpu=1.0, root=kernel.root, own="/app/main") is None


def test_none_is_made_under_cgroups_v1(tmp_path: Path) -> None:
    assert make_cgroup(ram_bytes=1 << 27, cpu=None, root=tmp_path, own="/") is None
