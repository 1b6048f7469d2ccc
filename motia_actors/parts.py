"""What the settings say, as parts: a store, the runners of the languages, limits.

The only module, but for `testing`, that names a store or a runner to run with.
"""

from __future__ import annotations

import os

from motia_actors.clock import Clock
from motia_actors.errors import SettingsError
from motia_actors.live.limits import LiveLimits
from motia_actors.project import Project
from motia_actors.runners.languages import Languages
from motia_actors.settings import (
    MIB,
    Settings,
    infrastructure_path,
    is_cluster,
    store_path,
    uploads_path,
)
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.discovery import FOLDERS
from motia_actors.store import Store
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb.store import LmdbStore
from motia_actors.stores.memory import MemoryStore
from motia_actors.stores.remote import nats_store
from motia_actors.telemetry.code_frames import CodeFrames
from motia_actors.telemetry.logs import LogSink
from motia_actors.telemetry.redaction import Redactor
from motia_actors.web.answers import Endpoint
from motia_actors.web.api import WebSettings
from motia_actors.web.limits import Limits, StreamLimits
from motia_actors.web.rates import RateTable
from motia_actors.web.routes import Route
from motia_actors.web.static import StaticFiles
from motia_actors.web.uploads import Uploads


def live_limits_of(settings: Settings) -> LiveLimits:
    """What live streams may take."""
    return LiveLimits(
        clients_max=settings.clients_max,
        subscriptions_max=settings.subscriptions_max,
        joins_per_s_max=settings.joins_per_s_max,
        message_bytes_max=settings.socket_message_bytes_max,
        queue_bytes_max=settings.socket_queue_bytes_max,
    )


def web_settings_of(settings: Settings) -> WebSettings:
    """How the HTTP front behaves."""
    return WebSettings(
        limits=Limits(
            body_bytes_max=settings.body_bytes_max,
            upload_bytes_max=settings.upload_bytes_max,
            upload_memory_bytes_max=settings.upload_memory_bytes_max,
        ),
        streams=StreamLimits(
            count_max=settings.streams_max,
            idle_s=settings.stream_idle_s,
            total_s=settings.stream_limit_s,
        ),
        validate=settings.validate,
        cors=origins_of(settings.cors),
        proxies=settings.proxies,
    )


def rates_of(settings: Settings, clock: Clock) -> RateTable:
    """The buckets of rate limits, in a file that all workers of the data folder share."""
    path = store_path(settings)
    return RateTable(None if path is None else path / "rates", clock.now_s)


def uploads_of(settings: Settings) -> Uploads:
    """Where large files of requests are while their calls run."""
    return Uploads(uploads_path(settings))


def static_of(settings: Settings) -> list[Route[Endpoint]]:
    """The routes of static files; none where no folder is set.

    Raises:
        SettingsError: the folder holds the project itself, its steps, data or uploads, or is in
            the data or uploads: these are nobody's business. Links are followed.
    """
    if not settings.static:
        return []
    folder = (settings.project / settings.static).resolve()
    sources = [settings.project, *(settings.project / name for name in FOLDERS)]
    kept = [path for path in (store_path(settings), uploads_path(settings)) if path is not None]
    if any(path.resolve().is_relative_to(folder) for path in (*sources, *kept)) or any(
        folder.is_relative_to(path.resolve()) for path in kept
    ):
        raise SettingsError(
            f"MOTIA_STATIC={settings.static!r} would serve the project's own files; "
            "write a folder inside of it, such as public"
        )
    files = StaticFiles(
        folder,
        settings.static_prefix,
        has_fallback=settings.has_static_fallback,
    )
    return files.routes()


def origins_of(cors: str) -> str | tuple[str, ...]:
    """The origins that may ask, where they are listed; else the word itself."""
    return cors if cors in ("*", "off") else tuple(origin.strip() for origin in cors.split(","))


def languages_of(settings: Settings) -> Languages:
    """The runners of all languages."""
    return Languages(
        settings.project,
        state_envelope=settings.has_state_envelope,
        node=settings.node,
        node_count=settings.node_count,
        node_hang_s=settings.node_hang_s,
        node_heap_mib=settings.node_heap_bytes // MIB,
        keeps_spare=settings.is_dev,
        child_calls_max=settings.child_calls_max,
        child_memory_bytes=settings.child_memory_bytes,
    )


def store_of(settings: Settings, clock: Clock) -> Store:
    """Where everything is kept: a folder, a cluster, or memory where the settings name none."""
    path = store_path(settings)
    if path is None:
        return MemoryStore(clock, value_bytes_max=settings.value_bytes_max)
    journal = RingLimits(
        count_max=settings.journal_count_max,
        bytes_max=settings.journal_bytes_max,
        age_s=settings.journal_age_s,
    )
    changes = RingLimits(bytes_max=settings.changes_bytes_max)
    if is_cluster(settings):
        return nats_store(
            settings.store,
            path,
            clock,
            map_bytes_max=settings.map_bytes_max,
            value_bytes_max=settings.value_bytes_max,
            journal=journal,
            changes=changes,
        )
    return LmdbStore(
        path,
        clock,
        map_bytes_max=settings.map_bytes_max,
        value_bytes_max=settings.value_bytes_max,
        journal=journal,
        changes=changes,
        unsafe_no_sync=settings.unsafe_no_sync,
    )


def log_sink_of(settings: Settings) -> LogSink:
    """Where log lines go."""
    is_terminal = {"auto": None, "json": False, "text": True}[settings.log_format]
    explain = CodeFrames(settings.project).explain if settings.is_dev else None
    return LogSink(
        level=settings.log_level,
        is_terminal=is_terminal,
        redactor=Redactor(settings.redact),
        explain=explain,
    )


def project_of(settings: Settings, languages: Languages) -> Project:
    """The project's files, not read yet."""
    return Project(
        settings.project,
        languages.runners,
        timezone=settings.timezone or None,
        overrides=infrastructure_path(settings),
    )


def read_project(settings: Settings) -> Catalog:
    """Read a project without running it: for checks."""
    os.chdir(settings.project)
    languages = languages_of(settings)
    try:
        return project_of(settings, languages).read()
    finally:
        languages.close()
