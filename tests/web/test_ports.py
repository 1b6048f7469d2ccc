"""Ports are looked at before gunicorn tries them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from motia_actors.errors import SettingsError
from motia_actors.web.ports import INHERITED, ensure_free, first_free

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_free_port_is_taken_as_it_is() -> None:
    assert first_free(HERE, 0, count_max=1) == 0


def test_a_busy_port_is_passed_over(taken: int) -> None:
    assert taken < first_free(HERE, taken, count_max=11) <= taken + 10


def test_the_search_ends_after_as_many_as_it_may_try(taken: int) -> None:
    with pytest.raises(SettingsError, match=f"ports {taken} to {taken} of {HERE} are all in use"):
        first_free(HERE, taken, count_max=1)


def test_a_host_of_another_machine_is_named() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1:3000: .*--host"):
        first_free("192.0.2.1", 3000, count_max=11)


def test_a_busy_address_is_named_with_the_way_out(taken: int) -> None:
    with pytest.raises(SettingsError, match=f"port {taken} of {HERE} is in use; .*--port"):
        ensure_free([(HERE, 0), (HERE, taken)])


def test_addresses_that_are_no_ports_are_let_pass() -> None:
    ensure_free(["shop.sock", 3, (HERE, 0)])


def test_a_port_that_is_shared_by_intent_is_let_pass(taken: int) -> None:
    ensure_free([(HERE, taken)], is_shared=True)


@pytest.mark.parametrize("name", sorted(INHERITED))
def test_a_port_that_was_handed_to_us_is_let_pass(
    taken: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "3")

    ensure_free([(HERE, taken)])


def test_a_port_of_a_server_that_just_ended_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HERE, 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        with socket.create_connection((HERE, port)) as client:
            connection, _ = listener.accept()
            connection.close()
            client.recv(1)

    ensure_free([(HERE, port)])
