"""Keys and signed claims as `nsc` makes them: an operator, its accounts, their users."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import nkeys

_USER = {"subs": -1, "data": -1, "payload": -1}
_LIMITS = {
    **_USER,
    **dict.fromkeys(("imports", "exports", "conn", "leaf"), -1),
    "wildcards": True,
    **dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1),
}


class Key:
    """A pair of keys, of an operator, an account or a user."""

    def __init__(self, kind: int) -> None:
        self.seed = bytes(nkeys.encode_seed(os.urandom(32), kind))
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def vouch(self, other: Key, kind: str, claims: dict[str, Any], *, ends_s: float = 0) -> str:
        """What this one signs about another, as a JWT."""
        body: dict[str, Any] = {
            "jti": os.urandom(16).hex(),
            "iat": int(time.time()),
            "iss": self.public,
            "name": kind,
            "sub": other.public,
            "nats": {"type": kind, "version": 2, **claims},
        }
        if ends_s:
            body["exp"] = int(ends_s)
        text = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
        return f"{text}.{_text(self._pair.sign(text.encode()))}"


def a_user() -> Key:
    return Key(nkeys.PREFIX_BYTE_USER)


class Operator:
    """An operator with a system account and one for the shop."""

    def __init__(self) -> None:
        self._key, system = (
            Key(kind) for kind in (nkeys.PREFIX_BYTE_OPERATOR, nkeys.PREFIX_BYTE_ACCOUNT)
        )
        self._shop = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        accounts = ", ".join(
            f"{key.public}: {self._key.vouch(key, 'account', {'limits': limits})}"
            for key, limits in ((system, {}), (self._shop, _LIMITS))
        )
        self.config = (
            f"operator: {self._key.vouch(self._key, 'operator', {})}\n"
            f"system_account: {system.public}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {accounts} }}\n"
        )

    def write_credentials(self, file: Path, *, ends_s: float = 0) -> Path:
        """A file of credentials for a new user of the shop's account."""
        user = a_user()
        jwt = self._shop.vouch(user, "user", _USER, ends_s=ends_s)
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            "************************* IMPORTANT *************************\n"
            "NKEY Seed printed below can be used to sign and prove identity.\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n"
            "------END USER NKEY SEED------\n"
        )
        return file


def _part(value: object) -> str:
    return _text(msgspec.json.encode(value))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
