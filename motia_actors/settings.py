"""Every setting of the runtime: its unit, default, limits and name in the environment.

Read once, by whoever composes the system, and passed down from there. The project's `.env` is
read too; the environment wins over it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from dotenv import dotenv_values

from motia_actors.errors import SettingsError

MIB = 1 << 20
GIB = 1 << 30

Validate = Literal["enforce", "warn", "off"]


class ControlToken(msgspec.Struct, frozen=True, kw_only=True):
    """Opens the control endpoints for whoever has it; name is who that is in the audit log."""

    name: str
    scope: Literal["read", "write"]
    token: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set. `docs/settings.md` lists each with its name in the environment."""

    project: Path = Path()
    """Folder that holds `steps/` or `src/`; it becomes the working directory."""
    store: str = ""
    """`lmdb:///path`, `nats://host`, `memory://`, or empty for `.motia/data` in the project."""
    is_dev: bool = False
    """Control endpoints without a token, and reload of changed steps."""
    control_token: str = ""
    """Opens the control endpoints outside of `is_dev`; empty: they are not there."""
    control_tokens: tuple[ControlToken, ...] = ()
    """More tokens, each with a name and a scope."""
    redact: tuple[str, ...] = ()
    """Parts of names whose fields logs hide, beside those that always are."""
    validate: Validate = "enforce"
    """What becomes of bodies, inputs and stream items that break their schema."""
    has_state_envelope: bool = False
    """Python's `state.get` wraps values as Motia 0.17 did."""
    cors: str = "*"
    """`*`, `off`, or origins separated by commas."""
    infrastructure: str = ""
    """File over the steps' own `infrastructure`; empty: `infrastructure.toml` in the project."""
    timezone: str = ""
    """Of cron expressions; empty: the machine's."""
    log_level: str = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    body_bytes_max: int = 16 * MIB
    upload_bytes_max: int = 256 * MIB
    """Of a multipart body as a whole."""
    upload_memory_bytes_max: int = MIB
    """Of a file in it; a larger one goes to disk."""
    uploads: str = ""
    """Folder for those files; empty: `.motia/uploads` in the project."""
    proxies: int = 0
    """How many proxies stand before the server and write X-Forwarded-For."""
    stream_idle_s: float = 300.0
    """After so long without a piece a streamed answer is cut; 0: never."""
    stream_limit_s: float = 3600.0
    """How long a streamed answer may take; 0: any time."""
    streams_max: int = 16
    """How many answers a worker streams at a time; each has a thread of its own."""
    static: str = ""
    """Folder of files to serve, such as `public`; empty: none."""
    static_prefix: str = "/"
    """Below which path they are served."""
    has_static_fallback: bool = False
    """The folder's `index.html` answers paths that have no file."""
    requests_waiting_max: int = 1024
    """How many requests may wait for a thread of a worker; more are refused."""
    connections_per_address_max: int = 256
    """Of one client with a worker, unless it is a trusted proxy."""
    clients_max: int = 10_000
    """WebSockets and event streams that a worker may have open; more are refused."""
    subscriptions_max: int = 1_000
    """Of one of them."""
    joins_per_s_max: int = 200
    """Of one of them; what comes sooner waits."""
    socket_message_bytes_max: int = 64 * 1024
    """Of one message that a client sends over a WebSocket."""
    socket_queue_bytes_max: int = 4 * MIB
    """What may wait for a client that does not keep up; then it is closed."""
    value_bytes_max: int = 16 * MIB
    map_bytes_max: int = 64 * GIB
    """How large the data file may grow."""
    api_limit_s: float = 30.0
    """Time limit of api steps that set none; 0: none."""
    event_limit_s: float = 0.0
    """Time limit of event and cron steps that set none; 0: none."""
    api_concurrency: int = 64
    event_concurrency: int = 10
    dead_age_s: float = 30 * 86_400.0
    """How long a dead letter is kept."""
    dead_count_max: int = 10_000
    """How many dead letters of a step are kept; the oldest go first."""
    trace_ratio: float = 1.0
    """The part of all traces that is kept; what fails is always kept."""
    traces_per_s_max: float = 50.0
    spans_per_s_max: int = 1000
    """How many traces a worker keeps of each second; 0: any number."""
    otlp_endpoint: str = ""
    """Collector that spans are sent to, by OTLP over HTTP; empty: none."""
    journal_count_max: int = 10_000
    """How many log lines are kept, and how many spans; the oldest go first."""
    journal_bytes_max: int = 64 * MIB
    """How many bytes of either."""
    journal_age_s: float = 3 * 86_400.0
    """How long either is kept."""
    changes_bytes_max: int = 64 * MIB
    """How many bytes the log of stream changes has, which clients that come back hear of."""
    drain_s: float = 25.0
    """How long a stop waits for handlers to finish; below gunicorn's graceful timeout."""
    node: str = ""
    """Path of the Node that runs `.ts` and `.js` steps; empty: the extra's, else the machine's."""
    node_count: int = 2
    """How many Node processes one worker may have."""
    node_hang_s: float = 10.0
    """After so long without a sign of life a Node process is killed and replaced."""
    node_heap_bytes: int = 0
    """Largest heap of a Node process; 0: as Node decides."""
    child_calls_max: int = 0
    """After so many calls a process of steps is relieved by a new one; 0: never."""
    child_memory_bytes: int = 2 * GIB
    """At so much resident memory a process of steps is relieved by a new one; 0: never."""
    unsafe_no_sync: bool = False
    """For tests only: commits are not flushed, and a power cut may destroy the data."""


