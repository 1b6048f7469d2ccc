"""Every error raised on purpose, in one tree under `MotiaError`.

A docstring says who is at fault and what the caller can do. Facts stand in the message and
again as attributes, so that a server can answer without parsing text.
"""

from __future__ import annotations

from collections.abc import Sequence


class MotiaError(Exception):
    """The root of the tree: whatever this package raises on purpose."""


# The user's project or settings.


class SettingsError(MotiaError):
    """A setting is out of its range or malformed. Whoever started the process mends it."""


class StepLoadError(MotiaError):
    """A step file could not be imported. Its author mends it; the other steps run on."""

    def __init__(self, path: str, reason: str, *, line: int | None = None) -> None:
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {reason}")
        self.path, self.reason, self.line = path, reason, line


class ConfigError(MotiaError):
    """One field of a step's config is wrong. Its author writes what way_out says."""

    def __init__(self, field: str, reason: str, *, way_out: str) -> None:
        super().__init__(f"{field}: {reason}; {way_out}")
        self.field, self.reason, self.way_out = field, reason, way_out


class MissingExtraError(MotiaError):
    """An optional package is not installed. The message names the extra that brings it."""

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'motia-actors[{extra}]'")
        self.extra = extra


# A call that a handler or a client made.


class UsageError(MotiaError):
    """A handler called its context wrongly. The message shows the right call."""


class PayloadError(MotiaError):
    """A value cannot be written as JSON, or JSON cannot be read. The caller changes the value."""


class PayloadTooLargeError(PayloadError):
    """A value is over its limit in bytes. The caller stores less or raises the limit."""

    def __init__(self, what: str, *, size_bytes: int, bytes_max: int) -> None:
        super().__init__(f"{what} has {size_bytes} bytes, over the limit of {bytes_max}")
        self.size_bytes, self.bytes_max = size_bytes, bytes_max


class InvalidInputError(MotiaError):
    """A value breaks the schema of its step; problems has a (field, reason) pair for each.

    `is_final`: it is the input itself, which no retry will mend.
    """

    def __init__(
        self, what: str, problems: Sequence[tuple[str, str]], *, is_final: bool = False
    ) -> None:
        shown = "; ".join(f"{field or '(root)'}: {reason}" for field, reason in problems)
        super().__init__(f"{what}: {shown}")
        self.problems, self.is_final = tuple(problems), is_final


class UnknownStreamError(MotiaError, AttributeError, KeyError):
    """No stream of that name is defined. The message lists those that are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        listed = ", ".join(sorted(known)) or "none; add a file <name>_stream.py under steps/"
        self.text = f"no stream {name!r}; streams of this project: {listed}"
        super().__init__(self.text)

    def __str__(self) -> str:
        return self.text


# Handing a message to an actor.


class ActorError(MotiaError):
    """An actor cannot take or answer a message now."""


class MailboxFullError(ActorError):
    """The step's mailbox is at size_max. The caller may try again after retry_after_s."""

    def __init__(self, step: str, *, size_max: int, retry_after_s: float = 1.0) -> None:
        super().__init__(
            f"mailbox of step {step!r} holds {size_max} messages, its limit; "
            f"try again in {retry_after_s:g} s or raise infrastructure.mailbox.size"
        )
        self.step, self.size_max, self.retry_after_s = step, size_max, retry_after_s


class StepSuspendedError(ActorError):
    """The step failed too often and rests; it is tried again after retry_after_s."""

    def __init__(self, step: str, *, retry_after_s: float, reason: str = "") -> None:
        because = f": {reason}" if reason else ""
        super().__init__(f"step {step!r} is suspended for {retry_after_s:.3g} s more{because}")
        self.step, self.retry_after_s = step, retry_after_s


class StoppingError(ActorError):
    """The process drains and takes no new work. The caller tries again elsewhere."""

    retry_after_s = 1.0


class ActorCrashedError(ActorError):
    """The actor died while it held the message. The caller may try again."""


class StuckError(ActorCrashedError):
    """A handler ran past its limit and could not be stopped; its actor is replaced."""


class ActorStoppedError(ActorError):
    """The actor was stopped for good before it handled the message."""


class DesertedError(ActorError):
    """The asker ran the handler on its own thread, too long: its client was answered already.

    There is nobody left to send anything to.
    """


class NotRunError(ActorError):
    """The message was taken back before its handler began; it is handed out again."""


class ChildDiedError(ActorError):
    """The process that ran the step ended, or was killed. The caller may try again.

    `exit_code` is below 0 where a signal ended it, None where the next one did not start yet;
    `killed_for` is why the runtime itself did; `tail` is what it wrote to stderr last.
    """

    retry_after_s: float | None = None

    def __init__(
        self, file: str, *, exit_code: int | None, killed_for: str = "", tail: str = ""
    ) -> None:
        how = f"was killed, for {killed_for}" if killed_for else f"ended with {exit_code}"
        if exit_code is None and not killed_for:
            how = "died several times in a row, and the next one starts after a moment"
        said = f"; it said last: {tail}" if tail else ""
        super().__init__(f"the process that ran {file} {how}{said}")
        self.file, self.exit_code, self.killed_for, self.tail = file, exit_code, killed_for, tail


class TimeLimitError(ActorError):
    """A handler, or the wait for its answer, took longer than limit_s."""

    def __init__(self, step: str, *, limit_s: float) -> None:
        super().__init__(
            f"step {step!r} did not finish within {limit_s:g} s; "
            f"raise infrastructure.handler.timeout or make it faster"
        )
        self.step, self.limit_s = step, limit_s


# The store.


class StoreError(MotiaError):
    """The store cannot do what was asked; nothing of the commit was kept."""


class StoreFullError(StoreError):
    """The store is at its limit in bytes, or the disk is full. Old data stays readable."""

    retry_after_s = 5.0


class QueueFullError(StoreError):
    """The queue of a step is at depth_max. The emitter may try again after retry_after_s."""

    def __init__(
        self, step: str, *, depth: int, depth_max: int, retry_after_s: float = 1.0
    ) -> None:
        super().__init__(
            f"queue of step {step!r} holds {depth} deliveries, its limit is {depth_max}; "
            f"try again in {retry_after_s:g} s or raise infrastructure.queue.depth"
        )
        self.step, self.depth, self.depth_max = step, depth, depth_max
        self.retry_after_s = retry_after_s


class StoreClosedError(StoreError):
    """The store was closed, or is used by a process other than the one that opened it."""


class StoreCorruptError(StoreError):
    """The data file is not one of ours, or damaged. It was left as it is."""


class ConflictError(StoreError):
    """What a commit had read was changed since by somebody else. The reader reads again."""

    def __init__(self, group: str, key: str, *, tries: int = 1) -> None:
        often = "" if tries == 1 else f" {tries} times in a row; try again when fewer write it"
        super().__init__(f"state {group!r}, {key!r} was changed by somebody else meanwhile{often}")
        self.group, self.key = group, key


class LeaseLostError(StoreError):
    """The delivery was given to somebody else, or finished, since it was leased."""

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"the lease of delivery {delivery_id} is no longer ours")
        self.delivery_id = delivery_id
