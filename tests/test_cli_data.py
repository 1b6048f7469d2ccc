"""`motia-actors data …`: what it prints and with which exit status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motia_actors.cli import cli
from motia_actors.store import StateSet
from tests.stores.driving import driven
from tests.stores.filling import a_store, dump, filled

Invoke = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a data folder where it is by default."""
    path = tmp_path / "shop"
    (path / "steps").mkdir(parents=True)
    filled(path / ".motia" / "data")
    return path


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOTIA_STORE", raising=False)
    monkeypatch.delenv("MOTIA_PROJECT", raising=False)
    return lambda *words: CliRunner().invoke(cli, ["data", *map(str, words)])


def damage(project: Path) -> None:
    data = project / ".motia" / "data" / "db" / "data.mdb"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 8192 * 4096])


def test_a_whole_folder_is_well(invoke: Invoke, project: Path) -> None:
    result = invoke("check", "--project", project)

    assert result.exit_code == 0
    assert f"{project / '.motia' / 'data'}: all is well, in use by nobody" in result.output


def test_damage_is_exit_1_and_says_the_way_out(invoke: Invoke, project: Path) -> None:
    damage(project)

    result = invoke("check", "--project", project)

    assert result.exit_code == 1
    assert "error: " in result.output
    assert "restore a backup, or export what can be read" in result.output


def test_a_backup_is_written_and_can_be_served(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = invoke("backup", "copy", "--project", project)
    monkeypatch.setenv("MOTIA_STORE", f"lmdb://{Path('copy').absolute()}")
    checked = invoke("check", "--project", project)

    assert (made.exit_code, checked.exit_code) == (0, 0)
    assert "MiB, checked" in made.output
    assert "copy: all is well" in checked.output


def test_compacting_says_what_it_saved(invoke: Invoke, project: Path) -> None:
    result = invoke("compact", "--project", project)

    assert result.exit_code == 0
    assert "MiB before" in result.output


def test_an_export_moves_everything(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(project / ".motia" / "data")

    out = invoke("export", "all.jsonl", "--journal", "--project", project)
    monkeypatch.setenv("MOTIA_STORE", "lmdb://elsewhere")
    back = invoke("import", "all.jsonl", "--project", project)

    assert (out.exit_code, back.exit_code) == (0, 0)
    assert Path("all.jsonl").read_bytes() == before
    assert dump(project / "elsewhere") == before
    assert "7 state, 8 item, 11 delivery, 1 dead, 1 slot, 1 dedupe, 1 record" in back.output


def test_a_damaged_folder_is_exported_with_exit_1(invoke: Invoke, project: Path) -> None:
    damage(project)

    result = invoke("export", "rest.jsonl", "--project", project)

    assert result.exit_code == 1
    assert "lost: " in result.output
    assert Path("rest.jsonl").read_bytes().startswith(b'{"kind":"header"')


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("backup", "taken"), "is there already"),
        (("export", "taken"), "is there already"),
        (("import", "missing"), "cannot read"),
        (("import", "taken"), "holds"),
        (("export", "no/such/folder"), "cannot write"),
    ],
)
def test_what_cannot_be_done_is_exit_2_and_a_sentence(
    invoke: Invoke, project: Path, words: tuple[str, ...], reason: str
) -> None:
    Path("taken").write_text("")

    result = invoke(*words, "--project", project)

    assert result.exit_code == 2
    assert reason in result.output
    assert "Traceback" not in result.output


def test_a_merge_adds_to_what_is_there(invoke: Invoke, project: Path) -> None:
    invoke("export", "all.jsonl", "--project", project)
    with driven(a_store(project / ".motia" / "data")) as store:
        store.write(StateSet(group="mine", key="k", value=b"1"))

    result = invoke("import", "all.jsonl", "--merge", "--project", project)

    assert result.exit_code == 0
    with driven(a_store(project / ".motia" / "data")) as store:
        assert store.state.get("mine", "k") == b"1"


@pytest.mark.parametrize("words", [["compact"], ["import", "all.jsonl"]])
def test_what_needs_the_folder_alone_is_refused_while_it_is_used(
    invoke: Invoke, project: Path, words: list[str]
) -> None:
    Path("all.jsonl").write_bytes(dump(project / ".motia" / "data"))

    with driven(a_store(project / ".motia" / "data")):
        result = invoke(*words, "--project", project)

    assert result.exit_code == 2
    assert "in use" in result.output


def test_memory_has_no_data(invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIA_STORE", "memory://")

    result = invoke("check", "--project", project)

    assert result.exit_code == 2
    assert "keeps nothing on disk" in result.output


def test_a_project_that_never_ran_has_no_data(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("check", "--project", tmp_path)

    assert result.exit_code == 2
    assert "there is no store" in result.output
