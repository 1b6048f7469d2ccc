"""The HTTP front: routes requests to steps and sends what they return.

A falcon application with a router of our own. `mount` swaps the routes in while requests run:
each request finds its route in the table that was current when it came.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, cast

import falcon
import msgspec
from falcon.routing import CompiledRouter

from motia_actors.clock import SystemClock
from motia_actors.errors import (
    MailboxFullError,
    MotiaError,
    StepSuspendedError,
    StoppingError,
    UsageError,
)
from motia_actors.messages import Call, Failed, Outcome, Returned, Trigger
from motia_actors.pieces import Pieces
from motia_actors.steps.config import RateLimit
from motia_actors.telemetry.spans import Tracer, child_of
from motia_actors.web.answers import (
    INTERNAL_ERROR,
    NO_ROOM,
    Endpoint,
    Log,
    Offload,
    Response,
    fault_of,
    on_http_error,
    retry_after,
)
from motia_actors.web.cors import Cors
from motia_actors.web.health import Unready, health_routes
from motia_actors.web.late import late_answer
from motia_actors.web.limits import Limits, StreamLimits
from motia_actors.web.rates import RateTable, limited
from motia_actors.web.replies import Reply, add_etag, close_body, encode_reply
from motia_actors.web.requests import read_request
from motia_actors.web.router import Router
from motia_actors.web.routes import Route, Table, problem_of
from motia_actors.web.streaming import Streaming, Streams, watch_client
from motia_actors.web.uploads import UPLOADS, Uploads, remove_files
from motia_actors.web.watch import RequestWatch

ON_WAIT = "motia_actors.on_wait"
"""Key of the environment: what to call before the request's thread waits."""
_PROBLEMS_MAX = 100


