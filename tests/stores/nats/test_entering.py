"""Users, passwords and TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import StateSet
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.nats_servers import one_server
from tests.stores.driving import driven

pytestmark = pytest.mark.slow

USERS = 'authorization { users: [ { user: shop, password: "p@ss" } ] }\n'


def test_a_user_with_a_password_enters(tmp_path: Path) -> None:
    with one_server(tmp_path / "server", more=USERS) as server:
        where = f"nats://shop:p%40ss@127.0.0.1:{server.port}?monitor={server.monitor}"
        store = NatsStore(parse(where), tmp_path / "a", SystemClock(), map_bytes_max=2**28)

        with driven(store) as a:
            a.write(StateSet(group="g", key="k", value=b"1"))
            assert a.statistics()["is_connected"] == 1.0


def test_a_wrong_password_is_told_and_kept_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with one_server(tmp_path / "server", more=USERS) as server:
        where = f"nats://shop:wrong-one@127.0.0.1:{server.port}?monitor={server.monitor}"
        store = NatsStore(
            parse(where), tmp_path / "a", SystemClock(), map_bytes_max=2**28, start_s_max=1.0
        )
        with driven(store) as a:
            assert a.statistics()["is_connected"] == 0.0

    assert "uthorization" in caplog.text
    assert "wrong-one" not in caplog.text


def test_tls_is_spoken_with_a_server_that_the_given_authority_vouches_for(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key)),
            *("-out", str(cert), "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    more = f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n'
    with one_server(tmp_path / "server", more=more) as server:
        known = f"nats+tls://127.0.0.1:{server.port}?monitor={server.monitor}"
        for where, is_trusted in ((f"{known}&ca={cert}", 1.0), (known, 0.0)):
            store = NatsStore(
                parse(where), tmp_path / "a", SystemClock(), map_bytes_max=2**28, start_s_max=3.0
            )
            with driven(store) as a:
                assert a.statistics()["is_connected"] == is_trusted
