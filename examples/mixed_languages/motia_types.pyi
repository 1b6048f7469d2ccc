# Written by `motia-actors generate types`; what is changed here is lost.
#
#     from typing import TYPE_CHECKING
#     if TYPE_CHECKING:
#         from motia_types import CreateOrder
#
#     async def handler(req: "CreateOrder.Request", context: "CreateOrder.Context"): ...

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Literal, Never, NotRequired, Protocol, TypeAlias, TypedDict, TypeVar, overload

_Body = TypeVar("_Body", covariant=True)
_Path = TypeVar("_Path", covariant=True)
_Item = TypeVar("_Item")
_Event = TypeVar("_Event", contravariant=True)

class ApiRequest(Protocol[_Body, _Path]):
    @property
    def body(self) -> _Body: ...
    @property
    def pathParams(self) -> _Path: ...
    @property
    def params(self) -> _Path: ...
    queryParams: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, Any]
    cookies: dict[str, str]
    method: str
    path: str
    rawBody: Any
    @overload
    def __getitem__(self, key: Literal["body"]) -> _Body: ...
    @overload
    def __getitem__(self, key: Literal["pathParams", "params"]) -> _Path: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    @overload
    def get(self, key: Literal["body"], default: Any = ...) -> _Body: ...
    @overload
    def get(self, key: Literal["pathParams", "params"], default: Any = ...) -> _Path: ...
    @overload
    def get(self, key: str, default: Any = ...) -> Any: ...
    def __contains__(self, key: object) -> bool: ...
    def __setitem__(self, key: str, value: Any) -> None: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

# A body of bytes, or one that is sent piece by piece.
Content: TypeAlias = bytes | str | Iterator[str | bytes] | AsyncIterator[str | bytes]

class Upload(TypedDict):
    name: str
    filename: str
    contentType: str
    size: int
    data: bytes | None
    path: str | None

class Logger(Protocol):
    def debug(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def info(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def warn(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def warning(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def error(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def exception(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...
    def log(self, message: object, args: object = ..., *more: object, **named: object) -> Any: ...

class State(Protocol):
    def get(self, group: str, key: str) -> Any: ...
    def set(self, group: str, key: str, value: object, *, ttl: float | None = ...) -> Any: ...
    def delete(self, group: str, key: str) -> Any: ...
    def clear(self, group: str) -> Any: ...
    def keys(self, group: str) -> Any: ...
    def increment(self, group: str, key: str, by: float = ...) -> Any: ...
    def update(self, group: str, key: str, change: Mapping[str, object] | Callable[[Any], object]) -> Any: ...
    def compare_and_set(self, group: str, key: str, expected: object, value: object, *, ttl: float | None = ...) -> Any: ...
    def get_group(self, group: str) -> Any: ...
    def getGroup(self, group: str) -> Any: ...

class Channel(TypedDict):
    groupId: str
    id: NotRequired[str]

class Stream(Protocol[_Item]):
    def get(self, group_id: str, id: str) -> Awaitable[_Item | None]: ...
    def set(self, group_id: str, id: str, data: _Item) -> Awaitable[_Item]: ...
    def update(
        self, group_id: str, id: str, patch: Mapping[str, object]
    ) -> Awaitable[_Item | None]: ...
    def delete(self, group_id: str, id: str) -> Awaitable[_Item | None]: ...
    def get_group(self, group_id: str) -> Awaitable[list[_Item]]: ...
    def getGroup(self, group_id: str) -> Awaitable[list[_Item]]: ...
    def send(self, channel: Channel, event: Mapping[str, Any]) -> Awaitable[None]: ...

class Event(Protocol):
    id: str
    topic: str
    data: bytes
    trace_id: str
    flows: tuple[str, ...]
    group_id: str | None

class Delivery(Protocol):
    @property
    def id(self) -> str: ...
    event: Event
    attempt: int
    put_s: float

class Trigger(Protocol):
    type: Literal["api", "event", "cron"]
    method: str | None
    path: str | None
    topic: str | None
    cron: str | None

class FlowContext(Protocol[_Event]):
    trace_id: str
    traceId: str
    flows: list[str]
    delivery: Delivery | None
    trigger: Trigger
    logger: Logger
    state: State
    streams: Streams
    def emit(self, event: _Event) -> Awaitable[str | None]: ...
    def cancel(self, event_id: str) -> Awaitable[int | None]: ...

class ReviewsItem(TypedDict):
    product: str
    text: str
    points: float

class GetReviewPath(TypedDict):
    id: str

class GetReviewResponse200(TypedDict):
    status: Literal[200]
    body: dict[str, Any]
    headers: NotRequired[Mapping[str, Any]]

class GetReviewBody404(TypedDict):
    error: str

class GetReviewResponse404(TypedDict):
    status: Literal[404]
    body: GetReviewBody404
    headers: NotRequired[Mapping[str, Any]]

class PublishReviewInput(TypedDict):
    id: str
    points: float

class ScoreReviewEmitsReviewScoredData(TypedDict):
    id: str
    points: float

class ScoreReviewEmitsReviewScored(TypedDict):
    topic: Literal['review.scored']
    data: ScoreReviewEmitsReviewScoredData
    messageGroupId: NotRequired[str]
    delay: NotRequired[float]
    at: NotRequired[Any]
    dedupeKey: NotRequired[str]
    dedupeWindow: NotRequired[float]

class ScoreReviewInput(TypedDict):
    id: str
    text: str

class SubmitReviewEmitsReviewSubmittedData(TypedDict):
    id: str
    text: str

class SubmitReviewEmitsReviewSubmitted(TypedDict):
    topic: Literal['review.submitted']
    data: SubmitReviewEmitsReviewSubmittedData
    messageGroupId: NotRequired[str]
    delay: NotRequired[float]
    at: NotRequired[Any]
    dedupeKey: NotRequired[str]
    dedupeWindow: NotRequired[float]

class SubmitReviewBody(TypedDict):
    product: str
    text: str

class SubmitReviewBody202(TypedDict):
    id: str
    product: str
    text: str
    stage: Literal['submitted', 'published', 'held']
    client: str

class SubmitReviewResponse202(TypedDict):
    status: Literal[202]
    body: SubmitReviewBody202
    headers: NotRequired[Mapping[str, Any]]

class Streams(Protocol):
    reviews: Stream[ReviewsItem]
    def __getitem__(self, name: str) -> Stream[Any]: ...

class GetReview:
    Request: TypeAlias = ApiRequest[Any, GetReviewPath]
    Response: TypeAlias = GetReviewResponse200 | GetReviewResponse404
    Context: TypeAlias = FlowContext[Never]

class ListReviews:
    Request: TypeAlias = ApiRequest[Any, dict[str, str]]
    Response: TypeAlias = Any
    Context: TypeAlias = FlowContext[Never]

class PublishReview:
    Input: TypeAlias = PublishReviewInput
    Context: TypeAlias = FlowContext[Never]

class ScoreReview:
    Input: TypeAlias = ScoreReviewInput
    Context: TypeAlias = FlowContext[ScoreReviewEmitsReviewScored]

class SubmitReview:
    Request: TypeAlias = ApiRequest[SubmitReviewBody, dict[str, str]]
    Response: TypeAlias = SubmitReviewResponse202
    Context: TypeAlias = FlowContext[SubmitReviewEmitsReviewSubmitted]
