"""Users, passwords, tokens, keys, credentials and TLS."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import nkeys
import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import StateSet
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.entering import EntryError, shown
from motia_actors.stores.nats.store import NatsStore
from tests.e2e.server import wait_until
from tests.nats_keys import Key, Operator, a_user
from tests.nats_servers import one_server
from tests.stores.driving import driven, ids, lease, put

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


def entered(where: str, folder: Path) -> float:
    store = NatsStore(
        parse(where), folder / "a", SystemClock(), map_bytes_max=2**28, start_s_max=1.0
    )
    with driven(store) as a:
        return a.statistics()["is_connected"]


def test_a_token_enters(tmp_path: Path) -> None:
    more = 'authorization { token: "s3/cret" }\n'
    with one_server(tmp_path / "server", more=more) as server:
        where = f"127.0.0.1:{server.port}?monitor={server.monitor}"

        assert entered(f"nats://s3%2Fcret@{where}", tmp_path) == 1.0
        assert entered(f"nats://other@{where}", tmp_path) == 0.0


def test_an_nkey_enters_that_the_server_knows(tmp_path: Path) -> None:
    known, other = a_user(), a_user()
    more = f'authorization {{ users: [ {{ nkey: "{known.public}" }} ] }}\n'
    with one_server(tmp_path / "server", more=more) as server:
        where = f"nats://127.0.0.1:{server.port}?monitor={server.monitor}&nkey={tmp_path}/nk"
        (tmp_path / "nk").write_bytes(known.seed + b"\n")

        assert entered(where, tmp_path) == 1.0
        (tmp_path / "nk").write_bytes(other.seed)
        assert entered(where, tmp_path) == 0.0


def test_credentials_enter_where_an_operator_vouches_for_their_account(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operator, file = Operator(), tmp_path / "shop.creds"
    with one_server(tmp_path / "server", more=operator.config) as server:
        where = f"nats://127.0.0.1:{server.port}?monitor={server.monitor}&credentials={file}"

        operator.write_credentials(file)
        assert entered(where, tmp_path) == 1.0
        Operator().write_credentials(file)
        assert entered(where, tmp_path) == 0.0
    assert "uthorization" in caplog.text
    assert file.read_text().splitlines()[1] not in caplog.text


def test_credentials_that_end_are_renewed_by_a_new_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operator, file = Operator(), tmp_path / "shop.creds"
    with one_server(tmp_path / "server", more=operator.config) as server:
        where = f"nats://127.0.0.1:{server.port}?monitor={server.monitor}&credentials={file}"
        operator.write_credentials(file, ends_s=time.time() + 2.0)
        store = NatsStore(parse(where), tmp_path / "a", SystemClock(), map_bytes_max=2**28)
        with driven(store) as a:
            a.write(StateSet(group="g", key="k", value=b"1"))
            # The server ends the connection, and refuses what the file holds.
            wait_until(lambda: a.troubles() != [], what="the end of the credentials")
            put(a, "kept")

            file.write_text("torn while it is written")
            wait_until(lambda: "has no NATS USER JWT" in caplog.text, what="a look at the file")
            operator.write_credentials(file)

            a.write(StateSet(group="g", key="k", value=b"2"))
            assert ids(lease(a)) == ["kept"]


@pytest.mark.parametrize(
    ("option", "content", "says"),
    [
        ("credentials", b"", "has no NATS USER JWT"),
        ("credentials", b"-----BEGIN NATS USER JWT-----\n", "has no NATS USER JWT"),
        (
            "credentials",
            b"---BEGIN NATS USER JWT---\nx.y.z\n---END NATS USER JWT---\n",
            "has no USER NKEY SEED",
        ),
        ("credentials", b"\xff\xfe", "no text of ASCII"),
        ("credentials", b"x" * 70_000, "is larger than 65536"),
        ("nkey", b"", "holds no seed"),
        ("nkey", b"SUAM" + b"!" * 54, "holds no seed"),
        ("nkey", Key(nkeys.PREFIX_BYTE_ACCOUNT).seed, "something else than a user's"),
    ],
    ids=[
        "empty",
        "cut off",
        "no seed",
        "no text",
        "too large",
        "no key",
        "odd key",
        "an account's",
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_at_the_start(
    tmp_path: Path, option: str, content: bytes, says: str
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    store = NatsStore(parse(f"nats://127.0.0.1:1?{option}={file}"), tmp_path / "a", SystemClock())

    with pytest.raises(EntryError, match=says) as caught:
        store.open()

    assert len(str(caught.value)) < 300


def test_credentials_with_the_ends_of_lines_of_windows_are_read(tmp_path: Path) -> None:
    file = Operator().write_credentials(tmp_path / "shop.creds")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))

    found = shown(parse(f"nats://n?credentials={file}"))["user_credentials"]

    assert "\r" not in found.data


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


def test_a_file_for_tls_that_is_gone_is_told_and_looked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ca.pem").touch()
    where = parse(f"nats+tls://127.0.0.1:1?ca={tmp_path}/ca.pem")
    (tmp_path / "ca.pem").unlink()
    store = NatsStore(where, tmp_path / "a", SystemClock(), map_bytes_max=2**28, start_s_max=0.1)

    with driven(store) as a:
        put(a, "kept")

        assert a.statistics()["outbox_kept"] == 1
    assert "FileNotFoundError" in caplog.text