class _Source(msgspec.Struct, frozen=True):
    """Where a field comes from, and how its text is read."""

    name: str
    read: Callable[[str], Any]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"write one of {', '.join(words)}")
        return text.lower()

    return read


def _switch(text: str) -> bool:
    known = {
        "1": True,
        "on": True,
        "true": True,
        "yes": True,
        "0": False,
        "off": False,
        "false": False,
        "no": False,
    }
    if text.lower() not in known:
        raise ValueError("write on or off")
    return known[text.lower()]


def _number(low: float, high: float) -> Callable[[str], float]:
    """Read a number of seconds; text that is none is out of every range."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise ValueError(f"write a number from {low:.12g} to {high:.12g}")
        return value

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() would also take 1_000 and the digits of other scripts.
        value = int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else -1
        if not low <= value <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return value

    return read


TOKEN_CHARS_MIN = 16
_TOKEN = re.compile(
    rf"(?P<name>[\w.-]{{1,64}}):(?P<scope>read|write):(?P<token>\S{{{TOKEN_CHARS_MIN},}})"
)
_UNITS = {"": 1, "K": 1 << 10, "M": MIB, "G": GIB, "T": 1 << 40}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?([KMGT]?)(?:I?B)?", re.ASCII | re.IGNORECASE)


def _size(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        match = _SIZE.fullmatch(text)
        value = -1 if match is None else int(float(match[1]) * _UNITS[match[2].upper()])
        if not low <= value <= high:
            raise ValueError(f"write a size from {low} to {high} bytes, such as 64M")
        return value

    return read


def _prefix(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", text, re.ASCII) or "//" in text:
        raise ValueError("write a path, such as / or /assets")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    # Its ways to say no: unknown, not a name, a folder of the database.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("write a name of the time zone database, such as Europe/Berlin") from None
    return text


def _tokens(text: str) -> tuple[ControlToken, ...]:
    found: dict[str, ControlToken] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        match = _TOKEN.fullmatch(one)
        if match is None or match["name"] in found:
            raise ValueError(
                f"write name:read:token or name:write:token, separated by commas, each name once "
                f"and each token of {TOKEN_CHARS_MIN} characters or more"
            )
        found[match["name"]] = msgspec.convert(match.groupdict(), ControlToken)
    return tuple(found.values())


def _words(text: str) -> tuple[str, ...]:
    words = tuple(filter(None, (part.strip() for part in text.split(","))))
    # One or two letters are in every name.
    if not all(re.fullmatch(r"[\w-]{3,64}", word, re.ASCII) for word in words):
        raise ValueError("write words of 3 to 64 letters, digits, - or _, separated by commas")
    return words


SOURCES: Mapping[str, _Source] = {
    "project": _Source("MOTIA_PROJECT", Path),
    "store": _Source("MOTIA_STORE", str),
    "is_dev": _Source("MOTIA_DEV", _switch),
    "control_token": _Source("MOTIA_CONTROL_TOKEN", str),
    "control_tokens": _Source("MOTIA_CONTROL_TOKENS", _tokens),
    "redact": _Source("MOTIA_REDACT", _words),
    "validate": _Source("MOTIA_VALIDATE", _one_of("enforce", "warn", "off")),
    "has_state_envelope": _Source("MOTIA_STATE_ENVELOPE", _switch),
    "cors": _Source("MOTIA_CORS", str),
    "infrastructure": _Source("MOTIA_INFRASTRUCTURE", str),
    "timezone": _Source("MOTIA_TIMEZONE", _zone),
    "log_level": _Source("LOG_LEVEL", _one_of("debug", "info", "warn", "error")),
    "log_format": _Source("MOTIA_LOG_FORMAT", _one_of("auto", "json", "text")),
    "body_bytes_max": _Source("MOTIA_BODY_MAX", _size(1, 4 * GIB)),
    "upload_bytes_max": _Source("MOTIA_UPLOAD_MAX", _size(1, 1 << 40)),
    "upload_memory_bytes_max": _Source("MOTIA_UPLOAD_MEMORY", _size(0, GIB)),
    "uploads": _Source("MOTIA_UPLOADS", str),
    "proxies": _Source("MOTIA_PROXIES", _whole(0, 16)),
    "stream_idle_s": _Source("MOTIA_STREAM_IDLE", _number(0, 86_400)),
    "stream_limit_s": _Source("MOTIA_STREAM_TIMEOUT", _number(0, 31_536_000)),
    "streams_max": _Source("MOTIA_STREAMS_MAX", _whole(0, 10_000)),
    "static": _Source("MOTIA_STATIC", str),
    "static_prefix": _Source("MOTIA_STATIC_PREFIX", _prefix),
    "has_static_fallback": _Source("MOTIA_STATIC_FALLBACK", _switch),
    "requests_waiting_max": _Source("MOTIA_REQUESTS_WAITING_MAX", _whole(0, 1_000_000)),
    "connections_per_address_max": _Source(
        "MOTIA_CONNECTIONS_PER_ADDRESS_MAX", _whole(1, 1_000_000)
    ),
    "clients_max": _Source("MOTIA_CLIENTS_MAX", _whole(0, 1_000_000)),
    "subscriptions_max": _Source("MOTIA_SUBSCRIPTIONS_MAX", _whole(1, 1_000_000)),
    "joins_per_s_max": _Source("MOTIA_JOINS_PER_SECOND_MAX", _whole(1, 1_000_000)),
    "socket_message_bytes_max": _Source("MOTIA_SOCKET_MESSAGE_MAX", _size(1 << 10, 64 * MIB)),
    "socket_queue_bytes_max": _Source("MOTIA_SOCKET_QUEUE_MAX", _size(1 << 16, GIB)),
    "value_bytes_max": _Source("MOTIA_VALUE_MAX", _size(1 << 10, GIB)),
    "map_bytes_max": _Source("MOTIA_MAP_MAX", _size(MIB, 1 << 46)),
    "api_limit_s": _Source("MOTIA_API_TIMEOUT", _number(0, 86_400)),
    "event_limit_s": _Source("MOTIA_EVENT_TIMEOUT", _number(0, 86_400)),
    "api_concurrency": _Source("MOTIA_API_CONCURRENCY", _whole(1, 10_000)),
    "event_concurrency": _Source("MOTIA_EVENT_CONCURRENCY", _whole(1, 10_000)),
    "dead_age_s": _Source("MOTIA_DEAD_AGE", _number(0, 3_153_600_000)),
    "dead_count_max": _Source("MOTIA_DEAD_MAX", _whole(0, 10_000_000)),
    "trace_ratio": _Source("MOTIA_TRACE_RATIO", _number(0, 1)),
    "traces_per_s_max": _Source("MOTIA_TRACES_PER_SECOND", _number(0, 1_000_000)),
    "spans_per_s_max": _Source("MOTIA_SPANS_PER_SECOND", _whole(0, 1_000_000)),
    "otlp_endpoint": _Source("OTEL_EXPORTER_OTLP_ENDPOINT", str),
    "journal_count_max": _Source("MOTIA_JOURNAL_MAX", _whole(1, 10_000_000)),
    "journal_bytes_max": _Source("MOTIA_JOURNAL_BYTES", _size(1 << 16, 64 * GIB)),
    "journal_age_s": _Source("MOTIA_JOURNAL_AGE", _number(1, 3_153_600_000)),
    "changes_bytes_max": _Source("MOTIA_CHANGES_BYTES", _size(1 << 16, 64 * GIB)),
    "drain_s": _Source("MOTIA_DRAIN_TIMEOUT", _number(0, 3_600)),
    "node": _Source("MOTIA_NODE", str),
    "node_count": _Source("MOTIA_NODE_COUNT", _whole(1, 64)),
    "node_hang_s": _Source("MOTIA_NODE_HANG", _number(1, 86_400)),
    "node_heap_bytes": _Source("MOTIA_NODE_HEAP", _size(0, 64 * GIB)),
    "child_calls_max": _Source("MOTIA_CHILD_CALLS", _whole(0, 1_000_000_000)),
    "child_memory_bytes": _Source("MOTIA_CHILD_MEMORY", _size(0, 64 * GIB)),
    "unsafe_no_sync": _Source("MOTIA_UNSAFE_NO_SYNC", _switch),
}


SECRET = frozenset({"MOTIA_CONTROL_TOKEN", "MOTIA_CONTROL_TOKENS"})
"""Variables whose values no message shows."""


def read_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings of environ (default: the process'), under overrides by field name.

    What is set to nothing has its default. The project's path is made absolute.

    Raises:
        SettingsError: a value is malformed or out of its range; names the variable.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for field, source in SOURCES.items():
        # A variable that is set to nothing is how compose files and shells leave one out.
        text = environ.get(source.name, "").strip()
        if text:
            values[field] = _read(source, text)
    values.update({field: value for field, value in overrides.items() if value is not None})
    project = Path(values.get("project") or ".").resolve()
    if not project.is_dir():
        raise SettingsError(f"project folder {project} does not exist; set MOTIA_PROJECT")
    values["project"] = project
    return Settings(**values)


def _read(source: _Source, text: str) -> Any:
    try:
        return source.read(text)
    except ValueError as error:
        shown = "…" if source.name in SECRET else repr(text)
        raise SettingsError(f"{source.name}={shown}: {error}") from error


def infrastructure_path(settings: Settings) -> Path:
    """Where the file is that stands over the steps' own `infrastructure`; it need not exist."""
    return settings.project / (settings.infrastructure or "infrastructure.toml")


