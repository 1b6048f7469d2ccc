"""`nats://user:password@host1,host2:4222?system=shop`: where the cluster is, and how to enter."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from motia_actors.errors import SettingsError

PORT = 4222
MONITOR_PORT = 8222
_NAME_CHARS_MAX = 32
_REPLICAS = (1, 3, 5)
_FILES = ("credentials", "nkey", "ca", "cert", "key")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """What MOTIA_STORE says of a cluster.

    `servers`: host and port of each. `monitors`: where each one's monitoring listens, empty where
    nobody may look. `is_strict`: a server that may lose acknowledged writes is refused, not only
    reported. `log_bytes_max`: of the log in the cluster. `user` without `password` is a token.
    """

    servers: tuple[tuple[str, int], ...]
    monitors: tuple[tuple[str, int], ...]
    user: str | None = None
    password: str | None = None
    system: str = "motia"
    replicas: int
    is_strict: bool = True
    log_bytes_max: int = 4 * 2**30
    folder: Path | None = None
    credentials: Path | None = None
    nkey: Path | None = None
    is_tls: bool = False
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def stream(self) -> str:
        """Name of the stream that is the log."""
        return f"MOTIA_{self.system}"

    @property
    def subject(self) -> str:
        """Subject that its messages are published to."""
        return f"motia.{self.system}.log"


def parse(text: str) -> Address:
    """Read an address.

    Raises:
        SettingsError: it is malformed; says what and where.
    """
    try:
        return _parse(text)
    except ValueError as error:
        # The address may hold a password: it is not repeated.
        raise SettingsError(
            f"MOTIA_STORE=nats://…: {error}; write nats://user:password@host1,host2?system=NAME"
        ) from error


def _parse(text: str) -> Address:
    parts = urlsplit(text)
    user, _, hosts = parts.netloc.rpartition("@")
    servers = tuple(_server(host) for host in hosts.split(","))
    name, has_password, password = user.partition(":")
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    if parts.path not in ("", "/"):
        raise ValueError(f"{parts.path!r} after the hosts means nothing")
    files = {key: _file(options.pop(key, "")) for key in _FILES}
    replicas = options.pop("replicas", "")
    folder = options.pop("folder", "")
    address = Address(
        servers=servers,
        monitors=_monitors(options.pop("monitor", ""), servers),
        user=unquote(name) or None,
        password=unquote(password) if has_password else None,
        system=_system(options.pop("system", "motia")),
        replicas=_count("replicas", replicas) if replicas else (3 if len(servers) > 1 else 1),
        is_strict=_word("durability", options.pop("durability", "strict")),
        log_bytes_max=_count("log_bytes", options.pop("log_bytes", str(4 * 2**30))),
        folder=Path(folder) if folder else None,
        credentials=files["credentials"],
        nkey=files["nkey"],
        is_tls=parts.scheme == "nats+tls",
        tls_ca=files["ca"],
        tls_cert=files["cert"],
        tls_key=files["key"],
    )
    if options:
        raise ValueError(f"{sorted(options)[0]!r} is no option of it")
    if address.replicas not in _REPLICAS:
        raise ValueError(f"replicas={address.replicas} is none of 1, 3 and 5")
    if sum(map(bool, (address.user, address.credentials, address.nkey))) > 1:
        raise ValueError("of user, credentials and nkey one is enough")
    if (address.tls_ca or address.tls_cert) and not address.is_tls:
        raise ValueError("ca and cert belong to nats+tls://")
    return address


def _server(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, parts.port or PORT


def _monitors(text: str, servers: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """The hosts with the port that is told, or places of their own."""
    if text == "off":
        return ()
    if not text or text.isdecimal():
        port = int(text or MONITOR_PORT)
        return tuple((host, port) for host, _ in servers)
    return tuple(_server(host) for host in text.split(","))


def _system(text: str) -> str:
    is_plain = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    if not is_plain or len(text) > _NAME_CHARS_MAX:
        raise ValueError(
            f"system={text[:80]!r}: write letters, digits, - and _, {_NAME_CHARS_MAX} at most"
        )
    return text


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise ValueError(f"{name}={text[:80]!r} is no whole number above 0")
    return int(text)


def _word(name: str, text: str) -> bool:
    if text not in ("strict", "relaxed"):
        raise ValueError(f"{name}={text[:80]!r} is neither strict nor relaxed")
    return text == "strict"


def _file(text: str) -> Path | None:
    if not text:
        return None
    if not Path(text).is_file():
        raise ValueError(f"there is no file {text!r}")
    return Path(text)