class Asker(Protocol):
    """Hands a call to a step's actor."""

    def ask(
        self,
        step_id: str,
        call: Call,
        *,
        desert: Callable[[], None] | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> Outcome:
        """Block until the step answered.

        desert allows the calling thread to run the handler; it answers the client from another
        thread should the handler hang. on_wait is called before the thread waits.

        Raises:
            MotiaError: it cannot answer now, or did not in time.
        """
        ...

    def is_swift(self, step_id: str) -> bool:
        """Its last calls took next to no time, and nothing waits for it."""
        ...


class Validator(Protocol):
    """A compiled schema."""

    def problems(self, value: object) -> list[tuple[str, str]]:
        """What breaks the schema: dotted path and message each."""
        ...


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the front behaves. `cors` is `*`, `off`, or the origins that may call.

    `proxies`: how many stand before it and write X-Forwarded-For.
    """

    limits: Limits = Limits()
    streams: StreamLimits = StreamLimits()
    proxies: int = 0
    validate: Literal["enforce", "warn", "off"] = "enforce"
    cors: str | tuple[str, ...] = "*"


class ApiRoute(msgspec.Struct, frozen=True, kw_only=True):
    """An api step's route; name is the step's, for the log, and body checks its bodySchema."""

    step_id: str
    name: str = ""
    method: str
    path: str
    flows: tuple[str, ...] = ()
    body: Validator | None = None
    rate: RateLimit | None = None


class Front:
    """The WSGI application.

    Args:
        new_trace_id: A fresh trace id for each request.
        watch: Sees each request and its answer.
        unready: Why the process cannot take work now, for `/readyz`.
        degraded: What it cannot do now though it takes work, likewise.
        reserved: Routes that go before the project's, such as `control.control_routes`.
        fallback: Routes that go after all others, such as static files.
        offload: Runs what blocks, for servers whose event loop must not; None runs it here.
        rates: The buckets of rate limits; None: this process has its own.
        uploads: Where large files of a request go; None: they stay in memory.
    """

    def __init__(
        self,
        settings: WebSettings,
        *,
        asker: Asker,
        new_trace_id: Callable[[], str],
        watch: RequestWatch | None = None,
        log: Log,
        unready: Unready = lambda: (),
        degraded: Unready = lambda: (),
        reserved: Sequence[Route[Endpoint]] = (),
        fallback: Sequence[Route[Endpoint]] = (),
        offload: Offload | None = None,
        rates: RateTable | None = None,
        uploads: Uploads | None = None,
    ) -> None:
        self.settings = settings
        self.asker, self.new_trace_id, self.log, self.offload = asker, new_trace_id, log, offload
        self.watch = watch or RequestWatch(Tracer(SystemClock()))
        self.streams = Streams(settings.streams, offload=offload)
        self.uploads = uploads
        self._rates = rates or RateTable(None, time.time)
        self._reserved = list(reserved)
        self._fallback = [*health_routes(unready, degraded), *fallback]
        cors = Cors(settings.cors)
        self._router = Router(settings.limits, has_preflight=cors.is_on)
        self.app = falcon.App(
            router=cast("CompiledRouter", self._router),  # Falcon takes any router.
            response_type=Response,
            middleware=[cors, self.watch] if cors.is_on else [self.watch],
        )
        # WSGI wants a type on an empty answer too, and nothing is no JSON.
        self.app.resp_options.default_media_type = "text/plain; charset=utf-8"
        self.app.set_error_serializer(on_http_error)
        self.app.add_error_handler(MotiaError, self._on_motia_error)
        self.app.add_error_handler(Exception, self._on_error)
        self.mount(())

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, as WSGI has it. Any number of threads may call it."""
        return self.app(environ, start_response)

    def is_swift(self, environ: dict[str, Any]) -> bool:
        """Whether the request is for a step that answers in next to no time."""
        endpoint = self._router.peek(environ)
        return endpoint.__class__ is _StepEndpoint and endpoint.is_swift

    def mount(self, routes: Iterable[ApiRoute]) -> None:
        """Serve these routes from the next request on; earlier ones win.

        A route that cannot be read is logged and left out, so that one step's mistake does not
        take down the rest.
        """
        steps: list[Route[Endpoint]] = []
        for route in routes:
            problem = problem_of(route.method, route.path)
            if problem:
                self.log("error", f"route left out: {problem}", step=route.step_id)
            else:
                steps.append(Route(route.method, route.path, self._endpoint(route)))
        self._router.table = Table([*self._reserved, *steps, *self._fallback])

    def _endpoint(self, route: ApiRoute) -> Endpoint:
        endpoint = _StepEndpoint(self, route)
        if route.rate is None:
            return endpoint
        proxies = self.settings.proxies
        return limited(endpoint, route.step_id, route.rate, self._rates, proxies=proxies)

    def _on_motia_error(
        self, req: falcon.Request, resp: Response, error: MotiaError, params: dict[str, Any]
    ) -> None:
        status, message, headers = fault_of(error)
        if status == 500:
            self._on_error(req, resp, error, params)
            return
        # Refusing work is how a full system stays up: no reason to fill its log as well.
        is_refusal = isinstance(error, MailboxFullError | StepSuspendedError | StoppingError)
        level = "debug" if is_refusal else "warn"
        self.log(level, f"{req.method} {req.path}: {error}", status=status)
        resp.fill_json(status, {"error": message}, headers)

    def _on_error(
        self, req: falcon.Request, resp: Response, error: Exception, _params: dict[str, Any]
    ) -> None:
        self.log("error", f"{req.method} {req.path} failed", error=error)
        resp.fill_json(500, {"error": INTERNAL_ERROR})


class _StepEndpoint:
    """Asks one api step."""

    def __init__(self, front: Front, route: ApiRoute) -> None:
        self._front = front
        self._route = route
        self._name = route.name or route.step_id
        self._trigger = Trigger(type="api", method=route.method, path=route.path)
        self._body = None if front.settings.validate == "off" else route.body

    @property
    def is_swift(self) -> bool:
        """Its step answers in next to no time."""
        front = self._front
        return front.offload is None and front.asker.is_swift(self._route.step_id)

    def __call__(self, req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
        front, route, environ = self._front, self._route, req.env
        trace_id = front.new_trace_id()
        asked = resp.asked = front.watch.begin(environ, self._name, route.path, trace_id)
        request = read_request(req, params, front.settings.limits, front.uploads)
        try:
            if self._body is not None and not self._is_valid(request["body"], resp, trace_id):
                return
            call = Call(
                kind="api",
                trace_id=trace_id,
                flows=route.flows,
                input=request,
                trigger=self._trigger,
                # Of a trace that is not kept the call needs no name of its own unless it fails.
                trace=child_of(asked.trace) if asked.trace.is_sampled else asked.trace,
                parent=asked.trace.span_id,
            )
            if front.offload is None:
                outcome = front.asker.ask(
                    route.step_id,
                    call,
                    desert=late_answer(environ),
                    on_wait=environ.get(ON_WAIT),
                )
            else:
                outcome = front.offload(lambda: front.asker.ask(route.step_id, call))
            if isinstance(outcome, Returned):
                self._send(outcome.value, req, resp, trace_id)
            else:
                self._fail(outcome, resp, trace_id)
        finally:
            if UPLOADS in environ:
                _remove_after(resp, environ)

    def _is_valid(self, body: object, resp: Response, trace_id: str) -> bool:
        problems = self._body.problems(body) if self._body is not None else []
        if not problems:
            return True
        if self._front.settings.validate == "warn":
            shown = "; ".join(f"{path or '(root)'}: {message}" for path, message in problems[:10])
            self._log("warn", f"request body breaks bodySchema: {shown}", trace_id)
            return True
        details = [{"path": path, "message": message} for path, message in problems[:_PROBLEMS_MAX]]
        resp.fill_json(400, {"error": "Invalid request body", "details": details})
        return False

    def _send(self, value: object, req: falcon.Request, resp: Response, trace_id: str) -> None:
        try:
            reply = encode_reply(value)
        except UsageError as error:
            close_body(value)
            self._log("error", f"cannot send what the handler returned: {error}", trace_id)
            resp.fill_json(500, {"error": INTERNAL_ERROR})
            return
        if reply.pieces is not None:
            self._stream(reply, reply.pieces, req, resp, trace_id)
            return
        if req.method in ("GET", "HEAD"):
            add_etag(reply, req.env)
        resp.fill(reply.status, reply.headers, reply.data, cookies=reply.cookies)

    def _stream(
        self, reply: Reply, pieces: Pieces, req: falcon.Request, resp: Response, trace_id: str
    ) -> None:
        if req.method == "HEAD" or not reply.data:
            pieces.close()
            resp.fill(reply.status, reply.headers, b"", cookies=reply.cookies)
            return
        front = self._front
        streaming = front.streams.begin(
            pieces,
            is_events=reply.headers["content-type"].startswith("text/event-stream"),
            on_error=lambda why: self._log("error", f"the body broke off: {why}", trace_id),
        )
        if streaming is None:
            resp.fill_json(503, {"error": NO_ROOM}, retry_after(1.0))
            return
        watch_client(req.env, streaming)
        if not streaming.is_events:
            begin_wait = req.env.get(ON_WAIT)
            if begin_wait is not None:
                begin_wait()
            try:
                streaming.prepare()
            except OSError:
                streaming.close()
                resp.fill_json(500, {"error": INTERNAL_ERROR})
                return
        resp.fill(reply.status, reply.headers, b"", cookies=reply.cookies)
        resp.fill_pieces(streaming)

    def _fail(self, failed: Failed, resp: Response, trace_id: str) -> None:
        if failed.retry_after_s is not None:
            self._log("warn", f"request refused: {failed.message}", trace_id)
            resp.fill_json(503, {"error": NO_ROOM}, retry_after(failed.retry_after_s))
            return
        error = {"kind": failed.kind, "message": failed.message, "stack": failed.stack}
        self._log("error", f"[API] {INTERNAL_ERROR}", trace_id, error=error)
        if failed.is_timeout:
            resp.fill_json(504, {"error": "The step did not answer in time"})
        else:
            resp.fill_json(500, {"error": INTERNAL_ERROR})

    def _log(self, level: str, message: str, trace_id: str, **fields: object) -> None:
        route = self._route
        self._front.log(
            level,
            message,
            step=self._name,
            trace_id=trace_id,
            flows=route.flows,
            **fields,
        )


def _remove_after(resp: Response, environ: dict[str, Any]) -> None:
    """Remove the request's files once its answer is made."""
    if isinstance(resp.stream, Streaming):
        resp.stream.on_close.append(lambda: remove_files(environ))
    else:
        remove_files(environ)