def uploads_path(settings: Settings) -> Path:
    """Where files go that clients send, for as long as their call runs."""
    return settings.project / (settings.uploads or ".motia/uploads")


def is_cluster(settings: Settings) -> bool:
    """Whether the store is a cluster of other machines."""
    return settings.store.startswith(("nats://", "nats+tls://"))


def store_path(settings: Settings) -> Path | None:
    """Where this host's data folder is; None: everything stays in memory.

    Raises:
        SettingsError: the store's address is of no kind that is known.
    """
    address = settings.store
    if not address:
        return settings.project / ".motia" / "data"
    if address == "memory://":
        return None
    if is_cluster(settings):
        return settings.project / ".motia" / "nats"
    if address.startswith("lmdb://") and len(address) > len("lmdb://"):
        return settings.project / address.removeprefix("lmdb://")
    raise SettingsError(f"MOTIA_STORE={address!r}: write lmdb:///path, nats://host or memory://")


def load_env_file(path: Path) -> None:
    """Add the variables of a `.env` file to the environment; those already there stay."""
    for name, value in read_env_file(path).items():
        os.environ.setdefault(name, value)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a `.env` file; none where there is no such file."""
    if not path.is_file():
        return {}
    return {name: value for name, value in dotenv_values(path).items() if value is not None}
