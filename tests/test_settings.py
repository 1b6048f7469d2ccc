"""Settings: where each comes from, its limits, and that the page tells the same."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from motia_actors.errors import SettingsError
from motia_actors.settings import (
    GIB,
    MIB,
    SOURCES,
    Settings,
    load_env_file,
    read_settings,
    store_path,
)

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
COUNTED = (
    "bytes seconds handlers letters requests connections processes calls clients joins traces part"
    " records proxies answers spans"
)
LIMITS = re.compile(rf"(?:{COUNTED.replace(' ', '|')}), (\w+) to (\w+)")


def told() -> dict[str, dict[str, str]]:
    """Rows of the page's first table, by field."""
    table = PAGE.read_text("utf-8").split("| environment |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    return {
        field.strip("`"): {"name": name.strip("`"), "default": default, "unit": unit, "why": why}
        for name, default, unit, field, why in rows
    }


TOLD = told()
LIMITED = {field: LIMITS.fullmatch(row["unit"]) for field, row in TOLD.items()}


def test_every_field_has_a_source() -> None:
    assert set(SOURCES) == set(Settings.__struct_fields__)


def test_no_two_fields_have_one_variable() -> None:
    assert len({source.name for source in SOURCES.values()}) == len(SOURCES)


@pytest.mark.parametrize("field", SOURCES)
def test_the_page_describes_the_field_with_its_variable_default_and_unit(field: str) -> None:
    row, default = TOLD[field], getattr(Settings(), field)

    assert row["name"] == SOURCES[field].name
    assert row["unit"]
    assert row["why"]
    if default != "":
        assert SOURCES[field].read(row["default"].strip("`")) == default


def test_the_page_describes_nothing_else() -> None:
    assert set(TOLD) == set(SOURCES)


@pytest.mark.parametrize("field", [field for field, limits in LIMITED.items() if limits])
def test_the_limits_of_the_page_are_those_that_hold(field: str) -> None:
    limits, read = LIMITED[field], SOURCES[field].read
    assert limits is not None
    low, high = read(limits[1]), read(limits[2])

    for outside in (low - 1, high + 1):
        with pytest.raises(ValueError, match=r"write a .* from \d+ to \d+"):
            read(str(outside))


def test_every_number_has_limits_on_the_page() -> None:
    numbers = {
        field
        for field in SOURCES
        if isinstance(getattr(Settings(), field), int | float)
        and not isinstance(getattr(Settings(), field), bool)
    }

    assert {field for field, limits in LIMITED.items() if limits} == numbers


