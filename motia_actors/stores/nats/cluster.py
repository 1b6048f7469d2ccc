"""The log in the cluster: made where it is missing, checked where it is there."""

from __future__ import annotations

import asyncio
import http.client
import logging
from typing import Any

import msgspec
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api
from nats.js.errors import BadRequestError, NotFoundError

from motia_actors.errors import StoreError
from motia_actors.stores.nats.address import Address

_MONITOR_S_MAX = 2.0
_VERSION_MIN = (2, 12)
_ALWAYS = "jetstream { sync_interval: always }"

logger = logging.getLogger(__name__)


class UnsafeClusterError(StoreError):
    """The cluster may lose what it acknowledged, and the settings refuse that."""


async def prepare(js: JetStreamContext, address: Address, *, version: str) -> api.StreamInfo:
    """Make or check the log; answers how it stands.

    Raises:
        UnsafeClusterError: its settings may lose acknowledged writes.
        NatsError: the cluster does not answer now.
    """
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < _VERSION_MIN:
        raise UnsafeClusterError(f"nats-server {version} is too old; run 2.12 or newer")
    wanted = api.StreamConfig(
        name=address.stream,
        subjects=[address.subject],
        storage=api.StorageType.FILE,
        retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.NEW,
        num_replicas=address.replicas,
        max_bytes=address.log_bytes_max,
        max_msgs=-1,
        max_age=0,
        description=f"motia_actors: the log of system {address.system}",
    )
    try:
        info = await js.stream_info(address.stream)
    except NotFoundError:
        try:
            info = await js.add_stream(wanted)
        except BadRequestError:
            # Another process made it between the two calls; or it is refused, which this says.
            info = await js.stream_info(address.stream)
    for problem in problems_of(info.config, address):
        _report(address, problem)
    return info


def problems_of(config: api.StreamConfig, address: Address) -> list[str]:
    """What of a log's settings may lose acknowledged writes, in plain words."""
    problems = []
    name = config.name
    if (config.num_replicas or 1) < address.replicas:
        problems.append(
            f"stream {name} has {config.num_replicas} copies and {address.replicas} are asked "
            f"for: run `nats stream edit {name} --replicas {address.replicas}`"
        )
    if config.storage != api.StorageType.FILE:
        problems.append(f"stream {name} is kept in memory, a restart loses it: make it anew")
    if config.discard != api.DiscardPolicy.NEW or config.retention != api.RetentionPolicy.LIMITS:
        problems.append(
            f"stream {name} drops old messages that hosts may need: "
            f"run `nats stream edit {name} --discard new`"
        )
    if config.max_age or (config.max_msgs or -1) > 0:
        problems.append(
            f"stream {name} drops messages by age or count that hosts may need: "
            f"run `nats stream edit {name} --max-age 0 --max-msgs -1`"
        )
    if config.persist_mode == api.PersistMode.ASYNC:
        problems.append(f"stream {name} acknowledges before it writes: make it anew")
    return problems


async def verify(address: Address) -> None:
    """Look whether every server that can be asked flushes before it acknowledges.

    Raises:
        UnsafeClusterError: one does not, or none can be asked.
    """
    found = await asyncio.gather(
        *(asyncio.to_thread(_is_always, host, port) for host, port in address.monitors)
    )
    for (host, port), is_always in zip(address.monitors, found, strict=True):
        if is_always is False:
            _report(
                address,
                f"the server monitored at {host}:{port} acknowledges up to two minutes before it "
                f"flushes, and a power cut loses all of that: set {_ALWAYS}",
            )
    if True not in found:
        asked = ", ".join(f"{host}:{port}" for host, port in address.monitors) or "nobody"
        _report(
            address,
            f"nobody says whether the servers flush before they acknowledge (asked: {asked}): "
            f"set {_ALWAYS} and `http: 8222` in their configuration, or say where with ?monitor=",
        )


def _report(address: Address, problem: str) -> None:
    if address.is_strict:
        raise UnsafeClusterError(
            f"{problem}; or accept the loss with MOTIA_STORE=nats://…?durability=relaxed"
        )
    logger.error("acknowledged writes may be lost: %s", problem)


def _is_always(host: str, port: int) -> bool | None:
    """Whether the server monitored there flushes always; None where it does not answer."""
    connection = http.client.HTTPConnection(host, port, timeout=_MONITOR_S_MAX)
    try:
        connection.request("GET", "/varz")
        varz: Any = msgspec.json.decode(connection.getresponse().read())
        return bool(varz["jetstream"]["config"].get("sync_always", False))
    except (OSError, http.client.HTTPException, msgspec.DecodeError, KeyError, TypeError):
        return None
    finally:
        connection.close()


__all__ = ["NatsError", "UnsafeClusterError", "prepare", "problems_of", "verify"]
