"""What a process shows to enter: a user with a password, a token, an nkey, or credentials.

Files are read anew for each connection, so that a key or a JWT that ends may be renewed in its
place. They are read here and not by the client, which waits for ever where a mark is missing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nkeys
from nats.aio.client import RawCredentials

from motia_actors.errors import StoreError
from motia_actors.stores.nats.address import Address

_FILE_BYTES_MAX = 64 * 1024
_JWT, _SEED = "NATS USER JWT", "USER NKEY SEED"
_PART = r"-{{3,}}BEGIN {name}-{{3,}}\s+(\S+)\s+-{{3,}}END {name}-{{3,}}"


class EntryError(StoreError):
    """A file of a key or of credentials is not usable. Its content is not repeated."""


def shown(address: Address) -> dict[str, Any]:
    """What the client is told of who we are, as arguments of its `connect`.

    Raises:
        EntryError: a file cannot be read or holds something else.
    """
    if address.credentials is not None:
        return {"user_credentials": _credentials(address.credentials)}
    if address.nkey is not None:
        return {"nkeys_seed_str": _seed(_text(address.nkey).strip(), address.nkey)}
    if address.password is None:
        return {"token": address.user}
    return {"user": address.user, "password": address.password}


def _credentials(file: Path) -> RawCredentials:
    text = _text(file)
    parts = {}
    for name in (_JWT, _SEED):
        found = re.search(_PART.format(name=name), text)
        if found is None:
            raise EntryError(
                f"{file} has no {name} between its marks; write it with "
                "`nsc generate creds --account NAME --name USER`"
            )
        parts[name] = found[1]
    _seed(parts[_SEED], file)
    return RawCredentials(
        "".join(f"-----BEGIN {name}-----\n{part}\n------\n" for name, part in parts.items())
    )


def _seed(text: str, file: Path) -> str:
    try:
        nkeys.from_seed(bytearray(text.encode())).wipe()
    except (nkeys.NkeysError, ValueError) as error:
        raise EntryError(
            f"{file} holds no seed of a user's nkey ({type(error).__name__}); it begins with SU "
            "and is one line, as `nk -gen user` writes it"
        ) from error
    if not text.startswith("SU"):
        raise EntryError(f"{file} holds the seed of something else than a user's nkey")
    return text


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_FILE_BYTES_MAX + 1)
        if len(data) > _FILE_BYTES_MAX:
            raise EntryError(f"{file} is larger than {_FILE_BYTES_MAX} bytes; it is another file")
        return data.decode("ascii")
    except OSError as error:
        raise EntryError(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EntryError(f"{file} is no text of ASCII; it is another file") from error
