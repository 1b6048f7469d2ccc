"""The reference names what the code has: endpoints and keys of configs."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

from motia_actors.steps.reading import COMMON
from motia_actors.steps.triggers import KEYS
from motia_actors.web.control import control_routes
from motia_actors.web.dead_letters import dead_letter_routes
from motia_actors.web.health import health_routes
from motia_actors.web.history import history_routes
from motia_actors.web.limits import Limits
from motia_actors.web.metrics import metrics_routes
from motia_actors.web.openapi import openapi_routes
from motia_actors.workbench.api import bench_routes
from tests.e2e.server import ROOT

REFERENCE = ROOT / "docs" / "reference"


def test_the_page_on_http_lists_every_endpoint_of_ours() -> None:
    # Nothing is asked, so what would answer need not be there.
    nobody = cast("Any", SimpleNamespace(store=SimpleNamespace(state=None), journal=None))
    limits = Limits()
    routes = [
        *control_routes(nobody, limits),
        *dead_letter_routes(nobody, limits),
        *history_routes(nobody, nobody, limits),
        *metrics_routes(nobody),
        *openapi_routes(nobody),
        *health_routes(nobody, nobody),
        *bench_routes(nobody, limits),
    ]
    page = (REFERENCE / "http.md").read_text("utf-8")

    told = re.findall(r"^\| `((?:GET|POST) [^`]+)`", page, re.MULTILINE)

    assert {*told} - {"GET /__motia/streams/:name/:groupId"} == {
        f"{route.method} {route.path}" for route in routes
    }


def test_the_page_on_configs_lists_every_key_of_every_kind() -> None:
    page = (REFERENCE / "config.md").read_text("utf-8")
    sections = {
        title: set(re.findall(r"^\| `(\w+)`", body, re.MULTILINE))
        for title, _, body in (part.partition("\n") for part in page.split("\n## "))
    }

    assert sections["All kinds"] == {"type", "triggers", *COMMON}
    for kind in ("api", "event", "cron"):
        middleware = {"middleware"} if kind == "api" else set()
        assert sections[kind] == {*KEYS[kind], *middleware}, kind
