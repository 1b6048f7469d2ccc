"""How MOTIA_STORE says where a cluster is."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.errors import SettingsError
from motia_actors.stores.nats.address import parse


def test_hosts_user_and_options_are_read() -> None:
    address = parse("nats://shop:p%40ss@n1,n2:5222,[::1]?system=shop&replicas=3&monitor=9222")

    assert address.servers == (("n1", 4222), ("n2", 5222), ("::1", 4222))
    assert address.monitors == (("n1", 9222), ("n2", 9222), ("::1", 9222))
    assert (address.user, address.password) == ("shop", "p@ss")
    assert (address.stream, address.replicas, address.is_strict) == ("MOTIA_shop", 3, True)


def test_one_host_keeps_one_copy_and_several_keep_three() -> None:
    assert parse("nats://n1").replicas == 1
    assert parse("nats://n1,n2,n3").replicas == 3


def test_files_of_credentials_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "a.creds"
    file.touch()

    assert parse(f"nats+tls://n?credentials={file}&ca={file}").tls_ca == file
    with pytest.raises(SettingsError, match=r"no file '/none\.creds'"):
        parse("nats://n?credentials=/none.creds")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nats://", "a host is missing"),
        ("nats://n1,,n2", "a host is missing"),
        ("nats://n:port", "Port could not be cast"),
        ("nats://n/shop", "'/shop' after the hosts means nothing"),
        ("nats://n?system=a.b", "write letters, digits"),
        ("nats://n?replicas=2", "none of 1, 3 and 5"),
        ("nats://n?log_bytes=-1", "no whole number"),
        ("nats://n?durability=none", "neither strict nor relaxed"),
        ("nats://token@n?nkey=/etc/hostname", "one is enough"),
        ("nats://n?colour=red", "'colour' is no option"),
    ],
)
def test_what_is_malformed_is_named(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        parse(text)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        parse("nats://user:secret@n?replicas=2")

    assert "secret" not in str(caught.value)