def test_without_an_environment_every_field_has_its_default(tmp_path: Path) -> None:
    assert read_settings({}, project=tmp_path) == Settings(project=tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("MOTIA_STORE", "memory://", "store", "memory://"),
        ("MOTIA_DEV", "On", "is_dev", True),
        ("MOTIA_DEV", "0", "is_dev", False),
        ("MOTIA_VALIDATE", "WARN", "validate", "warn"),
        ("MOTIA_STATE_ENVELOPE", "yes", "has_state_envelope", True),
        ("MOTIA_CORS", "https://a.example", "cors", "https://a.example"),
        ("MOTIA_TIMEZONE", "Europe/Berlin", "timezone", "Europe/Berlin"),
        ("LOG_LEVEL", "debug", "log_level", "debug"),
        ("MOTIA_LOG_FORMAT", "json", "log_format", "json"),
        ("MOTIA_BODY_MAX", "1", "body_bytes_max", 1),
        ("MOTIA_BODY_MAX", "1.5 MiB", "body_bytes_max", 3 * MIB // 2),
        ("MOTIA_VALUE_MAX", "64k", "value_bytes_max", 64 << 10),
        ("MOTIA_MAP_MAX", "2GB", "map_bytes_max", 2 * GIB),
        ("MOTIA_API_TIMEOUT", "0.5", "api_limit_s", 0.5),
        ("MOTIA_EVENT_TIMEOUT", "90", "event_limit_s", 90.0),
        ("MOTIA_API_CONCURRENCY", "1", "api_concurrency", 1),
        ("MOTIA_EVENT_CONCURRENCY", "10000", "event_concurrency", 10_000),
        ("MOTIA_DRAIN_TIMEOUT", " 3600 ", "drain_s", 3600.0),
        ("MOTIA_UNSAFE_NO_SYNC", "true", "unsafe_no_sync", True),
    ],
)
def test_a_variable_sets_its_field(
    name: str, text: str, field: str, value: object, tmp_path: Path
) -> None:
    settings = read_settings({name: text, "MOTIA_PROJECT": str(tmp_path)})

    assert getattr(settings, field) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MOTIA_DEV", "maybe"),
        ("MOTIA_VALIDATE", "strict"),
        ("MOTIA_TIMEZONE", "Mars/Base"),
        ("MOTIA_TIMEZONE", "../etc/passwd"),
        ("MOTIA_TIMEZONE", "Europe"),
        ("LOG_LEVEL", "loud"),
        ("MOTIA_BODY_MAX", "0"),
        ("MOTIA_BODY_MAX", "inf"),
        ("MOTIA_BODY_MAX", "10KM"),
        ("MOTIA_BODY_MAX", "M"),
        ("MOTIA_MAP_MAX", "65T"),
        ("MOTIA_API_TIMEOUT", "soon"),
        ("MOTIA_API_TIMEOUT", "nan"),
        ("MOTIA_API_TIMEOUT", "-1"),
        ("MOTIA_API_CONCURRENCY", "many"),
        ("MOTIA_API_CONCURRENCY", "1e9"),
        ("MOTIA_EVENT_CONCURRENCY", "0"),
        ("MOTIA_EVENT_CONCURRENCY", "9" * 5000),
    ],
)
def test_a_wrong_value_is_named_with_the_way_out(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}='.*': write ") as raised:
        read_settings({name: text, "MOTIA_PROJECT": str(tmp_path)})

    assert "invalid literal" not in str(raised.value)


@pytest.mark.parametrize("name", sorted(source.name for source in SOURCES.values()))
def test_a_variable_set_to_nothing_leaves_the_default(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert read_settings({name: ""}) == Settings(project=tmp_path)


def test_an_override_wins_over_the_environment_unless_it_is_none(tmp_path: Path) -> None:
    environ = {"MOTIA_PROJECT": str(tmp_path), "MOTIA_CORS": "off"}

    settings = read_settings(environ, project=None, cors="*")

    assert (settings.project, settings.cors) == (tmp_path, "*")


def test_the_environment_is_the_process_own_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIA_PROJECT", str(tmp_path))

    assert read_settings().project == tmp_path


def test_a_relative_project_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)

    assert read_settings({"MOTIA_PROJECT": "shop"}).project == tmp_path / "shop"


def test_a_missing_project_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"folder .*/nowhere does not exist; set MOTIA_PROJECT"):
        read_settings({"MOTIA_PROJECT": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("", "/shop/.motia/data"),
        ("memory://", None),
        ("lmdb:///var/lib/shop", "/var/lib/shop"),
        ("lmdb://data/shop", "/shop/data/shop"),
    ],
)
def test_the_store_is_where_its_address_says_seen_from_the_project(
    address: str, path: str | None
) -> None:
    found = store_path(Settings(project=Path("/shop"), store=address))

    assert found == (None if path is None else Path(path))


@pytest.mark.parametrize("address", ["redis://localhost", "lmdb://", "memory", "/var/lib/shop"])
def test_an_unknown_store_is_named_with_the_way_out(address: str) -> None:
    with pytest.raises(
        SettingsError, match=r"MOTIA_STORE=.*: write lmdb:///path, nats://host or memory://"
    ):
        store_path(Settings(store=address))


def test_an_env_file_adds_variables_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ: dict[str, Any] = {"MOTIA_CORS": "off"}
    monkeypatch.setattr(os, "environ", environ)
    (tmp_path / ".env").write_text("MOTIA_CORS=*\nMOTIA_API_TIMEOUT=5\nSHOP_KEY='a b'\n", "utf-8")

    load_env_file(tmp_path / ".env")

    assert environ == {"MOTIA_CORS": "off", "MOTIA_API_TIMEOUT": "5", "SHOP_KEY": "a b"}


def test_no_env_file_is_no_error(tmp_path: Path) -> None:
    before = dict(os.environ)

    load_env_file(tmp_path / ".env")

    assert dict(os.environ) == before
