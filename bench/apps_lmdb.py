"""The least that is as durable as an api step that validates, writes state and emits.

falcon, a compiled schema, and bare LMDB: value and event in one flushed transaction. Nothing
leases, schedules, runs or acknowledges the event.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import threading

import falcon
import jsonschema_rs
import lmdb

FOLDER = "BENCH_LMDB"
"""The environment variable with the folder of the data."""
MAP_BYTES = 1 << 30
SCHEMA = {
    "type": "object",
    "properties": {
        "item": {"type": "string", "minLength": 1},
        "quantity": {"type": "integer", "minimum": 1},
    },
    "required": ["item", "quantity"],
}
_validator = jsonschema_rs.validator_for(SCHEMA)
_numbers = itertools.count()
_opening = threading.Lock()


@functools.cache
def _opened() -> lmdb.Environment:
    return lmdb.open(os.environ[FOLDER], map_size=MAP_BYTES)


def _environment() -> lmdb.Environment:
    # In the worker: an environment does not outlive a fork. One thread opens it: twice in one
    # process is an error of LMDB's, and the cache alone would let two threads try.
    with _opening:
        return _opened()


class _Orders:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        order = request.get_media()
        if not _validator.is_valid(order):
            raise falcon.HTTPBadRequest
        number, data = next(_numbers), json.dumps(order).encode()
        with _environment().begin(write=True) as txn:
            txn.put(b"state%d" % number, data)
            txn.put(b"event%d" % number, data)
        response.media = {"id": number}


class _Ready:
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        response.media = {}


def _app() -> falcon.App[falcon.Request, falcon.Response]:
    app = falcon.App()
    app.add_route("/orders", _Orders())
    app.add_route("/ready", _Ready())
    return app


app = _app()
