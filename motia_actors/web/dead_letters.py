"""The control endpoints of dead letters: list, show, replay, purge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import falcon

from motia_actors.letters import counts, find_step, listed, purge, replay, shown
from motia_actors.store import Store
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.control import Answer, Asked, endpoint
from motia_actors.web.limits import Limits
from motia_actors.web.routes import Route

PATH = "/__motia/dlq"


class Letterbox(Protocol):
    """What the endpoints act on."""

    store: Store

    def step_names(self) -> Mapping[str, str]:
        """Names of the project's steps by id."""
        ...


def dead_letter_routes(
    box: Letterbox, limits: Limits, *, offload: Offload | None = None
) -> list[Route[Endpoint]]:
    """The routes.

    GET  /__motia/dlq                      {"steps": [{"step", "name", "dead"}]}
    GET  /__motia/dlq/letters?step=…       {"letters": […]}, with `limit` and `after`
    GET  /__motia/dlq/letters/:id?step=…   one letter
    POST /__motia/dlq/replay               {"step", "ids"?, "data"?} -> {"replayed": n}
    POST /__motia/dlq/purge                {"step", "ids"?} -> {"purged": n}

    A step is named by its id, its name, or the name of its file; without ids all its letters
    are meant.
    """
    acts = _Acts(box)
    table = [
        ("GET", PATH, acts.steps),
        ("GET", f"{PATH}/letters", acts.letters),
        ("GET", f"{PATH}/letters/:id", acts.letter),
        ("POST", f"{PATH}/replay", acts.replay),
        ("POST", f"{PATH}/purge", acts.purge),
    ]
    return [
        Route(method, path, endpoint(act, limits, offload=offload)) for method, path, act in table
    ]


class _Acts:
    def __init__(self, box: Letterbox) -> None:
        self._box = box

    def steps(self, _: Asked) -> Answer:
        names = self._box.step_names()
        found = [
            {"step": step, "name": names.get(step), "dead": dead}
            for step, dead in counts(self._box.store).items()
        ]
        return Answer(value={"steps": found})

    def letters(self, asked: Asked) -> Answer:
        limit, after = asked.query.get("limit", "100"), asked.query.get("after")
        if not isinstance(limit, str) or not limit.isdigit():
            raise falcon.HTTPBadRequest(title="limit must be a number")
        found = listed(
            self._box.store,
            self._step(asked.query.get("step")),
            count_max=int(limit),
            after_id=after if isinstance(after, str) else None,
        )
        return Answer(value={"letters": found})

    def letter(self, asked: Asked) -> Answer:
        step = self._step(asked.query.get("step"))
        letter = self._box.store.events.dead_letter(step, asked.params["id"])
        if letter is None:
            return Answer(status=404, value={"error": "Dead letter not found"})
        return Answer(value=shown(letter))

    def replay(self, asked: Asked) -> Answer:
        body = _object(asked.body)
        step, ids = self._step(body.get("step")), _ids(body)
        data = body.get("data", ...)
        return Answer(value={"replayed": replay(self._box.store, step, ids, data=data)})

    def purge(self, asked: Asked) -> Answer:
        body = _object(asked.body)
        purged = purge(self._box.store, self._step(body.get("step")), _ids(body))
        return Answer(value={"purged": purged})

    def _step(self, text: object) -> str:
        if not isinstance(text, str):
            raise falcon.HTTPBadRequest(title="step must be a string")
        return find_step(text, counts(self._box.store), self._box.step_names())


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise falcon.HTTPBadRequest(title="the body must be a JSON object")
    return body


def _ids(body: dict[str, Any]) -> list[str] | None:
    ids = body.get("ids")
    if ids is not None and not (isinstance(ids, list) and all(isinstance(i, str) for i in ids)):
        raise falcon.HTTPBadRequest(title="ids must be a list of strings")
    return ids
