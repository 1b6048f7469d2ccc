"""A front whose steps are functions of the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from falcon.testing import TestClient

from motia_actors.errors import MotiaError
from motia_actors.messages import Call, Failed, Outcome, Request, Returned
from motia_actors.web.api import ApiRoute, Front, Validator, WebSettings

Handler = Callable[[Request], object]


class Steps:
    """An asker that calls functions, and remembers the calls and what was logged."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.swift: set[str] = set()
        self.routes: list[ApiRoute] = []
        self.calls: list[Call] = []
        self.logged: list[tuple[str, str]] = []

    def is_swift(self, step_id: str) -> bool:
        return step_id in self.swift

    def ask(
        self,
        step_id: str,
        call: Call,
        *,
        desert: Callable[[], None] | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> Outcome:
        self.calls.append(call)
        value = self.handlers[step_id](call.input)
        if isinstance(value, MotiaError):
            raise value
        return value if isinstance(value, Failed) else Returned(value)

    def log(self, level: str, message: str, /, **fields: object) -> None:
        self.logged.append((level, message))

    def add(
        self, method: str, path: str, handler: Handler, *, body: Validator | None = None
    ) -> None:
        step_id = f"steps/{len(self.routes)}_step.py"
        self.handlers[step_id] = handler
        self.routes.append(
            ApiRoute(step_id=step_id, method=method, path=path, flows=("f",), body=body)
        )

    def front(self, **settings: Any) -> Front:
        front = Front(
            WebSettings(**settings), asker=self, new_trace_id=lambda: "ABCDE-1234567", log=self.log
        )
        front.mount(self.routes)
        return front

    def client(self, **settings: Any) -> TestClient:
        return TestClient(self.front(**settings).app)


def answering(value: object) -> Handler:
    return lambda _: value


def echo(request: Request) -> object:
    return {"status": 200, "body": dict(request)}
